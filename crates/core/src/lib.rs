//! The release engine of Slugline: the words of the domain, its rules, its operations and the
//! corridor that every change walks.
//!
//! It must not know a database, a process, a file, a terminal, the environment or the clock. It
//! sees the world through the traits in [`port`].

pub mod access;
pub mod actor;
pub mod addon;
pub mod app;
pub mod bill;
pub mod billing;
pub mod build;
pub mod change;
pub mod config;
pub mod corridor;
pub mod drain;
pub mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod journal;
pub mod operation;
pub mod port;
pub mod price;
pub mod query;
pub mod refusal;
pub mod release;
pub mod resource;
pub mod retention;
pub mod scale;
pub mod settings;
pub mod slug;
pub mod state;
pub mod suggest;
pub mod time;
pub mod webhook;
