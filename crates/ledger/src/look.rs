//! A ledger that is only looked at, to find what is wrong with it: nothing is created, brought up to
//! date or locked for longer than a look. It must not know how anything is mended.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use fs4::{FileExt, TryLockError};
use rusqlite::Connection;
use slugline_core::app::AppName;
use slugline_core::port::LedgerError;
use slugline_core::release::Version;
use slugline_core::slug::SlugId;

use crate::SqliteLedger;
use crate::connection;
use crate::decode::{integer, text};
use crate::fault::Result;
use crate::keys::{self, KeySource};
use crate::newest::Newest;
use crate::schema;
use crate::sealing::{self, Keys};

// It looks at all releases, and so is not among the statements of `sql.rs`, which are the same
// whatever the length of a history.
const HOLDERS: &str = "SELECT a.name, r.version FROM slug s JOIN release r ON r.slug = s.id
    JOIN app a ON a.id = r.app_id WHERE s.digest = ?1
    UNION SELECT a.name, a.deploy_version FROM slug s JOIN app a ON a.deploy_slug = s.id
    WHERE s.digest = ?1 ORDER BY 1, 2";

impl SqliteLedger {
    /// The format that this program writes, and reads without changing the file.
    pub const FORMAT: i64 = schema::KNOWN;

    /// Opens the ledger of `home` for reading, whatever its format, and whoever can look into the
    /// home. Of one that is not of [`SqliteLedger::FORMAT`] only [`SqliteLedger::format`] and
    /// [`SqliteLedger::unsound`] may be asked; writing is an error.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] where the file is no ledger, [`LedgerError::Storage`] where there is
    /// none or it cannot be read.
    pub fn look(home: &Path, key: KeySource) -> std::result::Result<Self, LedgerError> {
        let limit = Duration::from_secs(connection::BUSY_SECONDS);
        let db = connection::for_reading(home, limit)?;
        // Before this nothing of the file has been read.
        schema::format(&db)?;
        Ok(Self {
            db,
            keys: Keys::new(home.to_owned(), key),
            locks: home.join("locks"),
            newest: Newest::default(),
            caller: None,
        })
    }

    /// Whether somebody is changing an app at this moment.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn is_changing(&self, app: &AppName) -> std::result::Result<bool, LedgerError> {
        Ok(is_held(&self.locks.join(format!("{app}.change")))?)
    }

    /// How many of the master keys at hand nothing is sealed with. They are left from a rotation
    /// that was cut off, or of one that is under way.
    ///
    /// # Errors
    /// [`LedgerError::Key`] where the key is missing or another one, [`LedgerError::Storage`].
    pub fn unused_keys(&self) -> std::result::Result<usize, LedgerError> {
        Ok(unused(&self.db, &self.keys)?)
    }

    /// The releases that are kept, and newest deploys, whose code is in this slug, by app and
    /// number.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`], [`LedgerError::Storage`].
    pub fn holders(
        &self,
        slug: &SlugId,
    ) -> std::result::Result<Vec<(AppName, Version)>, LedgerError> {
        Ok(holders(&self.db, slug)?)
    }
}

/// A lock is tried and given back at once.
fn is_held(path: &Path) -> Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn unused(db: &Connection, keys: &Keys) -> Result<usize> {
    keys.ring(db)?;
    let used = sealing::masters_used(db)?;
    let mut masters = keys::masters(keys.home(), keys.source())?;
    masters.retain(|master| !used.contains(&master.fingerprint()));
    Ok(masters.len())
}

fn holders(db: &Connection, slug: &SlugId) -> Result<Vec<(AppName, Version)>> {
    let mut statement = db.prepare(HOLDERS)?;
    let all = statement.query_and_then([slug.as_str()], |row| {
        let app = text(row, 0, "app.name", |name| AppName::new(name).ok())?;
        let number: u64 = integer(row, 1, "release.version")?;
        Ok((app, Version::new(number)))
    })?;
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::port::{Holder, Ledger, Lock};
    use slugline_testkit::{private_folder, values};

    #[test]
    fn looking_creates_and_changes_nothing() {
        let home = private_folder();
        let missing = SqliteLedger::look(home.path(), KeySource::File).unwrap_err();
        assert!(matches!(missing, LedgerError::Storage(_)), "{missing}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        let ledger = SqliteLedger::open(home.path()).unwrap();
        ledger.create_app(&values::app("myapp")).unwrap();
        let looked = SqliteLedger::look(home.path(), KeySource::File).unwrap();
        assert_eq!(looked.format().unwrap(), SqliteLedger::FORMAT);
        assert_eq!(looked.apps().unwrap().len(), 1);
        assert!(looked.create_app(&values::app("other")).is_err());
        let older = "PRAGMA user_version = 3";
        ledger.db.execute_batch(older).unwrap();
        let looked = SqliteLedger::look(home.path(), KeySource::File).unwrap();
        assert_eq!(looked.format().unwrap(), 3);
        assert_eq!(ledger.format().unwrap(), 3);
    }

    #[test]
    fn who_changes_an_app_is_seen_and_not_hindered() {
        let home = private_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        let app = values::app("myapp").name;
        assert!(!ledger.is_changing(&app).unwrap());
        let holder = Holder {
            what: "jim: Deploy".to_owned(),
            since: None,
        };
        let take = || ledger.lock(&app, Lock::Change, &holder, &mut |_| false);
        let held = take().unwrap();
        assert!(ledger.is_changing(&app).unwrap());
        drop(held);
        assert!(!ledger.is_changing(&app).unwrap());
        assert!(take().is_ok());
    }

    #[test]
    fn a_key_that_nothing_is_sealed_with_is_counted() {
        let home = private_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        assert_eq!(ledger.unused_keys().unwrap(), 0);
        let mut masters = keys::masters(home.path(), &KeySource::File).unwrap();
        masters.push(keys::Master::random().unwrap());
        keys::replace(home.path(), &masters).unwrap();
        assert_eq!(ledger.unused_keys().unwrap(), 1);
        let other = KeySource::Given("0f".repeat(32));
        let other = SqliteLedger::look(home.path(), other).unwrap();
        let error = other.unused_keys().unwrap_err();
        assert!(matches!(error, LedgerError::Key(_)), "{error}");
    }

    #[test]
    fn the_holders_of_a_slug_are_named() {
        let home = private_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        ledger.create_app(&values::app("myapp")).unwrap();
        let slug = values::slug(1);
        let state = values::state(Some(slug.clone()), &[], &[]);
        values::record(&ledger, "myapp", &values::config_add("A"), &state);
        let expected = [(values::app("myapp").name, Version::new(1))];
        assert_eq!(ledger.holders(&slug.id).unwrap(), expected);
        let none = values::slug(2);
        assert_eq!(ledger.holders(&none.id).unwrap(), []);
    }
}
