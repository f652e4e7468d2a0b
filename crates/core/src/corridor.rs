//! The corridor that every change walks: plan, check, prepare, record, launch, settle, announce.
