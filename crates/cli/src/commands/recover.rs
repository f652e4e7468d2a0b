//! `slugline recover`, which no person types: as what a command goes on whose change was given up.

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The signal that gave it up
    #[arg(long, value_name = "N")]
    signal: u8,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    match wired.engine().recover_now(&app)? {
        Some(said) => context.ui.warning(said),
        None => context
            .ui
            .warning("Interrupted. Nothing is left half-done."),
    }
    Ok(Status::Interrupted(args.signal))
}
