//! `slugline certs`

use serde::Serialize;
use slugline_runtime::certificates;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CertificateJson {
    host: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let hosts = certificates(&context.home).map_err(|error| super::refused(&error))?;
    let hosts = hosts.into_iter().map(String::from);
    if args.json {
        let all: Vec<_> = hosts.map(|host| CertificateJson { host }).collect();
        context.ui.data(serde_json::to_string_pretty(&all)?);
    } else if hosts.len() == 0 {
        context.ui.data("No certificates");
    } else {
        context.ui.lines(hosts);
    }
    Ok(Status::Done)
}
