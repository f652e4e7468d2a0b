//! `releases` and its verbs.

pub mod diff;
pub mod info;
pub mod list;
pub mod output;
pub mod pin;
pub mod prune;
pub mod retry;
pub mod rollback;
pub mod unpin;
pub mod verify;
