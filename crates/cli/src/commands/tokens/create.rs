//! `slugline tokens:create`

use std::collections::BTreeSet;

use slugline_core::access::{Scope, Token, TokenId};
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::port::{Access, Clock, Ids, Ledger};
use slugline_server::secret;

use crate::calendar;
use crate::clock::{MachineClock, RandomIds, random};
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// What it is for
    #[arg(short, long, default_value = "", value_name = "TEXT")]
    description: String,
    /// Whose it is; else whoever acts
    #[arg(short, long, value_name = "EMAIL")]
    user: Option<String>,
    /// What it may be used for: read, config, deploy, rollback, admin, or machine: all of its apps and the machine itself
    #[arg(
        short,
        long = "scope",
        value_delimiter = ',',
        default_value = "admin",
        value_name = "SCOPE"
    )]
    scopes: Vec<Scope>,
    /// Until when it is good: 12h, 30d, 8w; else until it is revoked
    #[arg(long, value_name = "AGE")]
    expires: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.named_app()?;
    let user = match &args.user {
        Some(user) => Actor::new(user).map_err(|error| CommandError::usage(error.to_string()))?,
        None => context.actor()?,
    };
    if args.scopes.contains(&Scope::Machine) {
        refuse_machine(context, app.as_ref())?;
    }
    let now = MachineClock::new(&context.env)?.now();
    let expires_at = args.expires.as_deref();
    let expires_at = expires_at
        .map(|text| calendar::later(text, now))
        .transpose()?;
    let ledger = context.ledger()?;
    if let Some(app) = &app {
        let known = ledger.outline(app);
        known.map_err(|error| context.no_app(&ledger, error.into(), app))?;
    }
    let id = RandomIds.resource();
    let token = Token {
        id: TokenId::new(id.as_str()).map_err(|error| CommandError::because(&error))?,
        user,
        description: args.description.trim().to_owned(),
        scopes: args.scopes.iter().copied().collect::<BTreeSet<_>>(),
        app,
        created_at: now,
        expires_at,
        used_at: None,
    };
    let text = secret::secret(&random());
    ledger.add_token(&token, &secret::digest(&text))?;
    context.ui.data(text);
    context.ui.status(format_args!(
        "It is {}'s, and shown only this once. Revoke it: slugline tokens:revoke {}",
        token.user,
        token.id.as_str().get(..8).unwrap_or_default()
    ));
    Ok(Status::Done)
}

/// S43: a token for the machine is for no one app, and is made by whoever is at the machine.
fn refuse_machine(context: &Context, app: Option<&AppName>) -> Result<(), CommandError> {
    if let Some(app) = app {
        let text = format!("A token for the machine is for all its apps, not for {app} alone.");
        return Err(CommandError::usage(text));
    }
    if context.asked.is_some() {
        let text = "A token for the machine is made at the machine itself.";
        return Err(CommandError::failed(text)
            .hint("Sign in there: slugline tokens:create --scope machine"));
    }
    Ok(())
}
