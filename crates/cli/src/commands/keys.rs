//! The commands about the ledger's keys.

pub mod rotate;
