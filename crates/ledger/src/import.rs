//! An app's history that was exported elsewhere, read whole and checked whole before anything of it
//! is written. It must not know a slug store nor what an add-on is good for.
//!
//! `form.rs` says what a document looks like, `parse.rs` reads it, `check.rs` says whether it is a
//! history, `settle.rs` what is added to it, and `write.rs` writes it down.

mod check;
pub(crate) mod form;
mod parse;
pub(crate) mod settle;
mod write;

#[cfg(test)]
mod tests;

pub use check::Document;
pub use parse::{InvalidDocument, MAX_BYTES};
