//! `slugline certs:add`

use std::path::{Path, PathBuf};

use slugline_core::settings::Host;
use slugline_runtime::add_certificate;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The host that it is for, such as www.example.com or *.example.com
    #[arg(value_name = "HOST")]
    host: Host,
    /// The certificate with its chain, in PEM
    #[arg(value_name = "CERT")]
    cert: PathBuf,
    /// The private key, in PEM
    #[arg(value_name = "KEY")]
    key: PathBuf,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    // Where there is no home yet, there is one now.
    context.ledger()?;
    let (chain, key) = (read(context, &args.cert)?, read(context, &args.key)?);
    let host = &args.host;
    add_certificate(&context.home, host, &chain, &key).map_err(|error| super::refused(&error))?;
    context
        .ui
        .data(format_args!("Adding the certificate of {host}... done"));
    context
        .ui
        .status(format_args!("Undo: slugline certs:remove '{host}'"));
    Ok(Status::Done)
}

fn read(context: &Context, path: &Path) -> Result<Vec<u8>, CommandError> {
    let cannot = |error| CommandError::failed(format!("cannot read {}: {error}", path.display()));
    std::fs::read(context.path(path)).map_err(cannot)
}
