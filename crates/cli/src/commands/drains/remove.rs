//! `slugline drains:remove`

use slugline_core::drain;

use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The drain, as `slugline drains` lists it, or its whole URL
    #[arg(value_name = "ID")]
    drain: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (wanted, app) = (&args.drain, context.app()?);
    let change = Change {
        // What was typed may be a URL with a password.
        what: "Remove a log drain".to_owned(),
        said: format!("Removing log drain from {app}... done"),
        undo: "slugline drains:add URL".to_owned(),
        nothing: String::new(),
        change: &mut |_, settings| drain::remove(&app, settings, wanted),
    };
    make(context, change)
}
