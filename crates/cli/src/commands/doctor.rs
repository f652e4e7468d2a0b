//! `slugline doctor`: everything is looked at and nothing changed. One file a group of checks, each of
//! which goes on where another cannot be made.

mod finding;
mod history;
mod home;
mod isolation;
mod ledger;
mod leftovers;
mod plugins;
mod resources;
mod slugs;
mod supervisor;
mod unfinished;

use slugline_core::app::AppName;
use slugline_core::port::{Ledger, LedgerError};
use slugline_ledger::SqliteLedger;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use finding::{Check, Report, Verdict};
pub use isolation::less;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
    /// Read every stored slug to its end, too, which takes as long as the disk needs
    #[arg(long)]
    deep: bool,
}

/// What the groups look at.
struct Looked<'a> {
    context: &'a Context,
    /// Where it can be read, and is of the present format.
    ledger: Option<SqliteLedger>,
    apps: Vec<AppName>,
    deep: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let mut report = Report::default();
    if home::is_there(context, &mut report) {
        look(context, args.deep, &mut report);
    }
    match args.json {
        true => context.ui.data(report.json(&context.home)?),
        false => context.ui.lines(report.lines()),
    }
    if !args.json {
        context.ui.status(report.summary());
    }
    Ok(match report.worst() {
        Verdict::Problem => Status::Failed,
        Verdict::Ok | Verdict::Warning => Status::Done,
    })
}

fn look(context: &Context, deep: bool, report: &mut Report) {
    home::check(context, report);
    let mut looked = Looked {
        context,
        ledger: ledger::check(context, report),
        apps: Vec::new(),
        deep,
    };
    if let Some(ledger) = &looked.ledger {
        match ledger.apps() {
            Ok(apps) => looked.apps = apps.into_iter().map(|app| app.name).collect(),
            Err(error) => {
                report.cannot(Check::Ledger, &error);
                looked.ledger = None;
            }
        }
    }
    looked.group(report, Check::Key, ledger::check_key);
    looked.group(report, Check::History, history::check);
    looked.group(report, Check::Slugs, slugs::check);
    looked.group(report, Check::Resources, resources::check);
    looked.group(report, Check::Unfinished, unfinished::check);
    plugins::check(&looked, report);
    let status = supervisor::check(&looked, report);
    isolation::check(&context.home, status.as_ref(), report);
    let readable = looked.ledger.is_some();
    // Whoever only reads leaves SQLite's files beside the ledger; the next to close it takes them away.
    drop(looked);
    leftovers::check(context, readable, report);
}

impl Looked<'_> {
    /// One group that needs the ledger; that it cannot be made is a problem of its own.
    fn group(
        &self,
        report: &mut Report,
        check: Check,
        group: fn(&Self, &SqliteLedger, &mut Report) -> Result<(), LedgerError>,
    ) {
        let Some(ledger) = &self.ledger else {
            report.problem(check, "cannot be checked without the ledger", None);
            return;
        };
        match group(self, ledger, report) {
            Ok(()) => {}
            Err(LedgerError::Key(_)) if check != Check::Key => {
                report.problem(check, "cannot be checked without the ledger's key", None);
            }
            Err(error) => report.cannot(check, &error),
        }
    }
}
