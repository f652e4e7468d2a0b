//! `slugline releases:output`

use slugline_core::port::{Kept, Ledger};
use slugline_core::query;
use slugline_core::release::Version;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The release, such as v24; the newest where none is named
    #[arg(value_name = "vN")]
    release: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let last = context.moment(&ledger, &app)?.last;
    let named = args.release.as_deref().map(str::parse).transpose()?;
    let version = named.unwrap_or(last);
    if version == Version::NONE {
        return Err(CommandError::failed(format!("{app} has no release yet")));
    }
    let output = ledger.kept(&app, version, Kept::Output)?;
    if output.is_none() && ledger.release(&app, version)?.is_none() {
        // Why it is not kept, and what is.
        query::inspect(&ledger, &app, version)?;
    }
    if args.json {
        let view = serde_json::json!({ "release": version.to_string(), "output": output });
        context.ui.data(serde_json::to_string_pretty(&view)?);
        return Ok(Status::Done);
    }
    match output {
        Some(output) => context.ui.part(output),
        None => context
            .ui
            .status(format_args!("{version} ran no release command.")),
    }
    Ok(Status::Done)
}
