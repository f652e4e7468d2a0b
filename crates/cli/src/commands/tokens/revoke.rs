//! `slugline tokens:revoke`

use slugline_core::port::Access;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Its id as `slugline tokens` lists it, or as much of it as no other begins with
    #[arg(value_name = "ID")]
    id: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let id = args.id.to_ascii_lowercase();
    let tokens = super::seen(context)?;
    let mut meant = tokens
        .iter()
        .filter(|token| token.id.as_str().starts_with(&id));
    let (Some(token), None, false) = (meant.next(), meant.next(), id.is_empty()) else {
        let text = format!("No token, or more than one, begins with {:?}.", args.id);
        return Err(CommandError::failed(text).hint("`slugline tokens` lists them."));
    };
    context.ledger()?.remove_token(&token.id)?;
    let (id, user) = (&token.id.as_str()[..8], &token.user);
    context
        .ui
        .data(format_args!("Revoking {id} of {user}... done"));
    Ok(Status::Done)
}
