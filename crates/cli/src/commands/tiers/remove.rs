//! `slugline tiers:remove`

use slugline_core::corridor::Failure;
use slugline_core::port::Providers;
use slugline_core::refusal::Refusal;

use super::{backer, in_use, plan};
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::trial::{plugin_name, uninstall};

#[derive(clap::Args)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let tier = plan(&args.name)?;
    let host = context.plugin_host()?;
    if let Err(error) = host.catalogue().find(&tier.to_string()) {
        return Err(Failure::from(Refusal::from(error)).into());
    }
    let plugin = backer(&host, &tier).map(|plugin| plugin.name);
    let plugin = plugin.unwrap_or_default();
    if plugin != plugin_name(tier.plan()) {
        return Err(CommandError::failed(format!(
            "{tier} is part of the plugin {plugin}, and was not added with tiers:add."
        )));
    }
    let used = in_use(&context.ledger()?)?;
    let on: Vec<_> = used.iter().filter(|(_, other)| *other == tier).collect();
    if let Some((first, _)) = on.first() {
        let names: Vec<_> = on.iter().map(|(app, _)| app.to_string()).collect();
        let text = format!("{tier} is the tier of {}.", names.join(", "));
        let hint = format!(
            "Move each to another one first: slugline addons:upgrade releases:advanced --app {first}"
        );
        return Err(CommandError::failed(text).hint(&hint));
    }
    uninstall(context, tier.plan())?;
    context
        .ui
        .data(format_args!("Removing the tier {tier}... done"));
    Ok(Status::Done)
}
