//! `slugline plugins:update`

use std::path::PathBuf;

use slugline_plugin_host::PluginInfo;
use slugline_plugin_host::install::{self, Approval, Lock, Package};

use super::approval::{agreed, loads, show};
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// The plugin
    #[arg(value_name = "NAME")]
    name: String,
    /// What to replace it with; without, what is in its place now is approved
    #[arg(value_name = "DIR|TARBALL")]
    from: Option<PathBuf>,
    /// Grant what it asks for, instead of being asked
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let (home, name) = (&context.home, &args.name);
    let Some(from) = &args.from else {
        let (info, digest) = install::installed(home, name)?;
        if agree(context, args, &info, &digest)? {
            install::approve(home, name, &info, &digest)?;
            context.ui.data(format_args!("Approving {name}... done"));
        }
        return Ok(Status::Done);
    };
    if !install::is_installed(home, name) {
        let error = CommandError::failed(format!("There is no plugin {name} to update."));
        let from = from.display();
        return Err(error.hint(&format!("To install it: slugline plugins:install {from}")));
    }
    let package = Package::read(&context.path(from), home)?;
    let info = package.info();
    if info.name != *name {
        let text = format!(
            "{} is the plugin {}, not {name}.",
            from.display(),
            info.name
        );
        return Err(CommandError::failed(text));
    }
    loads(context, &package)?;
    if agree(context, args, info, package.digest())? {
        install::install(home, &package)?;
        context.ui.data(format_args!("Updating {name}... done"));
    }
    Ok(Status::Done)
}

/// Shows what changes, and asks where it may do more than was granted. Answers whether anything
/// changes at all.
fn agree(
    context: &Context,
    args: &Args,
    info: &PluginInfo,
    digest: &str,
) -> Result<bool, CommandError> {
    let lock = Lock::read(&context.home)?;
    let Some(before) = lock.plugins.get(&args.name) else {
        show(context, info, digest);
        agreed(context, args.yes, &info.permissions, "Approve it?")?;
        return Ok(true);
    };
    let in_place = install::installed(&context.home, &args.name);
    let as_approved = in_place.is_ok_and(|(_, there)| there == before.digest);
    if before.digest == digest && as_approved {
        context.nothing(format_args!("{} is as it was approved.", args.name));
        return Ok(false);
    }
    let Approval {
        version,
        digest: old,
        ..
    } = before;
    context
        .ui
        .status(format_args!("{} {version} -> {}", info.name, info.version));
    context.ui.status(format_args!("- {old}\n+ {digest}"));
    let new = before.lacks(&info.permissions);
    if !new.is_empty() {
        context
            .ui
            .status(format_args!("It now asks for more: {}", new.join(", ")));
        agreed(context, args.yes, &new, "Grant it?")?;
    }
    Ok(true)
}
