//! `slugline maintenance`

use serde::Serialize;
use slugline_core::port::Ledger as _;

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
struct MaintenanceJson {
    maintenance: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let settings = ledger.settings(&app);
    let settings = settings.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let maintenance = settings.maintenance;
    if args.json {
        let answer = serde_json::to_string_pretty(&MaintenanceJson { maintenance })?;
        context.ui.data(answer);
    } else {
        context.ui.data(if maintenance { "on" } else { "off" });
    }
    Ok(Status::Done)
}
