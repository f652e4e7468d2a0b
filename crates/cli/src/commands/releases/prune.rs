//! `slugline releases:prune`

use serde::Serialize;
use slugline_core::addon::PlanName;
use slugline_core::app::AppName;
use slugline_core::corridor::{Engine, Failure};
use slugline_core::query;
use slugline_core::refusal::Refusal;
use slugline_core::release::Release;
use slugline_core::retention::{self, Fate, Why};

use crate::commands::{Outcome, confirm, tiers};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::garbage;
use crate::progress::Narrator;
use crate::render::release::{ReleaseJson, change};
use crate::render::table::table;
use crate::render::when::When;
use crate::trial::Trial;

#[derive(clap::Args)]
pub struct Args {
    /// Show what would stay and what would go, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Another tier than the app's: one that is installed, or a script such as ./policy.lua
    #[arg(long, value_name = "TIER", requires = "dry_run")]
    tier: Option<String>,
    /// The app's name again, instead of being asked for it
    #[arg(long, value_name = "APP", conflicts_with = "dry_run")]
    confirm: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, requires = "dry_run")]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let moment = context.moment(engine.ledger, &app)?;
    if let Some(wanted) = &args.tier
        && is_script(wanted)
    {
        let trial = Trial::of_script(context, wanted)?;
        let engine = Engine {
            policies: trial.host(),
            ..engine
        };
        return show(context, &engine, &app, trial.plan(), args.json);
    }
    let tier = match &args.tier {
        Some(named) => installed(&engine, named)?,
        None => query::tier_of(moment.state.tier())?.clone(),
    };
    match args.dry_run {
        true => show(context, &engine, &app, &tier, args.json),
        false => {
            let status = prune(context, &engine, &app, &tier, args.confirm.as_deref())?;
            drop(wired);
            garbage::tidy(&context.home, &context.env, context.ui);
            Ok(status)
        }
    }
}

/// Whether a script is meant, and no tier that is installed.
pub fn is_script(text: &str) -> bool {
    text.contains('/') || text.ends_with(".lua") || text.ends_with(".luau")
}

/// A tier that is installed.
fn installed(engine: &Engine<'_>, named: &str) -> Result<PlanName, CommandError> {
    let named = tiers::plan(named)?.to_string();
    let found = engine.providers.catalogue().find(&named);
    Ok(found
        .map_err(|error| Failure::from(Refusal::from(error)))?
        .plan)
}

/// What would become of the app's releases, as both forms show it.
fn show(
    context: &Context,
    engine: &Engine<'_>,
    app: &AppName,
    tier: &PlanName,
    json: bool,
) -> Outcome {
    let reviewed = retention::review(engine, app, tier).map_err(Failure::from)?;
    if json {
        let view = View::new(app, tier, &reviewed);
        context.ui.data(serde_json::to_string_pretty(&view)?);
        return Ok(Status::Done);
    }
    let mut lines = vec![summary(app, tier, &reviewed), String::new()];
    lines.extend(rows(&reviewed, &context.when()?));
    context.ui.lines(lines);
    context.ui.status("Nothing has been changed.");
    Ok(Status::Done)
}

/// Asks, with how many would go, unless that was answered before; and prunes.
fn prune(
    context: &Context,
    engine: &Engine<'_>,
    app: &AppName,
    tier: &PlanName,
    given: Option<&str>,
) -> Outcome {
    if !confirm::answered(app, given)? {
        let reviewed = retention::review(engine, app, tier).map_err(Failure::from)?;
        if gone(&reviewed) > 0 {
            let said = summary(app, tier, &reviewed);
            let list = "`slugline releases:prune --dry-run` lists them.";
            context.ui.warning(format_args!("{said}\n{list}"));
            confirm::confirm(context, app, given)?;
        }
    }
    let actor = context.actor()?;
    let request = context.request(app, &actor, given)?;
    let mut narrator = Narrator::silent(&context.ui);
    let lost = engine.prune_releases(&request, &mut narrator)?;
    if lost.is_empty() {
        context.nothing(format_args!("{tier} keeps every release of {app}."));
        return Ok(Status::Done);
    }
    context.ui.data(match lost.len() {
        1 => format!("Pruning {app}... done, 1 release removed"),
        count => format!("Pruning {app}... done, {count} releases removed"),
    });
    Ok(Status::Done)
}

fn gone(reviewed: &[(Release, Fate)]) -> usize {
    let all = reviewed.iter();
    all.filter(|(_, fate)| *fate == Fate::Goes).count()
}

/// How many releases a tier keeps, in one line.
pub fn summary(app: &AppName, tier: &PlanName, reviewed: &[(Release, Fate)]) -> String {
    let (all, gone) = (reviewed.len(), gone(reviewed));
    match (all, gone) {
        (0, _) => format!("{app} has no release yet."),
        (1, 0) => format!("{tier} keeps the one release of {app}."),
        (_, 0) => format!("{tier} keeps all {all} releases of {app}."),
        _ => format!(
            "{tier} keeps {} of the {all} releases of {app}; {gone} would go.",
            all - gone
        ),
    }
}

/// Why a release stays, in words.
fn reason(why: Why) -> &'static str {
    match why {
        Why::Current => "it is current",
        Why::Newer => "it is newer than the current one",
        Why::Predecessor => "rollback goes to it",
        Why::Pinned => "it is pinned",
        Why::Tier => "the tier keeps it",
    }
}

fn rows(reviewed: &[(Release, Fate)], when: &When) -> Vec<String> {
    if reviewed.is_empty() {
        return Vec::new();
    }
    let row = |(release, fate): &(Release, Fate)| {
        let fate = match fate {
            Fate::Stays(why) => format!("stays: {}", reason(*why)),
            Fate::Goes => "goes".to_owned(),
        };
        vec![
            release.version.to_string(),
            change(release),
            when.say(release.created_at),
            fate,
        ]
    };
    let rows: Vec<_> = reviewed.iter().map(row).collect();
    table(&["Rel", "Change", "When", "What would become of it"], &rows)
}

#[derive(Serialize)]
struct View {
    app: String,
    tier: String,
    stay: usize,
    go: usize,
    releases: Vec<Reviewed>,
}

#[derive(Serialize)]
struct Reviewed {
    #[serde(flatten)]
    release: ReleaseJson,
    stays: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
}

impl View {
    fn new(app: &AppName, tier: &PlanName, reviewed: &[(Release, Fate)]) -> Self {
        let row = |(release, fate): &(Release, Fate)| Reviewed {
            release: ReleaseJson::from(release),
            stays: *fate != Fate::Goes,
            because: match fate {
                Fate::Stays(why) => Some(reason(*why)),
                Fate::Goes => None,
            },
        };
        let go = gone(reviewed);
        Self {
            app: app.to_string(),
            tier: tier.to_string(),
            stay: reviewed.len() - go,
            go,
            releases: reviewed.iter().map(row).collect(),
        }
    }
}
