//! `slugline watch`

use slugline_core::app::AppName;
use slugline_core::settings::Settings;

use crate::commands::{Outcome, setting};
use crate::context::Context;
use crate::error::CommandError;

/// The longest watch window, in seconds: a day.
const LONGEST: u32 = 86_400;

#[derive(clap::Args)]
pub struct Args {
    /// How long a release is watched after it took over; off: not at all
    #[arg(value_name = "SECONDS|off")]
    seconds: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, conflicts_with = "seconds")]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(text) = &args.seconds {
        let seconds = seconds(text)?;
        let set = |settings: &mut Settings| settings.watch_seconds = seconds;
        return setting::change(context, "Watch", &set, &say);
    }
    let (app, settings) = setting::read(context)?;
    let json = serde_json::json!({ "watch_seconds": settings.watch_seconds });
    setting::show(context, args.json.then_some(json), say(&app, &settings))
}

fn seconds(text: &str) -> Result<u32, CommandError> {
    if text == "off" {
        return Ok(0);
    }
    let seconds = text.parse().ok().filter(|seconds| *seconds <= LONGEST);
    let usage = || CommandError::usage(format!("{text:?} is no number of seconds up to {LONGEST}"));
    seconds.ok_or_else(usage)
}

fn say(app: &AppName, settings: &Settings) -> String {
    match settings.watch_seconds {
        0 => format!("Releases of {app} are not watched after they took over."),
        seconds => format!(
            "Releases of {app} are watched for {seconds} s. One that goes bad is rolled back."
        ),
    }
}
