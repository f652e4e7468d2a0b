//! `slugline health`

use slugline_core::app::AppName;
use slugline_core::settings::{HealthPath, Settings};

use crate::commands::{Outcome, setting};
use crate::context::Context;
use crate::error::CommandError;

/// The longest time that a process may be given to become healthy, in seconds.
const LONGEST: u32 = 3600;

#[derive(clap::Args)]
pub struct Args {
    /// The path that answers 2xx or 3xx where a web process is healthy; off: an open port is enough
    #[arg(value_name = "/PATH|off")]
    path: Option<String>,
    /// How long a process may take to become healthy
    #[arg(long, value_name = "SECONDS|default")]
    within: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, conflicts_with_all = ["path", "within"])]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let path = args.path.as_deref().map(path).transpose()?;
    let within = args.within.as_deref().map(within).transpose()?;
    if path.is_some() || within.is_some() {
        let set = |settings: &mut Settings| {
            if let Some(path) = &path {
                settings.health.clone_from(path);
            }
            if let Some(within) = within {
                settings.boot_seconds = within;
            }
        };
        return setting::change(context, "Health", &set, &say);
    }
    let (app, settings) = setting::read(context)?;
    let json = serde_json::json!({ "path": settings.health, "within": settings.boot_seconds });
    setting::show(context, args.json.then_some(json), say(&app, &settings))
}

fn path(text: &str) -> Result<Option<HealthPath>, CommandError> {
    match text {
        "off" => Ok(None),
        _ => Ok(Some(HealthPath::new(text)?)),
    }
}

fn within(text: &str) -> Result<Option<u32>, CommandError> {
    if text == "default" {
        return Ok(None);
    }
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
    let usage = || {
        CommandError::usage(format!(
            "{text:?} is no number of seconds from 1 to {LONGEST}"
        ))
    };
    Ok(Some(seconds.ok_or_else(usage)?))
}

fn say(app: &AppName, settings: &Settings) -> String {
    let within = settings.boot_seconds;
    let within = within.map_or(String::new(), |seconds| format!(" within {seconds} s"));
    match &settings.health {
        Some(path) => format!("{app} is healthy when GET {path} answers 2xx or 3xx{within}."),
        None => format!("{app} is healthy when its port is open{within}."),
    }
}
