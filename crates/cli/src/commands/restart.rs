//! `slugline restart`

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::progress::Narrator;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
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
