//! `slugline addons:list`

use std::collections::BTreeMap;

use slugline_core::port::Providers;

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

pub fn run(context: &Context, args: &Args) -> Outcome {
    let host = context.plugin_host()?;
    let services = &host.catalogue().0;
    if args.json {
        let rows: BTreeMap<_, _> = services
            .iter()
            .map(|(name, spec)| (name.as_str(), spec.summary.as_str()))
            .collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
        return Ok(Status::Done);
    }
    let row = |(name, spec): (
        &slugline_core::addon::ServiceName,
        &slugline_core::addon::ServiceSpec,
    )| {
        let plans: Vec<_> = spec.plans.keys().map(String::as_str).collect();
        vec![name.to_string(), plans.join(", "), spec.summary.clone()]
    };
    context.ui.lines(table(
        &["Add-on", "Plans", "What it is"],
        &services.iter().map(row).collect::<Vec<_>>(),
    ));
    Ok(Status::Done)
}
