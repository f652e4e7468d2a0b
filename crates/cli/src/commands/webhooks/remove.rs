//! `slugline webhooks:remove`

use slugline_core::port::Webhooks as _;

use super::shown;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Its id as `slugline webhooks` lists it, or as much of it as no other begins with
    #[arg(value_name = "ID")]
    id: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let all = ledger.webhooks(&app);
    let all = all.map_err(|error| context.no_app(&ledger, error.into(), &app))?;
    let id = args.id.to_ascii_lowercase().replace('-', "");
    let mut meant = all.iter().filter(|one| one.id.as_str().starts_with(&id));
    let (Some(webhook), None, false) = (meant.next(), meant.next(), id.is_empty()) else {
        let text = format!(
            "No webhook of {app}, or more than one, begins with {:?}.",
            args.id
        );
        return Err(CommandError::failed(text).hint("`slugline webhooks` lists them."));
    };
    ledger.remove_webhook(&app, &webhook.id)?;
    let address = shown(&webhook.target.url);
    context.ui.data(format_args!(
        "Removing webhook {address} from {app}... done"
    ));
    Ok(Status::Done)
}
