//! `slugline tiers`

use serde::Serialize;
use slugline_core::addon::{PlanName, ServiceName};
use slugline_core::port::Providers;

use super::{backer, in_use};
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TierJson {
    tier: String,
    price: String,
    price_cents: u64,
    summary: String,
    plugin: String,
    from: String,
    apps: Vec<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let host = context.plugin_host()?;
    let used = in_use(&context.ledger()?)?;
    let mut tiers = Vec::new();
    let service = host.catalogue().0.get(&ServiceName::tier());
    for (name, spec) in service.into_iter().flat_map(|service| &service.plans) {
        let Ok(plan) = PlanName::new(ServiceName::tier(), name) else {
            continue;
        };
        let on = used.iter().filter(|(_, tier)| *tier == plan);
        let plugin = backer(&host, &plan);
        tiers.push(TierJson {
            tier: plan.to_string(),
            price: spec.price.to_string(),
            price_cents: spec.price.cents(),
            summary: spec.summary.clone(),
            plugin: plugin.as_ref().map_or(String::new(), |p| p.name.clone()),
            from: plugin.map_or(String::new(), |p| p.source),
            apps: on.map(|(app, _)| app.to_string()).collect(),
        });
    }
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&tiers)?);
        return Ok(Status::Done);
    }
    let row = |tier: &TierJson| {
        let apps = named(&tier.apps);
        vec![
            tier.tier.clone(),
            tier.price.clone(),
            tier.summary.clone(),
            apps,
        ]
    };
    let rows: Vec<_> = tiers.iter().map(row).collect();
    context
        .ui
        .lines(table(&["Tier", "Price", "What it keeps", "Apps"], &rows));
    Ok(Status::Done)
}

/// The apps, as many as fit into a table.
fn named(apps: &[String]) -> String {
    const MOST: usize = 10;
    match apps.len() {
        0..=MOST => apps.join(", "),
        count => format!("{} and {} more", apps[..MOST].join(", "), count - MOST),
    }
}
