//! `slugline apps:destroy`

use slugline_core::port::Moment;

use crate::commands::{Outcome, confirm, git};
use crate::context::Context;
use crate::exit::Status;
use crate::garbage;
use crate::progress::Narrator;

#[derive(clap::Args)]
pub struct Args {
    /// The app's name again, instead of being asked for it
    #[arg(long, value_name = "APP")]
    confirm: Option<String>,
    /// Show what would be lost, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let moment = context.moment(engine.ledger, &app)?;
    if args.dry_run {
        show(context, &moment);
        return Ok(Status::Done);
    }
    confirm::confirm(context, &app, args.confirm.as_deref())?;
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let left = engine.destroy_app(&request, &mut Narrator::silent(&context.ui))?;
    wired.forget(&app)?;
    git::repository::remove(context, &app)?;
    context.ui.data(format_args!(
        "Destroying {app} (including all add-ons)... done"
    ));
    for why in left {
        context.ui.warning(why);
    }
    drop(wired);
    garbage::tidy(&context.home, &context.env, context.ui);
    Ok(Status::Done)
}

/// What would be lost.
fn show(context: &Context, moment: &Moment) {
    let app = &moment.app.name;
    let resources = moment
        .state
        .addons
        .values()
        .filter(|addon| addon.resource.is_some());
    context.ui.data(format_args!("Would destroy {app}:"));
    let last = moment.last;
    context
        .ui
        .data(format_args!("  history  all releases up to {last}"));
    for addon in resources {
        context.ui.data(format_args!(
            "  add-on   {} with all that it holds",
            addon.plan
        ));
    }
    context
        .ui
        .data(format_args!("  git      {}", context.git_url(app)));
    context.ui.status("Nothing has been changed.");
}
