//! `slugline maintenance:off`

use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let app = context.app()?;
    let change = Change {
        what: "Disable maintenance mode".to_owned(),
        said: format!("Disabling maintenance mode for {app}... done"),
        undo: "slugline maintenance:on".to_owned(),
        nothing: format!("{app} is not in maintenance mode."),
        change: &mut |_, settings| {
            settings.maintenance = false;
            Ok(())
        },
    };
    make(context, change)
}
