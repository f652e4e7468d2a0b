//! `slugline drains:add`

use slugline_core::refusal::Refusal;
use slugline_core::settings::Drain;
use slugline_runtime::DrainAddress;

use crate::clock::random;
use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;
use crate::error::CommandError;

/// The most drains of one app: each line is sent to every one.
const MOST: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// Where lines go: syslog://HOST:PORT, syslog+tls://HOST:PORT, http://… or https://…
    #[arg(value_name = "URL")]
    url: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let address = DrainAddress::parse(&args.url).map_err(|error| CommandError::because(&error))?;
    let bytes: [u8; 4] = random();
    let drain = Drain {
        id: format!("d{:08x}", u32::from_be_bytes(bytes)),
        url: args.url.clone(),
    };
    let change = Change {
        what: format!("Add the log drain {address}"),
        said: format!("Adding log drain {address} to {app}... done, {}", drain.id),
        undo: format!("slugline drains:remove {}", drain.id),
        nothing: format!("The log of {app} goes to {address} already."),
        change: &mut |_, settings| {
            if settings.drains.iter().any(|other| other.url == drain.url) {
                return Ok(());
            }
            if settings.drains.len() >= MOST {
                let refusal = Refusal::new(format!("{app} has {MOST} log drains already"));
                return Err(refusal.hint("Remove one: slugline drains:remove ID").into());
            }
            settings.drains.push(drain.clone());
            Ok(())
        },
    };
    make(context, change)
}
