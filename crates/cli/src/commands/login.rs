//! `slugline login`: a token for the server of `SLUGLINE_HOST`, kept where git and curl look for passwords.

use serde_json::Value;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::remote::host::Host;
use crate::remote::{self, netrc, stdio, token};

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let host = server(context)?;
    let path = netrc::path(&context.env)?;
    // What would refuse to be written is found before anybody types.
    netrc::password(&path, &[])?;
    let place = host.place();
    let typed = stdio::hidden_line(&format!("Token for {place}: "));
    let typed = typed.map_err(|error| CommandError::failed(format!("cannot be read: {error}")))?;
    let token = token::check(typed.trim(), "the line")?;
    let account = remote::ask(&host, &context.env, &token, "GET /account")?;
    let account: Value = serde_json::from_slice(&account)?;
    netrc::set(&path, &place, &token)?;
    let user = account["email"].as_str().unwrap_or("somebody");
    context
        .ui
        .data(format_args!("Logged in to {place} as {user}"));
    context
        .ui
        .status(format_args!("The token is in {}", path.display()));
    Ok(Status::Done)
}

/// The server that is meant.
///
/// # Errors
/// Where none is.
pub fn server(context: &Context) -> Result<Host, CommandError> {
    match remote::host(&context.env) {
        Some(host) => host.parse(),
        None => {
            let error = CommandError::usage("SLUGLINE_HOST says for which server, and is not set.");
            Err(error.hint("Set it: export SLUGLINE_HOST=https://paas.example.com:8081"))
        }
    }
}
