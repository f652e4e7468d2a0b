//! `slugline run:detached`

use super::What;
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    what: What,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let command = args.what.command();
    let name = args.what.start(context, None, |control, spec, _in_use| {
        control.run_detached(spec, &command)
    })?;
    context
        .ui
        .data(format_args!("Running {command}... up, {name}"));
    context.ui.status("Its output: slugline logs");
    Ok(Status::Done)
}
