//! `slugline releases:diff`

use serde::Serialize;
use slugline_core::config::ConfigKey;
use slugline_core::query;
use slugline_core::release::Version;
use slugline_core::slug::Slug;
use slugline_core::state::{Difference, Differs, State};

use crate::commands::Outcome;
use crate::commands::dry_run::sign;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The earlier release
    #[arg(value_name = "vN")]
    from: String,
    /// The later one; the current one where none is named
    #[arg(value_name = "vM")]
    to: Option<String>,
    /// Show the values of config vars
    #[arg(long)]
    reveal: bool,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let no_app = |error: CommandError| context.no_app(&ledger, error, &app);
    let from: Version = args.from.parse()?;
    let to = context.release(&ledger, &app, args.to.as_deref())?;
    let inspect =
        |version| query::inspect(&ledger, &app, version).map_err(|error| no_app(error.into()));
    let (before, after) = (inspect(from)?.state, inspect(to)?.state);
    let view = View::new(from, to, &before, &after, args.reveal);
    match args.json {
        true => context.ui.data(serde_json::to_string_pretty(&view)?),
        false => view.lines().iter().for_each(|line| context.ui.data(line)),
    }
    Ok(Status::Done)
}

/// What differs, as both forms show it. Values are only in it where they are to be seen.
#[derive(Serialize)]
struct View {
    from: String,
    to: String,
    code: Option<Code>,
    config: Vec<Var>,
    addons: Vec<Plan>,
}

#[derive(Serialize)]
struct Code {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
struct Var {
    key: String,
    differs: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Serialize)]
struct Plan {
    plan: String,
    differs: char,
}

const MASK: &str = "********";

impl View {
    fn new(from: Version, to: Version, before: &State, after: &State, reveal: bool) -> Self {
        let difference = Difference::between(before, after);
        let commit = |slug: Option<Slug>| slug.map(|slug| slug.commit.to_string());
        let value = |state: &State, key: &ConfigKey| {
            let var = state.config.get(key)?;
            Some(if reveal {
                var.value.reveal().to_owned()
            } else {
                MASK.to_owned()
            })
        };
        let var = |(key, how): &(ConfigKey, Differs)| Var {
            key: key.to_string(),
            differs: sign(*how),
            from: value(before, key),
            to: value(after, key),
        };
        let plan = |differs| {
            move |plan: &slugline_core::addon::PlanName| Plan {
                plan: plan.to_string(),
                differs,
            }
        };
        Self {
            from: from.to_string(),
            to: to.to_string(),
            config: difference.config.iter().map(var).collect(),
            addons: difference
                .added
                .iter()
                .map(plan('+'))
                .chain(difference.removed.iter().map(plan('-')))
                .collect(),
            code: difference.code.map(|(a, b)| Code {
                from: commit(a),
                to: commit(b),
            }),
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut rows: Vec<(&str, String)> = Vec::new();
        let short = |commit: &Option<String>| {
            commit
                .as_ref()
                .map_or("none".to_owned(), |commit| commit.chars().take(7).collect())
        };
        rows.extend(
            self.code
                .iter()
                .map(|c| ("Code", format!("{} -> {}", short(&c.from), short(&c.to)))),
        );
        rows.extend(self.config.iter().map(|var| ("Config", var.line())));
        rows.extend(
            self.addons
                .iter()
                .map(|plan| ("Addons", format!("{} {}", plan.differs, plan.plan))),
        );
        let mut lines = vec![format!("=== {} -> {}", self.from, self.to)];
        if rows.is_empty() {
            lines.push("No difference".to_owned());
        }
        let mut last = "";
        for (label, text) in rows {
            let shown = if label == last {
                String::new()
            } else {
                format!("{label}:")
            };
            lines.push(format!("{shown:<12} {text}"));
            last = label;
        }
        lines
    }
}

impl Var {
    fn line(&self) -> String {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("{} {} => {from} -> {to}", self.differs, self.key),
            (Some(value), None) | (None, Some(value)) => {
                format!("{} {} => {value}", self.differs, self.key)
            }
            (None, None) => format!("{} {}", self.differs, self.key),
        }
    }
}
