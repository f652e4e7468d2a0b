//! `access` and its verbs: who may do what with an app.

pub mod add;
pub mod list;
pub mod remove;

use slugline_core::actor::Actor;

use crate::error::CommandError;

/// The person that a word names.
///
/// # Errors
/// Where it names none.
fn person(word: &str) -> Result<Actor, CommandError> {
    Actor::new(word).map_err(|error| CommandError::usage(error.to_string()))
}
