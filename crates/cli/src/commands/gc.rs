//! `slugline gc`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use slugline_slug::Garbage;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::garbage::{self, Found};
use crate::render::size;
use crate::render::table::table;

/// How long is waited for whoever uses the store.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// Show what would be removed, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View {
    removed: bool,
    bytes: u64,
    garbage: Vec<One>,
}

#[derive(Serialize)]
struct One {
    kind: &'static str,
    path: String,
    bytes: u64,
}

/// What is garbage; `None` while somebody uses the store. The daemon does so for a moment now and then, to
/// look for the same: it is waited for.
fn find(context: &Context) -> Result<Option<Found>, CommandError> {
    let begun = Instant::now();
    loop {
        let found = garbage::find(&context.home, &context.env, context.ui)?;
        if found.is_some() || begun.elapsed() >= PATIENCE {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    // It makes the home where there is none, its owner's alone.
    drop(context.ledger()?);
    let Some(found) = find(context)? else {
        return Err(CommandError::failed(
            "A deploy, a change or a backup is under way.\nTry again when it is over.",
        ));
    };
    if let Some(why) = found.skipped {
        let text = format!("Unpacked slugs are left alone: {why}");
        context.ui.warning(text);
    }
    let (shown, left) = match args.dry_run {
        true => (found.garbage.clone(), Vec::new()),
        false => found.remove(),
    };
    show(context, args, &shown)?;
    for error in &left {
        context.ui.warning(&error.text);
    }
    Ok(match left.is_empty() {
        true => Status::Done,
        false => Status::Failed,
    })
}

fn show(context: &Context, args: &Args, shown: &[Garbage]) -> Result<(), CommandError> {
    let bytes = shown.iter().map(|garbage| garbage.bytes).sum();
    let place = |garbage: &Garbage| {
        let path = garbage.path.strip_prefix(&context.home);
        path.unwrap_or(&garbage.path).display().to_string()
    };
    if args.json {
        let one = |garbage: &Garbage| One {
            kind: garbage.kind,
            path: place(garbage),
            bytes: garbage.bytes,
        };
        let view = View {
            removed: !args.dry_run,
            bytes,
            garbage: shown.iter().map(one).collect(),
        };
        context.ui.data(serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    if shown.is_empty() {
        context.ui.data("There is nothing that nothing needs.");
        return Ok(());
    }
    if args.dry_run {
        let row = |garbage: &Garbage| vec![place(garbage), size(garbage.bytes)];
        let rows: Vec<_> = shown.iter().map(row).collect();
        context.ui.lines(table(&["Would go", "Size"], &rows));
        let text = format!("{} in all. Nothing has been changed.", size(bytes));
        context.ui.status(text);
        return Ok(());
    }
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for garbage in shown {
        let (count, bytes) = kinds.entry(garbage.kind).or_default();
        *count += 1;
        *bytes += garbage.bytes;
    }
    let row = |(kind, (count, bytes)): (&str, (u64, u64))| {
        vec![kind.to_owned(), count.to_string(), size(bytes)]
    };
    let rows: Vec<_> = kinds.into_iter().map(row).collect();
    context
        .ui
        .lines(table(&["Removed", "Number", "Size"], &rows));
    context.ui.status(format_args!("{} in all.", size(bytes)));
    Ok(())
}
