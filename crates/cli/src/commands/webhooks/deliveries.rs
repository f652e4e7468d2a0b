//! `slugline webhooks:deliveries`

use serde::Serialize;
use slugline_core::port::Webhooks as _;
use slugline_core::webhook::{Delivery, Progress};

use super::short;
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::table;
use crate::render::when::{When, rfc3339};

#[derive(clap::Args)]
pub struct Args {
    /// So many, the newest ones
    #[arg(short, long, default_value_t = 20, value_name = "N")]
    number: usize,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct DeliveryJson<'a> {
    webhook: &'a str,
    event: &'static str,
    action: &'static str,
    status: &'static str,
    attempts: u32,
    code: Option<u16>,
    error: Option<&'a str>,
    created_at: String,
    next_attempt_at: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let all = ledger.deliveries(&app);
    let all = all.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let newest = || all.iter().rev().take(args.number);
    if args.json {
        let rows: Vec<_> = newest().map(view).collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
    } else if all.is_empty() {
        context.ui.data(format_args!("{app} has no deliveries"));
    } else {
        let when = context.when()?;
        let rows: Vec<_> = newest().map(|one| row(one, &when)).collect();
        let header = ["Webhook", "Event", "Status", "Tries", "Answer", "When"];
        context.ui.lines(table(&header, &rows));
    }
    Ok(Status::Done)
}

fn row(delivery: &Delivery, when: &When) -> Vec<String> {
    let what = &delivery.event.what;
    let last = delivery.last.as_ref();
    let code = last
        .and_then(|tried| tried.code)
        .map(|code| code.to_string());
    let error = last.and_then(|tried| tried.error.clone());
    vec![
        short(&delivery.webhook).to_owned(),
        format!("{} {}", what.include().word(), what.action().word()),
        delivery.progress.word().to_owned(),
        delivery.attempts.to_string(),
        code.or(error).unwrap_or_default(),
        when.say(delivery.event.by.at),
    ]
}

fn view(delivery: &Delivery) -> DeliveryJson<'_> {
    let what = &delivery.event.what;
    let last = delivery.last.as_ref();
    let waits = matches!(delivery.progress, Progress::Pending | Progress::Retrying);
    DeliveryJson {
        webhook: delivery.webhook.as_str(),
        event: what.include().word(),
        action: what.action().word(),
        status: delivery.progress.word(),
        attempts: delivery.attempts,
        code: last.and_then(|tried| tried.code),
        error: last.and_then(|tried| tried.error.as_deref()),
        created_at: rfc3339(delivery.event.by.at),
        next_attempt_at: waits.then(|| rfc3339(delivery.due)),
    }
}
