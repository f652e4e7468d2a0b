//! Development only: sample values, a ledger in memory, the contract that it and every other ledger
//! must pass, a world in memory around the engine, and a model of its rules.
//!
//! It must not be a dependency of anything that is shipped, and knows no crate of ours but the
//! core.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

pub mod contract;
pub mod corpus;
pub mod environment;
pub mod idle;
pub mod memory;
pub mod model;
pub mod values;
pub mod world;

pub use memory::MemoryLedger;

/// A temporary folder that only its owner can look into, as a home has to be.
///
/// # Panics
/// Where the disk fails.
#[must_use]
pub fn private_folder() -> tempfile::TempDir {
    private().tempdir().expect("a temporary folder")
}

/// As [`private_folder`], in memory where there is such a place: for tests that do not ask what is
/// durable, and commit thousands of times.
///
/// # Panics
/// Where the disk fails.
#[must_use]
pub fn swift_folder() -> tempfile::TempDir {
    let folder = private().tempdir_in("/dev/shm");
    folder.unwrap_or_else(|_| private_folder())
}

fn private<'a>() -> tempfile::Builder<'a, 'a> {
    use std::os::unix::fs::PermissionsExt;
    let mut folder = tempfile::Builder::new();
    folder.permissions(std::fs::Permissions::from_mode(0o700));
    folder
}
