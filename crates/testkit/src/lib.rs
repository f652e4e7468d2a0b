//! Development only: sample values, a ledger in memory, and the contract that it and every other
//! ledger must pass.
//!
//! It must not be a dependency of anything that is shipped, and knows no crate of ours but the
//! core.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

pub mod contract;
pub mod environment;
pub mod idle;
pub mod memory;
pub mod values;

pub use memory::MemoryLedger;
