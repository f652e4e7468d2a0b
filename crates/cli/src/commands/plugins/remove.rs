//! `slugline plugins:remove`

use std::collections::BTreeSet;

use slugline_core::port::{Ledger, LedgerError};
use slugline_plugin_host::install;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The plugin
    #[arg(value_name = "NAME")]
    name: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (home, name) = (&context.home, &args.name);
    if !install::is_installed(home, name) {
        let error = CommandError::failed(format!("There is no plugin {name} to remove."));
        return Err(error.hint("`slugline plugins` lists those there are; embedded ones stay."));
    }
    let provides = install::provides(home, name);
    let users = users(&context.ledger()?, &provides)?;
    if let Some((app, addon)) = users.first() {
        let all: Vec<String> = users
            .iter()
            .map(|(app, addon)| format!("{app} ({addon})"))
            .collect();
        let text = format!("{name} is in use by {}.", all.join(", "));
        let hint = match addon.starts_with("releases:") {
            true => "slugline addons:upgrade releases:advanced".to_owned(),
            false => {
                let service = addon.split(':').next().unwrap_or_default();
                format!("slugline addons:remove {service}")
            }
        };
        return Err(CommandError::failed(text).hint(&format!("First: {hint} --app {app}")));
    }
    install::remove(home, name)?;
    context.ui.data(format_args!("Removing {name}... done"));
    Ok(Status::Done)
}

/// The apps with one of these add-ons or tiers, or with a resource of one that is still to be
/// destroyed, each with its plan.
fn users(
    ledger: &dyn Ledger,
    provides: &BTreeSet<String>,
) -> Result<Vec<(String, String)>, LedgerError> {
    let mut found = BTreeSet::new();
    for outline in ledger.outlines()? {
        let app = &outline.app.name;
        let installed = outline.addons.values().map(|addon| addon.plan.clone());
        let resources = ledger.resources(app)?;
        let plans = installed.chain(resources.into_iter().map(|it| it.plan));
        for plan in plans {
            let (whole, service) = (plan.to_string(), plan.service().to_string());
            if provides.contains(&whole) || provides.contains(&service) {
                found.insert((app.to_string(), whole));
            }
        }
    }
    Ok(found.into_iter().collect())
}
