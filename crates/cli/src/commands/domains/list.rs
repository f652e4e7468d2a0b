//! `slugline domains`

use serde::Serialize;
use slugline_core::port::Ledger as _;
use slugline_core::settings::Host;

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
struct DomainJson<'a> {
    domain: &'a str,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let settings = ledger.settings(&app);
    let settings = settings.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let names = settings.domains.iter().map(Host::as_str);
    if args.json {
        let all: Vec<_> = names.map(|domain| DomainJson { domain }).collect();
        context.ui.data(serde_json::to_string_pretty(&all)?);
    } else if settings.domains.is_empty() {
        context.ui.data(format_args!("{app} has no domains"));
    } else {
        context.ui.lines(names.map(str::to_owned));
    }
    Ok(Status::Done)
}
