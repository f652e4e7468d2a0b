//! `slugline restart`

use crate::commands::{Outcome, ps};
use crate::context::Context;
use crate::exit::Status;
use crate::progress::Narrator;

#[derive(clap::Args)]
pub struct Args {
    /// A process such as web.1, or a type such as web; all where none is named
    #[arg(value_name = "PROCESS")]
    process: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(which) = &args.process {
        return ps::each(context, which, "Restarting", |control, app| {
            control.restart_some(app, which)
        });
    }
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let restarted = engine.restart(&request, &mut Narrator::silent(&context.ui));
    restarted.map_err(|error| context.no_app(engine.ledger, error.into(), &app))?;
    context.ui.data("Restarting processes... done");
    Ok(Status::Done)
}
