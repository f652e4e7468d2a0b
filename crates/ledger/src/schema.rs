//! The format of the ledger's file, and how an older one is brought up to date. It must not know
//! what is done with the tables.
//!
//! `user_version` counts the migrations that a file has been through. Migrations are append-only:
//! one that has shipped is never edited.

use rusqlite::Connection;
use slugline_core::port::LedgerError;

use crate::connection::writing;
use crate::fault::Result;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// The format that this program writes.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Whether the file is of the present format.
pub(crate) fn is_current(db: &Connection) -> Result<bool> {
    Ok(format(db)? == KNOWN)
}

/// Refuses a file that a newer Slugline has written, before anything is changed in it.
pub(crate) fn check_not_newer(db: &Connection) -> Result<()> {
    match format(db)? {
        found if found > KNOWN => Err(LedgerError::TooNew {
            found,
            known: KNOWN,
        }
        .into()),
        _ => Ok(()),
    }
}

/// Runs the migrations that are due, all in one transaction. Whoever waited while another process
/// did so finds none.
pub(crate) fn migrate(db: &Connection) -> Result<()> {
    let tx = writing(db)?;
    check_not_newer(&tx)?;
    let done = usize::try_from(format(&tx)?).unwrap_or(0);
    for migration in &MIGRATIONS[done..] {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", KNOWN)?;
    Ok(tx.commit()?)
}

fn format(db: &Connection) -> Result<i64> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
