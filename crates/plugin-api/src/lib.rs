//! What the authors of Slugline plugins see: the manifest, and the messages of every hook.
//!
//! Types only, with serde on both sides, so that a process boundary can stand between a plugin and
//! its host. It must not know the engine: its types are its own, and the host converts.

pub mod hook;
pub mod manifest;
pub mod message;
pub mod shape;

/// The version of the plugin API that this crate describes, as a manifest says it (`api: 1`).
pub const API_VERSION: u64 = 1;
