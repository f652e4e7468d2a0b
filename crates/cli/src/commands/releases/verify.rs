//! `slugline releases:verify`

use serde::Serialize;
use slugline_core::app::AppName;
use slugline_core::port::Ledger;
use slugline_ledger::{Unknown, Verified};

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::table::labelled;

/// What no file can tell of itself.
const ENDS: &str = "That the newest releases were cut off cannot be seen from the file alone: \
                    compare the newest digest with one that you noted elsewhere.";

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let ledger = context.ledger()?;
    let apps: Vec<AppName> = match context.named_app()? {
        Some(app) => vec![app],
        None => ledger.apps()?.into_iter().map(|app| app.name).collect(),
    };
    let mut all = Vec::new();
    for app in apps {
        let found = ledger.verify(&app);
        let found = found.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
        all.push((app, found));
    }
    if args.json {
        let views: Vec<View> = all.iter().map(View::new).collect();
        context.ui.data(serde_json::to_string_pretty(&views)?);
    } else {
        if all.is_empty() {
            context.ui.data("You have no apps.");
        }
        for (app, found) in &all {
            context.ui.lines(labelled(app.as_str(), &rows(found)));
        }
        if all.iter().any(|(_, found)| found.newest.is_some()) {
            context.ui.status(ENDS);
        }
    }
    let altered = all.iter().filter_map(|(app, found)| {
        let altered = found.altered.as_ref()?;
        Some(format!(
            "The history of {app} was altered: {} {}",
            altered.version, altered.what
        ))
    });
    match altered.collect::<Vec<_>>().join("\n") {
        none if none.is_empty() => Ok(Status::Done),
        altered => Err(CommandError::failed(altered)),
    }
}

fn rows(found: &Verified) -> Vec<(&'static str, String)> {
    let releases = |count: u64| match count {
        1 => "1 release".to_owned(),
        count => format!("{count} releases"),
    };
    let until = match &found.altered {
        Some(altered) => format!(", before {}", altered.version),
        None => String::new(),
    };
    let kept = match found.kept {
        0 if until.is_empty() => "no release".to_owned(),
        0 => format!("no release{until}"),
        count => format!("{}, as recorded{until}", releases(count)),
    };
    let mut rows = vec![("Kept", kept)];
    for unknown in &found.unknown {
        rows.push(match unknown {
            Unknown::Before(first, last) => (
                "Before",
                format!("{first} to {last} are older than digests; nothing is known of them"),
            ),
            Unknown::Pruned(count) => (
                "Pruned",
                format!(
                    "{}, with receipts that fit; what they held cannot be known",
                    releases(*count)
                ),
            ),
            Unknown::Pending(version) => ("Pending", format!("{version} has no digest yet")),
        });
    }
    if let Some((version, digest)) = &found.newest {
        rows.push(("Newest", format!("{version} {digest}")));
    }
    if let Some(altered) = &found.altered {
        rows.push(("Altered", format!("{} {}", altered.version, altered.what)));
    }
    rows
}

#[derive(Serialize)]
struct View {
    app: String,
    intact: bool,
    kept: u64,
    pruned: u64,
    /// The newest that is proved, and its digest.
    newest: Option<Newest>,
    /// The first that is not as it was recorded.
    altered: Option<Altered>,
    unknown: Vec<Unknowable>,
}

#[derive(Serialize)]
struct Newest {
    name: String,
    version: u64,
    digest: String,
}

#[derive(Serialize)]
struct Altered {
    name: String,
    version: u64,
    what: &'static str,
}

/// What cannot be known, by name, and of which releases.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Unknowable {
    BeforeDigests { first: u64, last: u64 },
    ContentOfPruned { count: u64 },
    Pending { version: u64 },
    CutOff,
}

impl View {
    fn new((app, found): &(AppName, Verified)) -> Self {
        let unknown = found.unknown.iter().map(|unknown| match unknown {
            Unknown::Before(first, last) => Unknowable::BeforeDigests {
                first: first.number(),
                last: last.number(),
            },
            Unknown::Pruned(count) => Unknowable::ContentOfPruned { count: *count },
            Unknown::Pending(version) => Unknowable::Pending {
                version: version.number(),
            },
        });
        Self {
            app: app.to_string(),
            intact: found.altered.is_none(),
            kept: found.kept,
            pruned: found.pruned,
            newest: found.newest.as_ref().map(|(version, digest)| Newest {
                name: version.to_string(),
                version: version.number(),
                digest: digest.clone(),
            }),
            altered: found.altered.as_ref().map(|altered| Altered {
                name: altered.version.to_string(),
                version: altered.version.number(),
                what: altered.what,
            }),
            unknown: unknown.chain([Unknowable::CutOff]).collect(),
        }
    }
}
