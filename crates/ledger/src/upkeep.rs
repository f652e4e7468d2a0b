//! What the upkeep of a home asks of the ledger as a whole: which resources are known, whether
//! anything is unfinished, whether the file is sound. It must not change anything, nor know what is
//! to be done about it.

use std::collections::BTreeMap;

use rusqlite::Connection;
use slugline_core::port::LedgerError;

use crate::SqliteLedger;
use crate::connection::reading;
use crate::fault::Result;

// These look at everything there is, and so are not among the statements of `sql.rs`, which are the
// same whatever the length of a history.
const RESOURCES: &str = "SELECT id, app FROM resource";
const UNFINISHED: &str = "SELECT (SELECT count(*) FROM journal)
    + (SELECT count(*) FROM release WHERE status = 'pending')";
const PENDING: &str = "SELECT a.name, r.version FROM release r JOIN app a ON a.id = r.app_id
    WHERE r.status = 'pending' ORDER BY a.name, r.version";
const OUTBOX: &str = "SELECT a.name, count(*), max(o.attempts) FROM outbox o
    JOIN app a ON a.id = o.app_id WHERE o.attempts > 0 GROUP BY a.name ORDER BY a.name";
const FOREIGN_KEYS: &str = "SELECT count(*) FROM pragma_foreign_key_check";
const INTEGRITY: &str = "SELECT integrity_check FROM pragma_integrity_check LIMIT 3";

/// What has been begun and is not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Apps with the numbers of their pending releases.
    pub pending: Vec<(String, i64)>,
    /// Apps with events that could not be delivered so far: how many, and how often the one was
    /// tried that was tried most often.
    pub undelivered: Vec<(String, u32, u32)>,
}

impl SqliteLedger {
    /// The ids of all resources that there are, with the name of the app of each, which may be gone.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn resource_ids(&self) -> std::result::Result<BTreeMap<String, String>, LedgerError> {
        Ok(resources(&self.db)?)
    }

    /// Whether an operation on any app has been begun and is not over, in another process or in one
    /// that is gone.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn is_unfinished(&self) -> std::result::Result<bool, LedgerError> {
        Ok(unfinished_count(&self.db)? > 0)
    }

    /// What has been begun and is not over.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn unfinished_work(&self) -> std::result::Result<Unfinished, LedgerError> {
        Ok(unfinished(&self.db)?)
    }

    /// What SQLite finds wrong with the file, at most a few lines; none where it is sound.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`], [`LedgerError::Storage`].
    pub fn unsound(&self) -> std::result::Result<Vec<String>, LedgerError> {
        Ok(unsound(&self.db)?)
    }

    /// The number of the format that the file has.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn format(&self) -> std::result::Result<i64, LedgerError> {
        Ok(crate::schema::format(&self.db)?)
    }
}

fn resources(db: &Connection) -> Result<BTreeMap<String, String>> {
    let mut statement = db.prepare(RESOURCES)?;
    let all = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all.collect::<std::result::Result<_, _>>()?)
}

fn unfinished_count(db: &Connection) -> Result<i64> {
    Ok(db.query_row(UNFINISHED, [], |row| row.get(0))?)
}

fn unfinished(db: &Connection) -> Result<Unfinished> {
    let tx = reading(db)?;
    let mut pending = tx.prepare(PENDING)?;
    let pending = pending.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut outbox = tx.prepare(OUTBOX)?;
    let undelivered = outbox.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Unfinished {
        pending: pending.collect::<std::result::Result<_, _>>()?,
        undelivered: undelivered.collect::<std::result::Result<_, _>>()?,
    })
}

fn unsound(db: &Connection) -> Result<Vec<String>> {
    let mut statement = db.prepare(INTEGRITY)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut found = lines.collect::<std::result::Result<Vec<_>, _>>()?;
    found.retain(|line| line != "ok");
    let lost: i64 = db.query_row(FOREIGN_KEYS, [], |row| row.get(0))?;
    if lost > 0 {
        found.push(format!("{lost} rows refer to rows that are not there"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::port::Ledger;
    use slugline_testkit::{private_folder, values};

    #[test]
    fn a_sound_ledger_has_nothing_to_tell_and_an_unsound_one_has() {
        let home = private_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        ledger.create_app(&values::app("myapp")).unwrap();
        assert_eq!(ledger.unsound().unwrap(), [""; 0]);
        assert!(!ledger.is_unfinished().unwrap());
        let state = values::state(None, &[("A", "1")], &[]);
        values::record(&ledger, "myapp", &values::config_add("A"), &state);
        assert!(ledger.is_unfinished().unwrap());
        let expected = Unfinished {
            pending: vec![("myapp".to_owned(), 1)],
            undelivered: Vec::new(),
        };
        assert_eq!(ledger.unfinished_work().unwrap(), expected);
        let broken = "PRAGMA foreign_keys = OFF;
            INSERT INTO release (app_id, version, change, actor, created_at, status)
            VALUES (99, 1, '', '', 0, 'failed')";
        ledger.db.execute_batch(broken).unwrap();
        let found = ledger.unsound().unwrap();
        assert_eq!(found, ["1 rows refer to rows that are not there"]);
    }
}
