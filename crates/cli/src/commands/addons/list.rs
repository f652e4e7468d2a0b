//! `slugline addons`

use serde::Serialize;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AddonJson {
    plan: String,
    price: String,
    resource: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    let addons = moment.state.addons.values();
    if args.json {
        let rows = addons.map(|addon| AddonJson {
            plan: addon.plan.to_string(),
            price: addon.price.to_string(),
            resource: addon.resource.as_ref().map(ToString::to_string),
        });
        context
            .ui
            .data(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
    } else if moment.state.addons.is_empty() {
        context.ui.data("No addons installed");
    } else {
        for addon in addons {
            context.ui.data(&addon.plan);
        }
    }
    Ok(Status::Done)
}
