//! `slugline plugins:install`

use std::path::PathBuf;

use slugline_plugin_host::install::{self, Package};

use super::approval::{agreed, loads, show};
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The plugin's folder, or a tarball of it
    #[arg(value_name = "DIR|TARBALL")]
    from: PathBuf,
    /// Grant what it asks for, instead of being asked
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let package = Package::read(&context.path(&args.from), &context.home)?;
    let name = &package.info().name;
    if install::is_installed(&context.home, name) {
        let from = args.from.display();
        let error = CommandError::failed(format!("{name} is installed already."));
        return Err(error.hint(&format!(
            "To replace it: slugline plugins:update {name} {from}"
        )));
    }
    loads(context, &package)?;
    show(context, package.info(), package.digest());
    let permissions = &package.info().permissions;
    agreed(context, args.yes, permissions, "Install it?")?;
    // Before anything is put into it: this makes a new home its owner's alone.
    drop(context.ledger()?);
    install::install(&context.home, &package)?;
    context.ui.data(format_args!("Installing {name}... done"));
    context
        .ui
        .status(format_args!("Undo: slugline plugins:remove {name}"));
    Ok(Status::Done)
}
