//! `slugline addons:add`

use slugline_core::app::AppName;
use slugline_core::corridor::Failure;
use slugline_core::operation::Plan;
use slugline_core::operation::addons::Add;
use slugline_core::port::Ids;
use slugline_core::resource::Options;

use crate::clock::RandomIds;
use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// The add-on, or add-on:plan
    #[arg(value_name = "ADDON[:PLAN]")]
    plan: String,
    /// An option of the add-on; --url=X works as well
    #[arg(short, long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
    /// Options of the add-on as bare NAME=VALUE
    #[arg(value_name = "NAME=VALUE")]
    bare: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let words: Vec<String> = args.options.iter().chain(&args.bare).cloned().collect();
    if args.dry_run {
        let wired = context.wired()?;
        let actor = context.actor()?;
        let request = context.request(&app, &actor, None)?;
        let (engine, operation) = (wired.engine(), operation(&args.plan, &words)?);
        let failed = |failure: Failure| context.no_app(engine.ledger, failure.into(), &app);
        if engine.is_first_tier(&app, &args.plan).map_err(failed)? {
            let planned = engine.dry_run(&request, &operation)?;
            let tier = planned
                .plan
                .addons
                .values()
                .find(|addon| addon.resource.is_none());
            let tier = tier.map(|addon| addon.plan.to_string()).unwrap_or_default();
            context
                .ui
                .data(format_args!("Would add {tier} to {app}, without a release"));
            context.ui.status("Nothing has been changed.");
            return Ok(Status::Done);
        }
        return dry_run::show(context, &engine, &request, &operation);
    }
    add(context, &app, &args.plan, &words)
}

/// Adds an add-on to an app and says so.
///
/// # Errors
/// Why it was not added.
pub fn add(context: &Context, app: &AppName, plan: &str, options: &[String]) -> Outcome {
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(app, &actor, None)?;
    let operation = operation(plan, options)?;
    let failed = |failure: Failure| context.no_app(engine.ledger, failure.into(), app);
    if engine.is_first_tier(app, plan).map_err(failed)? {
        let mut silent = Narrator::silent(&context.ui);
        let tier = engine.install_first_tier(&request, &operation, &mut silent)?;
        context
            .ui
            .data(format_args!("Adding {} to {app}...done.", tier.plan));
        return Ok(Status::Done);
    }
    let heading = |_: &Plan| format!("Adding {plan} to {app}...");
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &slugline_core::corridor::Done| {
        let added = done
            .plan
            .addons
            .iter()
            .find(|(name, _)| !done.plan.before.addons.contains_key(*name));
        super::end(
            done,
            added.map(|(_, addon)| addon.price).unwrap_or_default(),
        )
    };
    change(context, &engine, &request, &operation, &mut narrator, &end)
}

fn operation(plan: &str, options: &[String]) -> Result<Add, CommandError> {
    let option = |word: &String| {
        let pair = word
            .split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| {
            CommandError::usage(format!("{word:?} is no option: write --name=value"))
        })
    };
    let options = options.iter().map(option).collect::<Result<Options, _>>()?;
    Ok(Add {
        plan: plan.to_owned(),
        options,
        id: RandomIds.resource(),
    })
}
