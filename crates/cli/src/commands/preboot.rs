//! `slugline preboot`

use slugline_core::app::AppName;
use slugline_core::settings::Settings;

use crate::commands::{Outcome, setting};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {
    /// Whether new processes start beside the old ones; shows it where neither is named
    #[arg(value_name = "on|off", value_parser = ["on", "off"])]
    state: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, conflicts_with = "state")]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(state) = &args.state {
        let set = |settings: &mut Settings| settings.preboot = state == "on";
        return setting::change(context, &format!("Preboot {state}"), &set, &say);
    }
    let (app, settings) = setting::read(context)?;
    let json = serde_json::json!({ "preboot": settings.preboot });
    setting::show(context, args.json.then_some(json), say(&app, &settings))
}

fn say(app: &AppName, settings: &Settings) -> String {
    match settings.preboot {
        true => format!("Preboot of {app} is on: new processes start beside the old ones."),
        false => format!("Preboot of {app} is off: the old processes end before new ones start."),
    }
}
