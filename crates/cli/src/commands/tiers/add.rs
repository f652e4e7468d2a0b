//! `slugline tiers:add`

use slugline_core::addon::PlanName;
use slugline_core::corridor::{Engine, Failure};
use slugline_core::port::Providers;
use slugline_core::retention;

use super::{backer, plan};
use crate::commands::Outcome;
use crate::commands::releases::prune::summary;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::trial::{Trial, plugin_name};

#[derive(clap::Args)]
pub struct Args {
    /// Its name, as the script says it: slugline.tier("NAME")
    #[arg(value_name = "NAME")]
    name: String,
    /// The script
    #[arg(value_name = "SCRIPT")]
    script: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let tier = plan(&args.name)?;
    let wired = context.wired()?;
    refuse_taken(context, wired.engine().providers, &tier)?;
    let trial = Trial::of_script_named(context, tier.plan(), &args.script)?;
    let engine = Engine {
        policies: trial.host(),
        ..wired.engine()
    };
    check(context, &engine, &tier, &args.script)?;
    context
        .ui
        .status("It may do nothing but answer: no program, no network, no mail, no store.");
    trial.install(context)?;
    context
        .ui
        .data(format_args!("Adding the tier {tier}... done"));
    context.ui.status(format_args!(
        "Use it: slugline addons:add {tier}, or slugline addons:upgrade {tier} where there is a \
         tier already."
    ));
    Ok(Status::Done)
}

/// A name belongs to one tier; a script that has been installed is not replaced under the apps
/// that rely on it.
fn refuse_taken(
    context: &Context,
    providers: &dyn Providers,
    tier: &PlanName,
) -> Result<(), CommandError> {
    if providers.catalogue().find(&tier.to_string()).is_err() {
        return Ok(());
    }
    let plugin = backer(&context.plugin_host()?, tier).map(|plugin| plugin.name);
    let plugin = plugin.unwrap_or_default();
    let remove = match plugin == plugin_name(tier.plan()) {
        true => format!(
            ", or remove that one first: slugline tiers:remove {}",
            tier.plan()
        ),
        false => ".".to_owned(),
    };
    Err(CommandError::failed(format!(
        "There is a tier {tier} already, from the plugin {plugin}.\nAdd yours under another \
         name{remove}"
    )))
}

/// Runs the script in its sandbox on an empty history, and on the history of every app.
fn check(
    context: &Context,
    engine: &Engine<'_>,
    tier: &PlanName,
    script: &str,
) -> Result<(), CommandError> {
    let broken = |error: CommandError| error.hint(&format!("{script} has not been added."));
    let empty = engine.policies.keep(tier, &mut Vec::new);
    empty.map_err(|error| broken(CommandError::because(&error)))?;
    context
        .ui
        .status(format_args!("Checked {script} on an empty history."));
    for app in engine.ledger.apps()? {
        let reviewed = retention::review(engine, &app.name, tier);
        let reviewed = reviewed.map_err(|error| broken(Failure::from(error).into()))?;
        if !reviewed.is_empty() {
            context.ui.status(summary(&app.name, tier, &reviewed));
        }
    }
    Ok(())
}
