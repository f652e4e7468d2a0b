//! The file of the ledger, and the key to what is sealed in it. It must not know what they hold.

use slugline_core::port::LedgerError;
use slugline_ledger::{KEY_FILE, KeySource, SqliteLedger};

use super::Looked;
use super::finding::{Check, RESTORE, Report, counted};
use crate::context::Context;
use crate::error::CommandError;

/// The ledger, opened for reading, where the other groups can use it.
pub fn check(context: &Context, report: &mut Report) -> Option<SqliteLedger> {
    let found = SqliteLedger::look(&context.home, context.env.key()).and_then(|ledger| {
        let format = ledger.format()?;
        Ok((ledger.unsound()?, format, ledger))
    });
    let (unsound, format, ledger) = match found {
        Ok(found) => found,
        Err(error) => {
            let why = CommandError::because(&error).text;
            report.problem(Check::Ledger, why, Some(RESTORE.to_owned()));
            return None;
        }
    };
    for line in unsound {
        let what = format!("ledger.db is damaged: {line}");
        report.problem(Check::Ledger, what, Some(RESTORE.to_owned()));
    }
    let known = SqliteLedger::FORMAT;
    if format > known {
        let error = LedgerError::TooNew {
            found: format,
            known,
        };
        let what = format!("{error}; install a newer Slugline");
        report.problem(Check::Ledger, what, None);
        return None;
    }
    if format < known {
        let what = format!("ledger.db is of format {format}, from before this Slugline");
        report.warning(Check::Ledger, what, Some("slugline apps".to_owned()));
        return None;
    }
    report.ok_unless_found(
        Check::Ledger,
        format!("ledger.db is sound, of format {format}"),
    );
    Some(ledger)
}

pub fn check_key(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let source = looked.context.env.key();
    let whence = match source {
        KeySource::File => KEY_FILE,
        KeySource::Given(_) => "SLUGLINE_KEY",
        KeySource::Command(_) => "SLUGLINE_KEY_COMMAND",
    };
    let text = match ledger.unused_keys() {
        Err(LedgerError::Key(why)) => {
            let mend = "SLUGLINE_KEY=… slugline doctor".to_owned();
            // Of a file that others can read, it says itself what to do, as the home's check does.
            let is_open = super::home::is_open_to_others(&looked.context.home.join(KEY_FILE));
            let mend = Some(mend).filter(|_| !is_open);
            report.problem(Check::Key, why, mend);
            return Ok(());
        }
        Err(error) => return Err(error),
        Ok(0) => format!("the key in {whence} opens what is sealed"),
        Ok(count) => {
            let what = format!(
                "{whence} holds {} that nothing is sealed with, left from a rotation",
                counted(count, "key")
            );
            let mend = Some("slugline keys:rotate".to_owned());
            report.warning(Check::Key, what, mend);
            return Ok(());
        }
    };
    report.ok(Check::Key, text);
    Ok(())
}
