//! `slugline releases:pin`

use slugline_core::corridor::Failure;
use slugline_core::release::Version;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::progress::Narrator;

#[derive(clap::Args)]
pub struct Args {
    /// The release
    #[arg(value_name = "vN")]
    release: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let version: Version = args.release.parse()?;
    let said = format!("Pinned {version}: no tier prunes it.");
    let undo = format!("Undo: slugline releases:unpin {version}");
    set(context, version, true, [&said, &undo])
}

/// Sets whether a release is pinned, and says so with what undoes or follows it.
///
/// # Errors
/// Why it was not set.
pub fn set(context: &Context, version: Version, pinned: bool, said: [&str; 2]) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let mut narrator = Narrator::silent(&context.ui);
    match engine.pin_release(&request, version, pinned, &mut narrator) {
        Ok(()) => {
            context.ui.data(said[0]);
            context.ui.status(said[1]);
        }
        Err(Failure::Nothing(text)) => context.nothing(text),
        Err(failure) => return Err(context.no_app(engine.ledger, failure.into(), &app)),
    }
    Ok(Status::Done)
}
