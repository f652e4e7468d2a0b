//! `slugline rollback`

use slugline_core::app::AppName;
use slugline_core::change::{Change, Half};
use slugline_core::corridor::{Done, Failure};
use slugline_core::operation::rollback::Rollback;
use slugline_core::port::{Kept, Ledger};
use slugline_core::release::Version;

use crate::commands::{Outcome, dry_run};
use crate::context::Context;
use crate::exit::Status;
use crate::progress::{Narrator, change};

#[derive(clap::Args)]
pub struct Args {
    /// The release; the newest before the current one that succeeded and did not go bad where none is
    /// named
    #[arg(value_name = "vN", conflicts_with = "unpin")]
    release: Option<String>,
    /// Only the code
    #[arg(long, conflicts_with_all = ["config_only", "unpin"])]
    code_only: bool,
    /// Only the config vars
    #[arg(long, conflicts_with_all = ["pin", "unpin"])]
    config_only: bool,
    /// Keep this code when config vars or add-ons change, until the next deploy
    #[arg(long, conflicts_with = "unpin")]
    pin: bool,
    /// Do not run the release command of the code
    #[arg(long, conflicts_with = "unpin")]
    skip_release_phase: bool,
    /// No longer keep rolled-back code; changes nothing else
    #[arg(long)]
    unpin: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let mut narrator = Narrator::silent(&context.ui);
    if args.unpin {
        return match engine.unpin(&request, &mut narrator) {
            Ok(()) => {
                context.ui.data(
                    "Unpinned: the next change of config or add-ons compiles the newest deploy.",
                );
                Ok(Status::Done)
            }
            Err(Failure::Nothing(text)) => {
                context.nothing(text);
                Ok(Status::Done)
            }
            Err(failure) => Err(context.no_app(engine.ledger, failure.into(), &app)),
        };
    }
    let half = match (args.code_only, args.config_only) {
        (true, _) => Some(Half::Code),
        (_, true) => Some(Half::Config),
        _ => None,
    };
    let target = args.release.as_deref().map(str::parse).transpose()?;
    let operation = Rollback {
        target,
        half,
        pin: args.pin,
        skip_release_phase: args.skip_release_phase,
    };
    if args.dry_run {
        return dry_run::show(context, &engine, &request, &operation);
    }
    let answer = |done: &Done| answer(context, done, &undo(engine.ledger, &app, done));
    change(
        context,
        &engine,
        &request,
        &operation,
        &mut narrator,
        &answer,
    )
}

/// The command that goes back again: what was left has to be named where it went bad.
fn undo(ledger: &dyn Ledger, app: &AppName, done: &Done) -> String {
    let left = done.plan.rollback.as_ref().map(|it| it.current.version);
    let bad = |left: &Version| matches!(ledger.kept(app, *left, Kept::Verdict), Ok(Some(_)));
    left.filter(bad).map_or_else(
        || "slugline rollback".to_owned(),
        |left| format!("slugline rollback {left}"),
    )
}

/// The fixed answer; on standard error, which release now runs and how to undo it.
fn answer(context: &Context, done: &Done, undo: &str) -> String {
    let Change::Rollback { target, half, .. } = &done.plan.change else {
        return String::new();
    };
    let what = match half {
        None => "code and config",
        Some(Half::Code) => "code",
        Some(Half::Config) => "config",
    };
    let now = done.release.version;
    context.ui.status(format_args!(
        "{now} now runs, with the {what} of {target}. Undo: {undo}"
    ));
    format!("Rolled back to {target}")
}
