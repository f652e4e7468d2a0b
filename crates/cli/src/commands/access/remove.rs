//! `slugline access:remove`

use slugline_core::port::Access;

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
    let removed = ledger.remove_collaborator(&app, &user);
    let removed = removed.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    if !removed {
        let error = CommandError::failed(format!("{user} is no collaborator of {app}."));
        return Err(error.hint("`slugline access` lists them."));
    }
    context
        .ui
        .data(format_args!("Removing {user} from {app}... done"));
    Ok(Status::Done)
}
