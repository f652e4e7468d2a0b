//! `apps` and its verbs.

pub mod create;
pub mod destroy;
pub mod info;
pub mod list;
