//! `slugline certs:remove`

use slugline_core::settings::Host;
use slugline_runtime::remove_certificate;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The host, as `slugline certs` lists it
    #[arg(value_name = "HOST")]
    host: Host,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let host = &args.host;
    if !remove_certificate(&context.home, host).map_err(|error| super::refused(&error))? {
        return Err(CommandError::failed(format!("{host} has no certificate")));
    }
    context
        .ui
        .data(format_args!("Removing the certificate of {host}... done"));
    Ok(Status::Done)
}
