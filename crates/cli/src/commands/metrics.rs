//! `slugline metrics`

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let text = context.supervisor().metrics()?;
    context.ui.data(text.trim_end());
    Ok(Status::Done)
}
