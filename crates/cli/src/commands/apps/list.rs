//! `slugline apps`

use serde::Serialize;
use slugline_core::app::App;
use slugline_core::port::{Access as _, Ledger as _};

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::when::rfc3339;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AppJson {
    name: String,
    owner: String,
    created_at: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let apps = seen(context)?;
    if args.json {
        let rows = apps.iter().map(|app| AppJson {
            name: app.name.to_string(),
            owner: app.owner.to_string(),
            created_at: rfc3339(app.created_at),
        });
        context
            .ui
            .data(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
    } else if apps.is_empty() {
        context.ui.data("You have no apps.");
    } else {
        for app in apps {
            context.ui.data(app.name);
        }
    }
    Ok(Status::Done)
}

/// All apps; for a client at another machine those that its person has a role in, and that its token is for.
fn seen(context: &Context) -> Result<Vec<App>, CommandError> {
    let ledger = context.ledger()?;
    let mut apps = ledger.apps()?;
    if let Some(asked) = context.asked.as_ref().filter(|asked| !asked.machine) {
        let actor = context.actor()?;
        let theirs = ledger.apps_of(&actor)?;
        let meant = |app: &App| {
            asked
                .only
                .as_ref()
                .is_none_or(|only| *only == app.name.as_str())
        };
        apps.retain(|app| theirs.contains(&app.name) && meant(app));
    }
    Ok(apps)
}
