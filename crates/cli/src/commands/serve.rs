//! `slugline serve`

pub mod install;
mod units;

use std::net::SocketAddr;

use crate::commands::Outcome;
use crate::context::Context;
use crate::daemon;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The router's port; else SLUGLINE_PORT, else 8080; 0 picks a free one
    #[arg(short, long)]
    port: Option<u16>,
    /// Let a monitoring system read figures at http://ADDRESS:PORT/metrics; else SLUGLINE_METRICS, else nowhere
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// End the one that runs for this home, and all apps with it
    #[arg(long)]
    stop: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.stop {
        let was = context.supervisor().shut_down()?;
        let text = if was { "Stopped." } else { "It does not run." };
        context.ui.data(text);
        return Ok(Status::Done);
    }
    let port = match args.port {
        Some(port) => port,
        None => context.env.port()?,
    };
    let metrics = match args.metrics {
        Some(address) => Some(address),
        None => context.env.metrics()?,
    };
    daemon::serve(context, port, metrics)?;
    Ok(Status::Done)
}
