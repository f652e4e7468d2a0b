//! `slugline apps`

use serde::Serialize;
use slugline_core::port::Ledger;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::when::rfc3339;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AppJson {
    name: String,
    owner: String,
    created_at: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let apps = context.ledger()?.apps()?;
    if args.json {
        let rows = apps.iter().map(|app| AppJson {
            name: app.name.to_string(),
            owner: app.owner.to_string(),
            created_at: rfc3339(app.created_at),
        });
        context
            .ui
            .data(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
    } else if apps.is_empty() {
        context.ui.data("You have no apps.");
    } else {
        for app in apps {
            context.ui.data(app.name);
        }
    }
    Ok(Status::Done)
}
