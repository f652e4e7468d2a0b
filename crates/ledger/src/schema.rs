//! The format of the ledger's file, and how an older one is brought up to date. It must not know
//! what is done with the tables.
//!
//! `user_version` counts the migrations that a file has been through. Migrations are append-only:
//! one that has shipped is never edited.

use std::path::Path;

use rusqlite::Connection;
use slugline_core::port::LedgerError;

use crate::connection::{commit, writing};
use crate::fault::Result;
use crate::keys::KeySource;
use crate::sealed;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
    include_str!("migrations/0011.sql"),
    include_str!("migrations/0012.sql"),
];

/// The format from which on values are sealed.
const SEALED: usize = 5;

/// The format that this program writes.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

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
///
/// Values that an older format kept as text are sealed on the way, and what is left of the text in
/// the file is overwritten.
pub(crate) fn migrate(db: &Connection, home: &Path, source: &KeySource) -> Result<()> {
    let tx = writing(db)?;
    check_not_newer(&tx)?;
    let done = usize::try_from(format(&tx)?).unwrap_or(0);
    for (format, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        tx.execute_batch(migration)?;
        if format + 1 == SEALED {
            sealed::convert(&tx, home, source)?;
        }
    }
    tx.pragma_update(None, "user_version", KNOWN)?;
    commit(tx)?;
    if (1..SEALED).contains(&done) {
        db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// A ledger in memory, for tests of statements.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    let key = KeySource::Given("07".repeat(32));
    migrate(&db, Path::new("/"), &key).unwrap();
    db
}

/// The format of the file.
pub(crate) fn format(db: &Connection) -> Result<i64> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
