//! What the commands that set one thing of an app share: reading it, and changing it under the app's
//! lock. It must not know which setting it is.

use slugline_core::app::AppName;
use slugline_core::corridor::Failure;
use slugline_core::port::{Ledger, Moment};
use slugline_core::settings::Settings;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::progress::Narrator;

/// The app that is meant, and what is set of it.
///
/// # Errors
/// Where there is no such app.
pub fn read(context: &Context) -> Result<(AppName, Settings), CommandError> {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let settings = ledger.settings(&app);
    let settings = settings.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    Ok((app, settings))
}

/// What a command sets, under the app's lock; it may refuse.
pub type Setting<'a> = dyn FnMut(&Moment, &mut Settings) -> Result<(), Failure> + 'a;

/// Changes what is set of the app that is meant. Answers how it is now, and whether it was changed.
///
/// # Errors
/// Why it was not.
pub fn apply(
    context: &Context,
    what: &str,
    set: &mut Setting<'_>,
) -> Result<(AppName, Settings, bool), CommandError> {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let mut narrator = Narrator::silent(&context.ui);
    match engine.change_settings(&request, what, set, &mut narrator) {
        Ok(settings) => Ok((app, settings, true)),
        Err(Failure::Nothing(_)) => {
            context.typed.changed_nothing();
            let settings = engine.ledger.settings(&app)?;
            Ok((app, settings, false))
        }
        Err(failure) => Err(context.no_app(engine.ledger, failure.into(), &app)),
    }
}

/// Changes what is set, and says how it is now; that also where it was so already.
///
/// # Errors
/// Why it was not changed.
pub fn change(
    context: &Context,
    what: &str,
    set: &dyn Fn(&mut Settings),
    say: &dyn Fn(&AppName, &Settings) -> String,
) -> Outcome {
    let mut set = |_: &Moment, settings: &mut Settings| {
        set(settings);
        Ok(())
    };
    let (app, settings, _) = apply(context, what, &mut set)?;
    context.ui.data(say(&app, &settings));
    Ok(Status::Done)
}

/// A change of what is set, and how it is told.
pub struct Change<'a> {
    /// For those who wait for it, such as `Add www.example.com`.
    pub what: String,
    /// The answer, where it is made.
    pub said: String,
    /// The command that takes it back.
    pub undo: String,
    /// The answer, where all is so already.
    pub nothing: String,
    /// The change itself.
    pub change: &'a mut Setting<'a>,
}

/// Makes a change of what is set, and tells of it.
///
/// # Errors
/// Why it was not made.
pub fn make(context: &Context, change: Change<'_>) -> Outcome {
    let (_, _, changed) = apply(context, &change.what, change.change)?;
    if changed {
        context.ui.data(change.said);
        context.ui.status(format_args!("Undo: {}", change.undo));
    } else {
        context.ui.data(change.nothing);
    }
    Ok(Status::Done)
}

/// The answer of a command that shows a setting.
///
/// # Errors
/// None but those of JSON itself.
pub fn show(context: &Context, json: Option<serde_json::Value>, text: String) -> Outcome {
    context.typed.changed_nothing();
    match json {
        Some(view) => context.ui.data(serde_json::to_string_pretty(&view)?),
        None => context.ui.data(text),
    }
    Ok(Status::Done)
}
