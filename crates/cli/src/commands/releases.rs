//! `releases` and its verbs.

pub mod diff;
pub mod info;
pub mod list;
pub mod rollback;
