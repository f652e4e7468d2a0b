//! `slugline deploy`: a folder or a tarball, without git.

use std::fs::File;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::corridor::{Done, Engine, Request};
use slugline_core::operation::deploy::Deploy;
use slugline_core::slug::{Commit, SourceId};
use slugline_slug::SlugStore;

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// A folder, or a .tar, .tar.gz or .tar.zst of one
    #[arg(default_value = ".", value_name = "DIR|TARBALL")]
    source: PathBuf,
    /// The commit that the source came from, as the history is to name it; else the source's
    /// digest
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    context.moment(engine.ledger, &app)?;
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let source = add(wired.store(), &args.source, &context.path(&args.source))?;
    let commit = match &args.commit {
        Some(commit) => Commit::new(commit)?,
        None => Commit::new(&source.as_str()[..40])?,
    };
    let operation = Deploy {
        source,
        commit,
        git_log: String::new(),
    };
    if args.dry_run {
        let buildpack = wired.detect(&operation.source)?;
        context.ui.status(format_args!("{buildpack} app detected"));
        return dry_run::show(context, &engine, &request, &operation);
    }
    deploy(context, &engine, &request, &operation)
}

fn add(store: &SlugStore, typed: &Path, path: &Path) -> Result<SourceId, CommandError> {
    let broken = |error: &dyn std::error::Error| {
        let error = CommandError::because(error);
        CommandError {
            text: format!("{} cannot be deployed: {}", typed.display(), error.text),
            ..error
        }
    };
    let (id, _) = if path.is_dir() {
        store.add_source_dir(path).map_err(|error| broken(&error))?
    } else {
        let tarball = File::open(path).map_err(|error| broken(&error))?;
        store
            .add_source_tar(tarball)
            .map_err(|error| broken(&error))?
    };
    Ok(id)
}

/// Compiles, releases and launches source that is in the store, telling of it as a push does.
///
/// # Errors
/// Why it was not deployed.
pub fn deploy(
    context: &Context,
    engine: &Engine<'_>,
    request: &Request<'_>,
    operation: &Deploy,
) -> Outcome {
    let mut narrator = Narrator::of_build(&context.ui);
    let answer = |done: &Done| answer(done, request.app);
    change(context, engine, request, operation, &mut narrator, &answer)
}

/// The end of the last line that a deploy tells, and what comes after that.
pub fn answer(done: &Done, app: &AppName) -> String {
    let has_web = done
        .release
        .slug
        .as_ref()
        .is_some_and(|slug| slug.processes.contains_key("web"));
    let version = done.release.version;
    match has_web {
        true => format!(" done, {version}\n       {} deployed to Slugline", done.url),
        false => format!(" done, {version}\n       {app} deployed to Slugline"),
    }
}
