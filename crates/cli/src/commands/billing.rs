//! `slugline billing`

use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::billing::{Month, Usage, lines};
use slugline_core::port::{Clock, Ledger, LedgerError};
use slugline_core::time::Timestamp;

use crate::calendar;
use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::{CommandError, no_app};
use crate::exit::Status;
use crate::render::billing::Billing;

#[derive(clap::Args)]
pub struct Args {
    /// Only this month, such as 2026-11; every month on record where none is named
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// Only the apps of this owner
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
    /// Answer in CSV, for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.named_app()?;
    let owner = args.owner.as_deref().map(Actor::new).transpose()?;
    let month = args.month.as_deref().map(calendar::month).transpose()?;
    let now = MachineClock::new(&context.env)?.now();
    let ledger = context.ledger()?;
    let mut usage = used(&ledger, month.as_ref(), now)?;
    if let Some(app) = &app {
        usage.retain(|used| used.app == *app);
        if usage.is_empty() {
            refuse_unknown(&ledger, app)?;
        }
    }
    if let Some(owner) = &owner {
        usage.retain(|used| used.owner == *owner);
    }
    let first = usage.iter().map(|used| used.from).min().unwrap_or(now);
    let months = month.map_or_else(|| calendar::months(first, now), |month| vec![month]);
    let billing = Billing::new(&lines(&usage, &months, now), &months, now);
    match (args.json, args.csv) {
        (true, _) => context.ui.data(serde_json::to_string_pretty(&billing)?),
        (_, true) => context.ui.lines(billing.csv()),
        _ => context.ui.lines(billing.lines()),
    }
    Ok(Status::Done)
}

fn used(
    ledger: &dyn Ledger,
    month: Option<&Month>,
    now: Timestamp,
) -> Result<Vec<Usage>, LedgerError> {
    match month {
        Some(month) => ledger.usage(month.from, month.to),
        None => ledger.usage(Timestamp(i64::MIN), Timestamp(now.0.saturating_add(1))),
    }
}

/// An app that is gone may have a bill; one that never was is a mistake.
fn refuse_unknown(ledger: &dyn Ledger, app: &AppName) -> Result<(), CommandError> {
    let names = |used: Vec<Usage>| used.into_iter().map(|used| used.app);
    let billed = names(ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX))?);
    let apps = ledger.apps()?.into_iter().map(|app| app.name);
    let known: Vec<AppName> = apps.chain(billed).collect();
    if known.contains(app) {
        return Ok(());
    }
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    Err(no_app(app.as_str(), &known))
}
