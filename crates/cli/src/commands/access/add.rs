//! `slugline access:add`

use slugline_core::access::{Collaborator, Role};
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
    /// As what: viewer, operator, deployer or admin
    #[arg(short, long, default_value = "deployer")]
    role: Role,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (app, user) = (context.app()?, super::person(&args.user)?);
    let ledger = context.ledger()?;
    let outline = ledger.outline(&app);
    let outline = outline.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    if outline.app.owner == user {
        let text = format!("{user} owns {app}, and may do everything with it already.");
        return Err(CommandError::failed(text));
    }
    let actor = context.actor()?;
    let collaborator = Collaborator {
        user,
        role: args.role,
        since: MachineClock::new(&context.env)?.now(),
    };
    let before = ledger.collaborators(&app)?;
    let before = before.iter().find(|one| one.user == collaborator.user);
    ledger.set_collaborator(&app, &collaborator)?;
    let what = Happening::of_collaborator(before, Some(&collaborator));
    let at = collaborator.since;
    ledger.announce(&app, &what, &By { actor, at })?;
    let (user, role) = (&collaborator.user, collaborator.role);
    context
        .ui
        .data(format_args!("Adding {user} to {app} as {role}... done"));
    context.send_webhooks();
    Ok(Status::Done)
}
