//! `plugins` and its verbs.

mod approval;
pub mod check;
pub mod install;
pub mod list;
pub mod new;
pub mod remove;
pub mod test;
pub mod update;

use std::path::PathBuf;

use serde::Serialize;
use slugline_plugin_host::Finding;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

// The folder of a plugin, as it was typed. No doc comment: clap would take it for what the command does.
#[derive(clap::Args)]
pub struct Folder {
    /// The plugin's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

/// How a plugin that does not even load is told of.
fn broken(context: &Context, folder: &Folder, finding: &Finding) -> Outcome {
    #[derive(Serialize)]
    struct Broken<'a> {
        ok: bool,
        errors: [&'a Finding; 1],
    }
    if !folder.json {
        return Err(CommandError::failed(finding.to_string()));
    }
    let errors = [finding];
    let json = serde_json::to_string_pretty(&Broken { ok: false, errors })?;
    context.ui.data(json);
    Ok(Status::Failed)
}
