//! `domains` and its verbs.

pub mod add;
pub mod list;
pub mod remove;
