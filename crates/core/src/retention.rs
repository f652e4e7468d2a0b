//! Applying a tier's answer safely.
