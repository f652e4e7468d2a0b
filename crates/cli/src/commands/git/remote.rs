//! `slugline git:remote`

use std::process::Command;

use slugline_core::port::Ledger;

use super::repository;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::identity;
use crate::ui::Ui;

#[derive(clap::Args)]
pub struct Args {
    /// The branch whose push deploys the app, instead of main or master
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    repository::create(context, &app)?;
    if let Some(branch) = &args.branch {
        if identity::git(&["check-ref-format", "--branch", branch]).is_none() {
            return Err(CommandError::failed(format!(
                "{branch:?} is not a name for a branch"
            )));
        }
        ledger.set_branch(&app, Some(branch))?;
        context
            .ui
            .data(format_args!("A push to {branch} deploys {app}"));
    }
    if args.branch.is_none() {
        // A remote is in the person's own repository.
        context.typed.changed_nothing();
    }
    if context.asked.is_some() {
        // The client adds it.
        return Ok(Status::Done);
    }
    if identity::git(&["rev-parse", "--git-dir"]).is_none() {
        if args.branch.is_some() {
            return Ok(Status::Done);
        }
        return Err(nowhere());
    }
    point(&context.ui, context.remote_name(), &context.git_url(&app))?;
    Ok(Status::Done)
}

/// The error where there is no repository around this folder.
pub fn nowhere() -> CommandError {
    CommandError::failed("This folder is in no git repository.\nBegin one: git init")
}

/// Makes a remote of the repository around this folder point to this one.
///
/// # Errors
/// Where git refuses.
pub fn point(ui: &Ui, remote: &str, url: &str) -> Result<(), CommandError> {
    let exists = identity::git(&["remote", "get-url", remote]).is_some();
    let (verb, told) = if exists {
        ("set-url", "updated")
    } else {
        ("add", "added")
    };
    let output = Command::new("git")
        .args(["remote", verb, remote])
        .arg(url)
        .output();
    let output =
        output.map_err(|error| CommandError::failed(format!("git cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(CommandError::failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    ui.data(format_args!("Git remote {remote} {told}"));
    Ok(())
}
