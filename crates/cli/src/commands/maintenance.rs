//! `maintenance` and its verbs.

pub mod off;
pub mod on;
pub mod show;
