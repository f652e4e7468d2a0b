//! The question before something is lost: answered by `--confirm APP`, or by typing the name.

use slugline_core::app::AppName;

use crate::context::Context;
use crate::error::CommandError;

/// Asks, unless it has been answered.
///
/// # Errors
/// Where the answer is not the app's name, or nobody is there to answer.
pub fn confirm(context: &Context, app: &AppName, given: Option<&str>) -> Result<(), CommandError> {
    if answered(app, given)? {
        return Ok(());
    }
    context.ui.warning(format_args!(
        "WARNING: Potentially Destructive Action\nThis command will affect the app: {app}\n\
         To proceed, type \"{app}\" or re-run this command with --confirm {app}"
    ));
    match context.ui.ask("\n> ") {
        Some(answer) if answer == app.as_str() => Ok(()),
        Some(_) => Err(CommandError::failed(format!(
            "Input did not match {app}. Aborted."
        ))),
        None => Err(CommandError::failed("Nobody is there to answer. Aborted.")),
    }
}

/// Whether `--confirm` was given.
///
/// # Errors
/// Where it names another app.
pub fn answered(app: &AppName, given: Option<&str>) -> Result<bool, CommandError> {
    match given {
        Some(other) if other != app.as_str() => Err(CommandError::failed(format!(
            "Confirmed app {other} did not match the selected app {app}."
        ))),
        given => Ok(given.is_some()),
    }
}
