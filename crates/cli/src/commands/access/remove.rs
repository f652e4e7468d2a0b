//! `slugline access:remove`

use slugline_core::port::{Access, Clock, Ledger};
use slugline_core::webhook::{By, Happening};

use crate::clock::MachineClock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Whom
    #[arg(value_name = "EMAIL")]
    user: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (app, user) = (context.app()?, super::person(&args.user)?);
    let ledger = context.ledger()?;
    let before = ledger.collaborators(&app);
    let before = before.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let before = before.iter().find(|one| one.user == user);
    let removed = ledger.remove_collaborator(&app, &user)?;
    if !removed {
        let error = CommandError::failed(format!("{user} is no collaborator of {app}."));
        return Err(error.hint("`slugline access` lists them."));
    }
    let what = Happening::of_collaborator(before, None);
    let (actor, at) = (context.actor()?, MachineClock::new(&context.env)?.now());
    ledger.announce(&app, &what, &By { actor, at })?;
    context
        .ui
        .data(format_args!("Removing {user} from {app}... done"));
    context.send_webhooks();
    Ok(Status::Done)
}
