//! `slugline webhooks`

use serde::Serialize;
use slugline_core::port::Webhooks as _;
use slugline_core::webhook::Webhook;

use super::{short, shown};
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;
use crate::render::when::rfc3339;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct WebhookJson<'a> {
    id: &'a str,
    include: Vec<&'static str>,
    level: &'static str,
    address: String,
    created_at: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let all = ledger.webhooks(&app);
    let all = all.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    if args.json {
        let rows: Vec<_> = all.iter().map(view).collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
    } else if all.is_empty() {
        context.ui.data(format_args!("{app} has no webhooks"));
    } else {
        let rows: Vec<_> = all.iter().map(row).collect();
        let header = ["Id", "Address", "Level", "Told of"];
        context.ui.lines(table(&header, &rows));
    }
    Ok(Status::Done)
}

fn row(webhook: &Webhook) -> Vec<String> {
    let include: Vec<_> = webhook.include.iter().map(|one| one.word()).collect();
    vec![
        short(&webhook.id).to_owned(),
        shown(&webhook.target.url),
        webhook.level.word().to_owned(),
        include.join(", "),
    ]
}

fn view(webhook: &Webhook) -> WebhookJson<'_> {
    WebhookJson {
        id: webhook.id.as_str(),
        include: webhook.include.iter().map(|one| one.word()).collect(),
        level: webhook.level.word(),
        address: shown(&webhook.target.url),
        created_at: rfc3339(webhook.created_at),
    }
}
