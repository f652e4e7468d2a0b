//! What was begun and is not over: releases that are pending, effects that could not be undone, and
//! events that could not be delivered. What a plugin said of it is not shown: it may be secret.

use slugline_core::app::AppName;
use slugline_core::event::Event;
use slugline_core::journal::{Effect, Entry};
use slugline_core::port::{Clock as _, Ledger as _, LedgerError};
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;

use super::Looked;
use super::finding::{Check, Report};
use crate::clock::MachineClock;
use crate::render::when::When;

pub fn check(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let context = looked.context;
    let now = MachineClock::new(&context.env).map_or(Timestamp(0), |clock| clock.now());
    let when = When::new(now, context.env.get("TZ").is_some());
    for app in &looked.apps {
        match of_app(ledger, app, &when, report) {
            Ok(()) | Err(LedgerError::NoApp(_)) => {}
            Err(error) => return Err(error),
        }
    }
    report.ok_unless_found(Check::Unfinished, "nothing was begun and left");
    Ok(())
}

fn of_app(
    ledger: &SqliteLedger,
    app: &AppName,
    when: &When,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let pending = ledger.outline(app)?.pending;
    let journal = ledger.journal(app)?;
    // Whoever changes the app is at it, and does first what was left.
    let left = (pending.is_some() || !journal.is_empty()) && !ledger.is_changing(app)?;
    let mend = || Some(format!("slugline restart --app {app}"));
    if let Some(version) = pending.filter(|_| left) {
        let since = ledger.release(app, version)?;
        let since = since.map(|release| format!(", since {}", when.say(release.created_at)));
        let since = since.unwrap_or_default();
        let what = format!("{version} of {app} is pending, and nobody is at it{since}");
        report.warning(Check::Unfinished, what, mend());
    }
    for entry in journal.iter().filter(|_| left) {
        report.warning(Check::Unfinished, undone(app, entry), mend());
    }
    for waiting in ledger.outbox(app)? {
        if waiting.attempts == 0 {
            continue;
        }
        let (what, since) = event(&waiting.event);
        let since = since.map(|at| format!(", since {}", when.say(at)));
        let since = since.unwrap_or_default();
        let what = format!(
            "{app}: {what} could not be done, tried {}{since}",
            times(waiting.attempts)
        );
        let mend = Some("slugline serve".to_owned());
        report.warning(Check::Unfinished, what, mend);
    }
    Ok(())
}

fn undone(app: &AppName, entry: &Entry) -> String {
    let what = match &entry.effect {
        Effect::Provision { plan, .. } => format!("adding {plan}"),
        Effect::ChangePlan { from, to, .. } => format!("moving {from} to {to}"),
        Effect::Destroy => return format!("{app}: it was to be destroyed, and is not yet gone"),
    };
    match entry.attempts {
        0 => format!("{app}: {what} was interrupted"),
        count => format!("{app}: {what} could not be undone, tried {}", times(count)),
    }
}

/// What an event is for, and when its release was made.
fn event(event: &Event) -> (String, Option<Timestamp>) {
    let told = |subject: &slugline_core::event::Subject| {
        (
            format!("telling plugins of {}", subject.version),
            Some(subject.at),
        )
    };
    match event {
        Event::ReleaseCreated(subject)
        | Event::ReleaseFailed { subject, .. }
        | Event::AddonChanged { subject, .. } => told(subject),
        Event::Deprovision { .. } => ("destroying the resource of an add-on".to_owned(), None),
        Event::Prune => ("pruning".to_owned(), None),
    }
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
