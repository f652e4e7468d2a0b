//! `slugline releases:retry`

use slugline_core::corridor::Done;
use slugline_core::operation::Plan;
use slugline_core::operation::retry::Retry;

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    if args.dry_run {
        return dry_run::show(context, &engine, &request, &Retry);
    }
    let heading = |plan: &Plan| format!("Retrying {}...", plan.change);
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &Done| format!(" done, {}", done.release.version);
    change(context, &engine, &request, &Retry, &mut narrator, &end)
}
