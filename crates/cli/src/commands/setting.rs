//! What the commands that set one thing of an app share: reading it, and changing it under the app's
//! lock. It must not know which setting it is.

use slugline_core::app::AppName;
use slugline_core::corridor::Failure;
use slugline_core::port::Ledger;
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
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let mut narrator = Narrator::silent(&context.ui);
    let mut change = |_: &_, settings: &mut Settings| {
        set(settings);
        Ok(())
    };
    match engine.change_settings(&request, what, &mut change, &mut narrator) {
        Ok(settings) => context.ui.data(say(&app, &settings)),
        Err(Failure::Nothing(_)) => {
            let settings = engine.ledger.settings(&app)?;
            context.nothing(say(&app, &settings));
        }
        Err(failure) => return Err(context.no_app(engine.ledger, failure.into(), &app)),
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
