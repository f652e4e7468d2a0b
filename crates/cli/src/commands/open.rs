//! `slugline open`

use std::process::{Command, Stdio};

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    let url = context.supervisor().url_of(&app);
    context.ui.data(&url);
    let browser = context
        .env
        .get("BROWSER")
        .unwrap_or_else(|| "xdg-open".to_owned());
    let quiet = Command::new(&browser)
        .arg(&url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if quiet.is_err() {
        context.ui.status(format_args!(
            "{browser} cannot be run: open the address by hand."
        ));
    }
    Ok(Status::Done)
}
