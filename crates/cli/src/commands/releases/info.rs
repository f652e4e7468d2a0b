//! `slugline releases:info`

use std::collections::BTreeMap;

use serde::Serialize;
use slugline_core::query::{self, Inspected};
use slugline_core::release::PluginsUsed;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::config::shell;
use crate::render::release::{ReleaseJson, info, pairs};

#[derive(clap::Args)]
pub struct Args {
    /// The release, such as v24; the current one where none is named
    #[arg(value_name = "vN")]
    release: Option<String>,
    /// Its config vars, as lines that a shell reads back
    #[arg(short, long)]
    shell: bool,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct InfoJson {
    #[serde(flatten)]
    release: ReleaseJson,
    addons: Vec<String>,
    config: BTreeMap<String, String>,
    processes: BTreeMap<String, String>,
    plugins: PluginsUsed,
    digest: Option<String>,
    /// Why it went bad after it had taken over, and what became of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    went_bad: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let no_app = |error: CommandError| context.no_app(&ledger, error, &app);
    let version = context.release(&ledger, &app, args.release.as_deref())?;
    let found = query::inspect(&ledger, &app, version).map_err(|error| no_app(error.into()))?;
    if args.json {
        let digest = ledger.digest(&app, version)?;
        let view = json(&found, digest);
        context.ui.data(serde_json::to_string_pretty(&view)?);
        return Ok(Status::Done);
    }
    let lines = match args.shell {
        true => pairs(&found.state.config)
            .iter()
            .map(|(key, value)| shell(key, value))
            .collect(),
        false => info(&found, &context.when()?),
    };
    context.ui.lines(lines);
    Ok(Status::Done)
}

fn json(found: &Inspected, digest: Option<String>) -> InfoJson {
    let slug = found.release.slug.as_ref();
    InfoJson {
        release: ReleaseJson::from(&found.release),
        addons: found
            .state
            .addons
            .values()
            .map(|addon| addon.plan.to_string())
            .collect(),
        config: pairs(&found.state.config).into_iter().collect(),
        processes: slug.map(|slug| slug.processes.clone()).unwrap_or_default(),
        plugins: found.plugins.clone(),
        digest,
        went_bad: found.verdict.clone(),
    }
}
