//! What the daemon does about a release that went bad while it was watched: the engine goes back to the
//! one before, as `slugline`. It must not know when a release is bad.

use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::corridor::Silent;
use slugline_core::corridor::watch::{ITSELF, Undone};
use slugline_core::port::Clock;
use slugline_ledger::{Note, Outcome};
use slugline_runtime::Watched;

use crate::args::Global;
use crate::clock::MachineClock;
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::ui::Ui;

/// Undoes a release that went bad. Answers what was done, for the app's log.
pub fn judge(ui: Ui, env: &Env, app: &AppName, seen: &Watched) -> Vec<String> {
    let (version, Some(bad)) = (seen.version, &seen.bad) else {
        return Vec::new();
    };
    let became = undo(ui, env, app, seen, bad);
    let became = became.unwrap_or_else(|error| {
        let text = error.text.lines().collect::<Vec<_>>().join(" ");
        Some(format!("{version} stays: {text}"))
    });
    let went = format!("{version} went bad: {bad}");
    std::iter::once(went).chain(became).collect()
}

fn undo(
    ui: Ui,
    env: &Env,
    app: &AppName,
    seen: &Watched,
    bad: &str,
) -> Result<Option<String>, CommandError> {
    let version = seen.version;
    let context = Context::new(ui, env.clone(), Global::default())?;
    context.typed.is("serve");
    let wired = context.wired()?;
    let engine = wired.engine();
    match engine.undo_bad(app, version, bad, &mut Silent)? {
        Undone::Replaced => Ok(None),
        Undone::TakenOver(done) => {
            context.announce(&engine, app);
            let (now, change) = (done.release.version, &done.release.change);
            Ok(Some(format!("{now} took over: {change}")))
        }
        Undone::Stays(why) => {
            // One that failed to launch left an event, too.
            context.announce(&engine, app);
            let what = format!("rollback of {version}, which went bad: {why}");
            let note = Note {
                at: MachineClock::new(env)?.now(),
                app: Some(app),
                actor: &Actor::new(ITSELF)?,
                outcome: Outcome::Refused,
                what: &what,
            };
            context.ledger()?.note(&note)?;
            Ok(Some(format!("{version} stays: {why}")))
        }
    }
}
