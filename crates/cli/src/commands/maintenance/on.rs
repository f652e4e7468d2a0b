//! `slugline maintenance:on`

use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let app = context.app()?;
    let change = Change {
        what: "Enable maintenance mode".to_owned(),
        said: format!("Enabling maintenance mode for {app}... done"),
        undo: "slugline maintenance:off".to_owned(),
        nothing: format!("{app} is in maintenance mode already."),
        change: &mut |_, settings| {
            settings.maintenance = true;
            Ok(())
        },
    };
    make(context, change)
}
