//! `slugline addons:remove`

use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::corridor::{Done, Engine, Failure};
use slugline_core::operation::Plan;
use slugline_core::operation::addons::{Remove, installed};

use crate::commands::{Outcome, confirm, dry_run};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// The add-on
    service: String,
    /// The app's name again, instead of being asked for it
    #[arg(long, value_name = "APP")]
    confirm: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let operation = Remove {
        service: args.service.clone(),
    };
    let moment = context.moment(engine.ledger, &app)?;
    installed(&moment.state.addons, &args.service).map_err(Failure::from)?;
    if args.dry_run {
        let request = context.request(&app, &actor, Some(app.as_str()))?;
        return dry_run::show(context, &engine, &request, &operation);
    }
    if args.confirm.is_none() {
        warn_of_losses(context, &engine, &app, &actor, &operation)?;
    }
    confirm::confirm(context, &app, args.confirm.as_deref())?;
    let request = context.request(&app, &actor, Some(app.as_str()))?;
    let heading = |_: &Plan| format!("Removing {} from {app}...", args.service);
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &Done| {
        let gone = done.plan.before.addons.iter();
        let mut gone = gone.filter(|(name, _)| !done.plan.addons.contains_key(*name));
        super::end(
            done,
            gone.next()
                .map(|(_, addon)| addon.price)
                .unwrap_or_default(),
        )
    };
    change(context, &engine, &request, &operation, &mut narrator, &end)
}

/// S14: without its tier an app keeps less; which releases would be lost is said before the question.
fn warn_of_losses(
    context: &Context,
    engine: &Engine<'_>,
    app: &AppName,
    actor: &Actor,
    operation: &Remove,
) -> Result<(), CommandError> {
    let unconfirmed = context.request(app, actor, None)?;
    if let Err(Failure::Refused(losses)) = engine.dry_run(&unconfirmed, operation) {
        losses.iter().for_each(|loss| context.ui.warning(loss));
    }
    Ok(())
}
