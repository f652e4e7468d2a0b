//! `slugline serve`

pub mod install;
mod units;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use slugline_isolation::Wanted;

use crate::certificate::Given;
use crate::commands::Outcome;
use crate::context::Context;
use crate::daemon::{self, Doors};
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The router's port; else SLUGLINE_PORT, else 8080; 0 picks a free one
    #[arg(short, long)]
    port: Option<u16>,
    /// Let a monitoring system read figures at http://ADDRESS:PORT/metrics; else SLUGLINE_METRICS, else nowhere
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// The router's port for TLS, with the certificates of `certs:add`; else SLUGLINE_TLS_PORT
    #[arg(long, value_name = "PORT")]
    tls_port: Option<u16>,
    /// The address that the router listens at; else SLUGLINE_BIND, else 127.0.0.1
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Where the HTTP API listens: a port of 127.0.0.1, an address with a port, or off; else SLUGLINE_API, else 8081
    #[arg(long, value_name = "ADDRESS:PORT")]
    api: Option<String>,
    /// The certificate with which the HTTP API speaks TLS, with its chain, in PEM; else one that is made for it
    #[arg(long, value_name = "FILE", requires = "api_key")]
    api_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "api_cert")]
    api_key: Option<PathBuf>,
    /// How much processes are shut in: auto, required or off; else SLUGLINE_ISOLATION, else auto
    #[arg(long, value_name = "HOW MUCH")]
    isolation: Option<Wanted>,
    /// End the one that runs for this home, and all apps with it
    #[arg(long)]
    stop: bool,
}

fn given((chain, key): (PathBuf, PathBuf)) -> Given {
    Given { chain, key }
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.stop {
        let was = context.supervisor().shut_down()?;
        let text = if was { "Stopped." } else { "It does not run." };
        context.ui.data(text);
        return Ok(Status::Done);
    }
    let env = &context.env;
    let doors = Doors {
        bind: args.bind.map_or_else(|| env.bind(), Ok)?,
        port: args.port.map_or_else(|| env.port(), Ok)?,
        tls_port: match args.tls_port {
            Some(port) => Some(port),
            None => env.tls_port()?,
        },
        api: match &args.api {
            Some(text) => text.parse()?,
            None => env.api()?,
        },
        api_certificate: args.api_cert.clone().zip(args.api_key.clone()).map(given),
    };
    let metrics = match args.metrics {
        Some(address) => Some(address),
        None => env.metrics()?,
    };
    let isolation = args.isolation.map_or_else(|| env.isolation(), Ok)?;
    daemon::serve(context, &doors, metrics, isolation)?;
    Ok(Status::Done)
}
