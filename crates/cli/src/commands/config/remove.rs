//! `slugline config:remove`

use std::collections::BTreeSet;

use slugline_core::change::Change;
use slugline_core::config::ConfigKey;
use slugline_core::operation::Plan;
use slugline_core::operation::config::Remove;

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// Their keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.keys.is_empty() {
        return Err(CommandError::usage(
            "Usage: slugline config:remove KEY1 [KEY2 ...]",
        ));
    }
    let keys = args
        .keys
        .iter()
        .map(|key| ConfigKey::new(key))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let operation = Remove { keys };
    if args.dry_run {
        return dry_run::show(context, &engine, &request, &operation);
    }
    let heading = |plan: &Plan| match &plan.change {
        Change::ConfigRemove { keys } => {
            let rows: String = keys.iter().map(|key| format!("  {key}\n")).collect();
            format!("Removing config vars:\n{rows}Updating vars and restarting app...")
        }
        _ => String::new(),
    };
    let mut narrator = Narrator::new(&context.ui, &heading);
    let end = |done: &slugline_core::corridor::Done| format!(" done, {}", done.release.version);
    change(context, &engine, &request, &operation, &mut narrator, &end)
}
