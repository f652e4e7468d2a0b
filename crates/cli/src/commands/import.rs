//! `slugline import`: an app with the history that `export` wrote, here or elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::port::{Clock as _, Ledger as _, Providers as _};
use slugline_core::slug::SlugId;
use slugline_ledger::{Document, MAX_BYTES};
use slugline_slug::SlugStore;

use crate::clock::MachineClock;
use crate::commands::{Outcome, git};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// What `export` wrote; `-` is standard input
    file: PathBuf,
    /// Remove the add-ons that the app has, of which nothing is here, by a release each
    #[arg(long)]
    without_addons: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let shown = args.file.display();
    let wrong = |why: String| CommandError::failed(format!("{shown} cannot be imported: {why}"));
    let bytes = read(context, &args.file).map_err(|error| wrong(error.to_string()))?;
    let document = Document::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    drop(bytes);
    let from = document.from().clone();
    let app = context.named_app()?.unwrap_or(from);
    context.typed.is_about(&app);
    let ledger = context.ledger()?;
    if ledger.apps()?.iter().any(|known| known.name == app) {
        let why = format!(
            "there is already an app {app}\nGive it another name: slugline import {shown} --app NAME"
        );
        return Err(CommandError::failed(why));
    }
    refuse_addons(&document, args)?;
    let (actor, now) = (context.actor()?, MachineClock::new(&context.env)?.now());
    let lost: Vec<String> = document
        .lost_addons()
        .iter()
        .map(|addon| addon.plan.to_string())
        .collect();
    let document = document.named(&app).without_addons(&actor, now);
    ledger.import(&document, &actor, now)?;
    if let Err(error) = git::repository::create(context, &app) {
        ledger.destroy_app(&app, now)?;
        return Err(error);
    }
    tell(context, &app, &document, &lost)?;
    Ok(Status::Done)
}

/// At most one byte more than may be: the parser says that it is too much.
fn read(context: &Context, file: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(context.path(file))?),
    };
    let mut bytes = Vec::new();
    source.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refuse_addons(document: &Document, args: &Args) -> Result<(), CommandError> {
    let lost = document.lost_addons();
    if lost.is_empty() || args.without_addons {
        return Ok(());
    }
    let lines: String = lost
        .iter()
        .map(|addon| format!("\n  {}", addon.plan))
        .collect();
    Err(CommandError::failed(format!(
        "{} has add-ons of which nothing is here:{lines}\n--without-addons removes them at the end of its \
         history; add them again then. What they hold is not in an export.",
        document.from()
    )))
}

fn tell(
    context: &Context,
    app: &AppName,
    document: &Document,
    lost: &[String],
) -> Result<(), CommandError> {
    let ui = &context.ui;
    let (kept, pruned) = (document.kept(), document.pruned());
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let receipts = match pruned {
        0 => String::new(),
        _ => format!(" and {}", many(pruned, "receipt")),
    };
    let current = match document.current() {
        Some(current) => format!("{current} is current"),
        None => "none of them succeeded".to_owned(),
    };
    ui.data(format_args!(
        "Imported {app}: {}{receipts}; {current}",
        many(kept, "release")
    ));
    for plan in lost {
        ui.status(format_args!(
            "Removed {plan}. To have it again: slugline addons:add {plan} --app {app}"
        ));
    }
    let tier = document.present().tier();
    let unknown = |plan: &str| {
        context
            .plugin_host()
            .is_ok_and(|host| host.catalogue().find(plan).is_err())
    };
    if let Some(tier) = tier.map(ToString::to_string).filter(|tier| unknown(tier)) {
        ui.warning(format_args!(
            "There is no {tier} here: until there is, nothing of it is pruned."
        ));
    }
    let store = SlugStore::open(&context.home)?;
    let is_missing = |id: &&SlugId| !store.has(id);
    let missing = document.release_slugs().filter(is_missing).count();
    if missing > 0 {
        ui.warning(format_args!(
            "Code is not in an export: that of {} is not here, and cannot run.\nBring code: slugline \
             git:remote --app {app}, then git push; or slugline deploy --app {app}",
            many(missing, "release"),
        ));
    }
    Ok(())
}
