//! `slugline domains:remove`

use slugline_core::refusal::Refusal;
use slugline_core::settings::Host;

use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The domain, as `slugline domains` lists it
    #[arg(value_name = "HOST")]
    host: Host,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (host, app) = (&args.host, context.app()?);
    let change = Change {
        what: format!("Remove {host}"),
        said: format!("Removing {host} from {app}... done"),
        undo: format!("slugline domains:add '{host}'"),
        nothing: String::new(),
        change: &mut |_, settings| {
            if settings.domains.remove(host) {
                Ok(())
            } else {
                Err(Refusal::new(format!("{host} is no domain of {app}")).into())
            }
        },
    };
    make(context, change)
}
