//! `domains` and its verbs, `maintenance` and its, and what they share: a change of what is set of an
//! app, which makes no release and restarts nothing.

pub mod add;
pub mod list;
pub mod remove;

use slugline_core::corridor::Failure;
use slugline_core::port::Moment;
use slugline_core::settings::Settings;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::progress::Narrator;

/// A change of settings, and how it is told.
pub struct Change<'a> {
    /// For those who wait for it, such as `Add www.example.com`.
    pub what: String,
    /// The answer, where it is made.
    pub said: String,
    /// The command that takes it back.
    pub undo: String,
    /// The answer, where all is so already.
    pub nothing: String,
    /// The change itself, which may refuse.
    pub change: &'a mut dyn FnMut(&Moment, &mut Settings) -> Result<(), Failure>,
}

/// Makes a change of what is set of the app that is meant, and tells of it.
///
/// # Errors
/// Why it was not made.
pub fn set(context: &Context, change: Change<'_>) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let mut narrator = Narrator::silent(&context.ui);
    match engine.change_settings(&request, &change.what, change.change, &mut narrator) {
        Ok(_) => {
            context.ui.data(change.said);
            context.ui.status(format_args!("Undo: {}", change.undo));
        }
        Err(Failure::Nothing(_)) => context.nothing(change.nothing),
        Err(failure) => return Err(context.no_app(engine.ledger, failure.into(), &app)),
    }
    Ok(Status::Done)
}
