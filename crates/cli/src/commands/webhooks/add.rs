//! `slugline webhooks:add`

use std::collections::BTreeSet;

use slugline_core::port::{Clock, Webhooks as _};
use slugline_core::webhook::{Include, Level, MOST, Target, Webhook, WebhookId};

use super::{short, shown};
use crate::clock::{MachineClock, random};
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::webhooks::post;

#[derive(clap::Args)]
pub struct Args {
    /// What it is told of: api:release, api:addon, api:app, api:build, api:collaborator, api:domain, api:formation
    #[arg(
        short,
        long,
        required = true,
        value_delimiter = ',',
        value_name = "EVENT"
    )]
    include: Vec<Include>,
    /// notify is tried once; sync until it succeeds, for seven days, and what comes later waits
    #[arg(short, long, default_value = "notify", value_name = "LEVEL")]
    level: Level,
    /// Where it is posted: https://… or http://…
    #[arg(short, long, value_name = "URL")]
    url: String,
    /// The key of the signature; else one is made, and shown once
    #[arg(short, long, value_name = "SECRET")]
    secret: Option<String>,
    /// What stands in the header Authorization
    #[arg(short = 't', long, value_name = "TEXT")]
    authorization: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    context.actor()?;
    let ledger = context.ledger()?;
    let others = ledger.webhooks(&app);
    let others = others.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    if others.len() >= MOST {
        let error = CommandError::failed(format!("{app} has {MOST} webhooks already"));
        return Err(error.hint("Remove one: slugline webhooks:remove ID"));
    }
    let target = Target {
        url: args.url.clone(),
        secret: args.secret.clone().unwrap_or_else(|| hex(&random::<32>())),
        authorization: args.authorization.clone(),
    };
    let allowed = post::Allowed::of(&context.env, "SLUGLINE_WEBHOOKS")?;
    post::acceptable(&target, allowed).map_err(CommandError::failed)?;
    let now = MachineClock::new(&context.env)?.now();
    let id = WebhookId::new(&hex(&random::<16>()));
    let webhook = Webhook {
        id: id.map_err(|error| CommandError::because(&error))?,
        include: args.include.iter().copied().collect::<BTreeSet<_>>(),
        level: args.level,
        target,
        created_at: now,
        updated_at: now,
    };
    ledger.put_webhook(&app, &webhook)?;
    let (id, address) = (short(&webhook.id), shown(&webhook.target.url));
    context.ui.status(format_args!(
        "Adding webhook {address} to {app}... done, {id}\nTo undo: slugline webhooks:remove {id}"
    ));
    if args.secret.is_none() {
        context.ui.status("Its secret, shown only this once:");
        context.ui.data(&webhook.target.secret);
    }
    Ok(Status::Done)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
