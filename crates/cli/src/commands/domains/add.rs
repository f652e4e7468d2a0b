//! `slugline domains:add`

use slugline_core::settings::Host;

use crate::commands::Outcome;
use crate::commands::setting::{Change, make};
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The domain, such as www.example.com; *.example.com stands for all names one label longer
    #[arg(value_name = "HOST")]
    host: Host,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (host, app) = (&args.host, context.app()?);
    let change = Change {
        what: format!("Add {host}"),
        said: format!("Adding {host} to {app}... done"),
        undo: format!("slugline domains:remove '{host}'"),
        nothing: format!("{host} is a domain of {app} already."),
        change: &mut |_, settings| {
            settings.domains.insert(host.clone());
            Ok(())
        },
    };
    make(context, change)
}
