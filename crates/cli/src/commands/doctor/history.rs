//! The proof of every app's history. It must not know how a proof is made.

use slugline_core::port::LedgerError;
use slugline_ledger::SqliteLedger;

use super::Looked;
use super::finding::{Check, RESTORE, Report, counted};

pub fn check(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let mut kept = 0;
    for app in &looked.apps {
        let found = match ledger.verify(app) {
            // It was destroyed since the apps were listed.
            Err(LedgerError::NoApp(_)) => continue,
            other => other?,
        };
        kept += found.kept;
        if let Some(altered) = found.altered {
            let what = format!(
                "the history of {app} was altered: {} {}",
                altered.version, altered.what
            );
            report.problem(Check::History, what, Some(RESTORE.to_owned()));
        }
    }
    let releases = counted(usize::try_from(kept).unwrap_or(usize::MAX), "release");
    let apps = counted(looked.apps.len(), "app");
    let text = format!("{releases} of {apps}, as recorded");
    report.ok_unless_found(Check::History, text);
    Ok(())
}
