//! `slugline drains:add`

use slugline_core::drain;
use slugline_core::settings::Drain;
use slugline_runtime::DrainAddress;

use crate::clock::random;
use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;
use crate::error::CommandError;

#[derive(clap::Args)]
pub struct Args {
    /// Where lines go: syslog://HOST:PORT, syslog+tls://HOST:PORT, http://… or https://…
    #[arg(value_name = "URL")]
    url: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let address = DrainAddress::parse(&args.url).map_err(|error| CommandError::because(&error))?;
    let added = Drain {
        id: drain::name(random()),
        url: args.url.clone(),
    };
    let change = Change {
        what: format!("Add the log drain {address}"),
        said: format!("Adding log drain {address} to {app}... done, {}", added.id),
        undo: format!("slugline drains:remove {}", added.id),
        nothing: format!("The log of {app} goes to {address} already."),
        change: &mut |_, settings| drain::add(&app, settings, &added),
    };
    make(context, change)
}
