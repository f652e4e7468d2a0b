//! `slugline audit`

use serde::Serialize;
use slugline_core::port::{Clock, Ledger, LedgerError};
use slugline_core::release::PluginsUsed;
use slugline_ledger::{Audited, Outcome as Became, Wanted};

use crate::calendar;
use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::cut;
use crate::render::table::table;
use crate::render::when::{When, rfc3339};

#[derive(clap::Args)]
pub struct Args {
    /// Only what this person did, or tried to do
    #[arg(long = "actor", value_name = "EMAIL")]
    by: Option<String>,
    /// Only what ended so
    #[arg(long, value_name = "OUTCOME", value_parser = ["done", "refused", "failed"])]
    outcome: Option<String>,
    /// Only what is not older: 30m, 12h, 2d, 3w, or a date such as 2026-11-20
    #[arg(long, value_name = "AGE|DATE")]
    since: Option<String>,
    /// How many
    #[arg(short, long, default_value_t = 50, value_name = "N")]
    num: usize,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.named_app()?;
    let now = MachineClock::new(&context.env)?.now();
    let since = args.since.as_deref();
    let since = since.map(|text| calendar::since(text, now)).transpose()?;
    let ledger = context.ledger()?;
    let found = ledger.audited(&Wanted {
        app: app.as_ref(),
        actor: args.by.as_deref(),
        outcome: args.outcome.as_deref().and_then(Became::of_word),
        since,
        limit: args.num,
    })?;
    if let (Some(app), true) = (&app, found.is_empty())
        && let Err(error @ LedgerError::NoApp(_)) = ledger.moment(app)
    {
        return Err(context.no_app(&ledger, CommandError::from(error), app));
    }
    if args.json {
        let views: Vec<View> = found.iter().map(View::new).collect();
        context.ui.data(serde_json::to_string_pretty(&views)?);
    } else if found.is_empty() {
        context.ui.data("Nothing of the kind is on record.");
    } else {
        let when = context.when()?;
        let rows: Vec<_> = found.iter().map(|one| row(one, &when)).collect();
        let header = ["When", "App", "By", "What", "From"];
        context.ui.lines(table(&header, &rows));
    }
    Ok(Status::Done)
}

fn row(audited: &Audited, when: &When) -> Vec<String> {
    let became = match audited.outcome {
        Became::Done => String::new(),
        other => format!("{}: ", other.word()),
    };
    let version = audited.version.map(|version| format!("{version} "));
    let what = format!("{became}{}{}", version.unwrap_or_default(), audited.what);
    let place = audited.origin.as_ref().map(|origin| &*origin.place);
    vec![
        when.say(audited.at),
        audited.app.clone().unwrap_or_default(),
        cut(audited.actor.as_str(), 20),
        cut(&what, 60),
        cut(place.unwrap_or_default(), 40),
    ]
}

#[derive(Serialize)]
struct View<'a> {
    at: String,
    app: Option<&'a str>,
    by: &'a str,
    outcome: &'static str,
    what: &'a str,
    /// The release that it made.
    release: Option<String>,
    command: Option<&'a str>,
    place: Option<&'a str>,
    plugins: &'a PluginsUsed,
}

impl<'a> View<'a> {
    fn new(audited: &'a Audited) -> Self {
        let origin = audited.origin.as_ref();
        Self {
            at: rfc3339(audited.at),
            app: audited.app.as_deref(),
            by: audited.actor.as_str(),
            outcome: audited.outcome.word(),
            what: &audited.what,
            release: audited.version.map(|version| version.to_string()),
            command: origin.map(|origin| &*origin.command),
            place: origin.map(|origin| &*origin.place),
            plugins: &audited.plugins,
        }
    }
}
