//! `slugline drains`

use serde::Serialize;
use slugline_core::port::Ledger as _;

use super::shown;
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
struct DrainJson<'a> {
    id: &'a str,
    address: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let settings = ledger.settings(&app);
    let settings = settings.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    if args.json {
        let rows = settings.drains.iter().map(|drain| DrainJson {
            id: &drain.id,
            address: shown(drain),
        });
        let rows: Vec<_> = rows.collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
    } else if settings.drains.is_empty() {
        context.ui.data(format_args!("{app} has no log drains"));
    } else {
        let lines = settings.drains.iter();
        context
            .ui
            .lines(lines.map(|drain| format!("{}  {}", drain.id, shown(drain))));
    }
    Ok(Status::Done)
}
