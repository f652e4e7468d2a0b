//! What was typed and not understood: said in our own form, with the nearest that there is.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use slugline_core::suggest::nearest;

use crate::exit::Status;
use crate::ui::Ui;

/// Shows help and version on standard output, and everything else as an error.
pub fn report(ui: &Ui, error: &clap::Error, commands: &[&str]) -> Status {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.part(error.render());
            return Status::Done;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            ui.status(error.render());
        }
        ErrorKind::InvalidSubcommand => unknown_command(ui, error, commands),
        _ => ui.error(plain(error)),
    }
    Status::Usage
}

fn unknown_command(ui: &Ui, error: &clap::Error, commands: &[&str]) {
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => typed.clone(),
        _ => String::new(),
    };
    ui.error(format_args!("`{typed}` is not a slugline command."));
    if let Some(meant) = nearest(&typed, commands.iter().copied()) {
        ui.error(format_args!("Perhaps you meant `{meant}`."));
    }
    ui.error("See `slugline --help` for all commands.");
}

/// clap's words without its heading and colours.
pub fn plain(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
