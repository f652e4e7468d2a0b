//! What git has to do with: the repository that an app owns, its remote, and what is pushed.

pub mod receive;
pub mod remote;
pub mod repository;
