//! What `addons:upgrade` and `addons:downgrade` share.

use slugline_core::corridor::Done;
use slugline_core::operation::Plan;
use slugline_core::operation::addons::{ChangePlan, Way};

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// The add-on and its new plan
    #[arg(value_name = "ADDON:PLAN")]
    plan: String,
    /// The app's name, where the change loses releases
    #[arg(long, value_name = "APP")]
    confirm: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args, way: Way) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, args.confirm.as_deref())?;
    let operation = ChangePlan {
        plan: args.plan.clone(),
        way,
    };
    if args.dry_run {
        return dry_run::show(context, &engine, &request, &operation);
    }
    let verb = match way {
        Way::Down => "Downgrading",
        Way::Up | Way::Either => "Upgrading",
    };
    let heading = |_: &Plan| format!("{verb} {} on {app}...", args.plan);
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &Done| {
        let changed = done.plan.addons.iter();
        let mut changed =
            changed.filter(|(name, addon)| done.plan.before.addons.get(*name) != Some(addon));
        super::end(
            done,
            changed
                .next()
                .map(|(_, addon)| addon.price)
                .unwrap_or_default(),
        )
    };
    change(context, &engine, &request, &operation, &mut narrator, &end)
}
