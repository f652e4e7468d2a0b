//! `slugline open`

use std::process::{Command, Stdio};

use crate::commands::Outcome;
use crate::context::Context;
use crate::env::Env;
use crate::exit::Status;
use crate::ui::Ui;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    let url = context.supervisor().url_of(&app);
    context.ui.data(&url);
    if context.asked.is_some() {
        // It is opened where the client is.
        return Ok(Status::Done);
    }
    browse(context.ui, &context.env, &url);
    Ok(Status::Done)
}

/// Opens an address in the person's browser.
pub fn browse(ui: Ui, env: &Env, url: &str) {
    let browser = env.get("BROWSER").unwrap_or_else(|| "xdg-open".to_owned());
    let quiet = Command::new(&browser)
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if quiet.is_err() {
        ui.status(format_args!(
            "{browser} cannot be run: open the address by hand."
        ));
    }
}
