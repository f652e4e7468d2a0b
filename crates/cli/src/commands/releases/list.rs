//! `slugline releases`

use slugline_core::query;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::release::{HEADER, ReleaseJson, row};

#[derive(clap::Args)]
pub struct Args {
    /// How many
    #[arg(short, long, default_value_t = 15, value_name = "N")]
    num: usize,
    /// For programs; says of each whether it can be rolled back to
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    if args.json {
        let wired = context.wired()?;
        let engine = wired.engine();
        let listed = engine.history_with_eligibility(&app, args.num);
        let listed = listed.map_err(|error| context.no_app(engine.ledger, error.into(), &app))?;
        let rows: Vec<ReleaseJson> = listed.iter().map(ReleaseJson::from).collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
        return Ok(Status::Done);
    }
    let ledger = context.ledger()?;
    let releases = query::history(&ledger, &app, args.num);
    let releases = releases.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let when = context.when()?;
    let rows = releases.iter().map(|release| row(release, &when));
    context
        .ui
        .lines(HEADER.map(str::to_owned).into_iter().chain(rows));
    Ok(Status::Done)
}
