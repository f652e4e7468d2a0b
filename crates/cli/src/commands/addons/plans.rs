//! `slugline addons:plans`

use serde::Serialize;
use slugline_core::addon::ServiceName;
use slugline_core::port::Providers;
use slugline_core::refusal::Refusal;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;

#[derive(clap::Args)]
pub struct Args {
    /// The add-on; all of them where none is named
    service: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PlanJson {
    plan: String,
    price: String,
    price_cents: u64,
    default: bool,
    summary: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let host = context.plugin_host()?;
    let catalogue = host.catalogue();
    let wanted = args.service.as_deref().map(ServiceName::new).transpose();
    let wanted = wanted.map_err(|error| crate::error::CommandError::because(&error))?;
    if let Some(name) = &wanted
        && !catalogue.0.contains_key(name)
        && let Err(error) = catalogue.find(name.as_str())
    {
        return Err(slugline_core::corridor::Failure::from(Refusal::from(error)).into());
    }
    let chosen = catalogue
        .0
        .iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|w| w == *name));
    let rows: Vec<PlanJson> = chosen
        .flat_map(|(service, spec)| {
            spec.plans.iter().map(move |(plan, entry)| PlanJson {
                plan: format!("{service}:{plan}"),
                price: entry.price.to_string(),
                price_cents: entry.price.cents(),
                default: spec.default.as_ref() == Some(plan),
                summary: entry.summary.clone(),
            })
        })
        .collect();
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&rows)?);
        return Ok(Status::Done);
    }
    let row = |plan: &PlanJson| {
        let name = if plan.default {
            format!("{} (default)", plan.plan)
        } else {
            plan.plan.clone()
        };
        vec![name, plan.price.clone(), plan.summary.clone()]
    };
    context.ui.lines(table(
        &["Plan", "Price", "What it is"],
        &rows.iter().map(row).collect::<Vec<_>>(),
    ));
    Ok(Status::Done)
}
