//! What the fault tests share: the shim that ends the real binary at one system call, a machine
//! that can be put back to how it was, and what has to be true of it whatever happened. It must not
//! know which commands are tried.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part of this"
)]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

pub(crate) mod checks;
pub(crate) mod client;
pub(crate) mod dice;
pub(crate) mod model;
pub(crate) mod operations;
pub(crate) mod processes;
pub(crate) mod provider;
pub(crate) mod shim;
pub(crate) mod world;
