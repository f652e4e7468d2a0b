//! What the authors of Slugline plugins see: the manifest, and the messages of every hook.
//!
//! Types, with serde on both sides, for a process boundary stands between a plugin and its host;
//! and [`sdk`], for plugins in Rust. It must not know the engine: its types are its own, and the
//! host converts.

pub mod abi;
pub mod example;
pub mod hook;
pub mod manifest;
pub mod message;
pub mod protocol;
pub mod sdk;
pub mod shape;

/// The version of the plugin API that this crate describes, as a manifest says it (`api: 1`).
pub const API_VERSION: u64 = 1;
