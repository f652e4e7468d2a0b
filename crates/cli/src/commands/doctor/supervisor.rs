//! The daemon of the home: whether it runs, and runs what is current. It is asked, and told nothing.

use slugline_core::app::AppName;
use slugline_core::corridor::launch::is_idle;
use slugline_core::port::{Ledger as _, LedgerError};
use slugline_core::release::Version;
use slugline_ledger::SqliteLedger;
use slugline_runtime::{Control, ControlError, Home, ProcessState, Status};

use super::Looked;
use super::finding::{Check, Report};

/// Answers what the daemon says, if it runs.
pub fn check(looked: &Looked<'_>, report: &mut Report) -> Option<Status> {
    let home = &looked.context.home;
    let status = match Control::connect(home) {
        Ok(None) => Ok(None),
        Ok(Some(control)) => control.status().map(Some),
        Err(error) => Err(error),
    };
    match status {
        Ok(Some(status)) => {
            runs(looked, &status, report);
            return Some(status);
        }
        Ok(None) => runs_not(looked, report),
        Err(error) => {
            let mend = match error {
                ControlError::OtherVersion(_) => "slugline serve --stop",
                _ => "slugline status",
            };
            let why = crate::error::CommandError::because(&error).text;
            let what = format!("slugline serve does not answer: {why}");
            report.problem(Check::Supervisor, what, Some(mend.to_owned()));
        }
    }
    None
}

fn runs_not(looked: &Looked<'_>, report: &mut Report) {
    let serve = || Some("slugline serve".to_owned());
    // While a daemon ends, its socket is there and nobody listens.
    if Home::new(&looked.context.home).socket().exists() {
        let what = "slugline serve was killed: its socket is there, and nobody listens";
        report.warning(Check::Supervisor, what, serve());
        return;
    }
    let idle = looked
        .apps
        .iter()
        .filter(|app| wanted(looked, app).is_some());
    match idle.count() {
        0 => report.ok(
            Check::Supervisor,
            "not running, and there is nothing to run",
        ),
        count => {
            let idle = match count {
                1 => "1 app does".to_owned(),
                count => format!("{count} apps do"),
            };
            let what = format!("not running, and so {idle} not answer");
            report.warning(Check::Supervisor, what, serve());
        }
    }
}

fn runs(looked: &Looked<'_>, status: &Status, report: &mut Report) {
    for app in &looked.apps {
        let running = status.apps.iter().find(|running| running.app == *app);
        let version = running.and_then(|running| running.version);
        if let Some(current) = wanted(looked, app)
            && version != Some(current)
            // A change that is under way is about to do that.
            && !looked.ledger.as_ref().is_some_and(|it| it.is_changing(app).unwrap_or(false))
        {
            let runs = version.map_or("nothing".to_owned(), |version| version.to_string());
            let what = format!("{current} of {app} is current, and {runs} runs");
            let mend = Some(format!("slugline restart --app {app}"));
            report.problem(Check::Supervisor, what, mend);
            continue;
        }
        let processes = running.map(|running| running.processes.as_slice());
        for process in processes.unwrap_or_default() {
            if process.state == ProcessState::Crashed {
                let what = format!(
                    "{} of {app} crashed, and was started again {}",
                    process.name,
                    match process.restarts {
                        1 => "once".to_owned(),
                        count => format!("{count} times"),
                    }
                );
                let mend = Some(format!("slugline logs --app {app}"));
                report.problem(Check::Supervisor, what, mend);
            }
        }
    }
    let text = format!("running (pid {}), with what is current", status.pid);
    report.ok_unless_found(Check::Supervisor, text);
}

/// The release that is to run; `None` where there is nothing to run, or it cannot be told.
fn wanted(looked: &Looked<'_>, app: &AppName) -> Option<Version> {
    let ledger = looked.ledger.as_ref()?;
    current(ledger, app).ok().flatten()
}

fn current(ledger: &SqliteLedger, app: &AppName) -> Result<Option<Version>, LedgerError> {
    let outline = ledger.outline(app)?;
    let idle = is_idle(&outline, &ledger.resources(app)?);
    Ok(outline.version().filter(|_| !idle))
}
