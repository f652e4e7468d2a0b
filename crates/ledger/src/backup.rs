//! A ledger as it is at one moment, as a file of its own, while others go on writing; and what has
//! to change in one that was brought to another home. It must not know what else is backed up, nor
//! what a server's arguments mean.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::params;
use slugline_core::port::LedgerError;

use crate::SqliteLedger;
use crate::connection::writing;
use crate::decode::json;
use crate::fault::{Result, corrupt};
use crate::keys::{self, KeySource};
use crate::resources::Body;
use crate::sealing::Place;
use crate::sql;

// Two statements that are about everything there is, and so not among those of `sql.rs`, which are
// the same whatever the length of a history.
const COPY: &str = "VACUUM INTO ?1";
const COUNT_RELEASES: &str = "SELECT count(*) FROM release";

/// A key that is replaced while the copy is made is read again so often.
const ATTEMPTS: usize = 3;

impl SqliteLedger {
    /// Copies the ledger as it is now into a folder that has none, with the file of its key where
    /// that is in the home, and answers the copy, opened. Others may write meanwhile; none of what
    /// they begin from now on is in it.
    ///
    /// The folder must be its owner's alone.
    ///
    /// # Errors
    /// [`LedgerError::Key`] where the key at hand is not the ledger's; [`LedgerError::Full`],
    /// [`LedgerError::Storage`].
    pub fn snapshot(&self, folder: &Path) -> std::result::Result<Self, LedgerError> {
        let mut attempt = 1;
        loop {
            match copy(self, folder) {
                // The key may have been rotated between the two copies.
                Err(error) if attempt < ATTEMPTS && is_key(&error) => attempt += 1,
                other => return Ok(other?),
            }
        }
    }

    /// How many releases are kept, of all apps.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn releases_kept(&self) -> std::result::Result<u64, LedgerError> {
        Ok(kept(self)?)
    }

    /// Puts another home into the arguments of the add-ons' servers, where they name a file in the
    /// one that the ledger was made in; answers how many servers that were.
    ///
    /// # Errors
    /// [`LedgerError::Key`], [`LedgerError::Corrupt`], [`LedgerError::Storage`]; nothing has
    /// changed then.
    pub fn move_home(&self, from: &str, to: &str) -> std::result::Result<usize, LedgerError> {
        Ok(move_home(self, from, to)?)
    }
}

fn is_key(error: &crate::fault::Fault) -> bool {
    matches!(error, crate::fault::Fault::Ledger(LedgerError::Key(_)))
}

fn copy(ledger: &SqliteLedger, folder: &Path) -> Result<SqliteLedger> {
    let private = |path: &Path| std::fs::set_permissions(path, Permissions::from_mode(0o600));
    if matches!(ledger.keys.source(), KeySource::File) {
        let key = keys::file(folder);
        std::fs::copy(keys::file(ledger.keys.home()), &key)?;
        private(&key)?;
    }
    let path = folder.join("ledger.db");
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let name = path.to_str().ok_or_else(|| {
        let why = "the path of the copy is not UTF-8";
        std::io::Error::new(std::io::ErrorKind::InvalidInput, why)
    })?;
    ledger.db.execute(COPY, [name])?;
    private(&path)?;
    let copy = SqliteLedger::open_with(folder, ledger.keys.source().clone())?;
    // A copy is a database of the plain kind; whoever opens it next takes the log for granted.
    copy.db.pragma_update(None, "journal_mode", "WAL")?;
    copy.keys.ring(&copy.db)?;
    Ok(copy)
}

fn kept(ledger: &SqliteLedger) -> Result<u64> {
    let count: i64 = ledger.db.query_row(COUNT_RELEASES, [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn move_home(ledger: &SqliteLedger, from: &str, to: &str) -> Result<usize> {
    let tx = writing(&ledger.db)?;
    let ring = ledger.keys.fresh(&tx)?;
    let (from, to) = (format!("{from}/"), format!("{to}/"));
    let mut moved = 0;
    let mut statement = tx.prepare(sql::RESOURCE_BODIES)?;
    let all = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    for row in all.collect::<std::result::Result<Vec<_>, _>>()? {
        let (id, sealed) = row;
        let place = Place::Resource(&id);
        let body = ledger.keys.open(&tx, place, &sealed)?;
        let mut body: Body = json(&body).ok_or_else(|| corrupt("resource.body"))?;
        let Some(process) = &mut body.process else {
            continue;
        };
        let before = process.clone();
        for word in process.iter_mut() {
            if word.starts_with(&from) || word.contains(&format!("={from}")) {
                *word = word.replacen(&from, &to, 1);
            } else if format!("{word}/") == from {
                *word = to.trim_end_matches('/').to_owned();
            }
        }
        if *process == before {
            continue;
        }
        let sealed = ring.seal(place, serde_json::to_string(&body)?.as_bytes())?;
        tx.execute(sql::RESEAL_RESOURCE, params![sealed, id])?;
        moved += 1;
    }
    drop(statement);
    tx.commit()?;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::addon::PlanName;
    use slugline_core::port::Ledger;
    use slugline_core::resource::{Resource, ResourceId};
    use slugline_testkit::{private_folder, values};

    fn resource(process: &[&str]) -> Resource {
        Resource {
            id: ResourceId::new(&"0a".repeat(16)).unwrap(),
            plan: "redis:free".parse::<PlanName>().unwrap(),
            options: Default::default(),
            config: Default::default(),
            process: Some(process.iter().map(|word| (*word).to_owned()).collect()),
            port: None,
        }
    }

    #[test]
    fn a_copy_is_of_one_moment_and_opens_with_its_own_key() {
        let (home, to) = (private_folder(), private_folder());
        let ledger = SqliteLedger::open(home.path()).unwrap();
        ledger.create_app(&values::app("first")).unwrap();
        let writer = SqliteLedger::open(home.path()).unwrap();
        let copy = ledger.snapshot(to.path()).unwrap();
        writer.create_app(&values::app("second")).unwrap();
        assert_eq!(copy.apps().unwrap().len(), 1);
        assert_eq!(copy.releases_kept().unwrap(), 0);
        drop(copy);
        ledger.rotate_keys(None).unwrap();
        let again = SqliteLedger::open(to.path()).unwrap();
        again.create_app(&values::app("third")).unwrap();
        let mode: String = again
            .db
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
        let private = |name: &str| {
            let found = std::fs::metadata(to.path().join(name)).unwrap();
            found.permissions().mode() & 0o777
        };
        assert_eq!([private("ledger.db"), private("ledger.key")], [0o600; 2]);
    }

    #[test]
    fn a_copy_that_its_key_does_not_open_is_not_made() {
        let (home, to) = (private_folder(), private_folder());
        drop(SqliteLedger::open(home.path()).unwrap());
        let other = KeySource::Given("0f".repeat(32));
        let ledger = SqliteLedger::open_with(home.path(), other).unwrap();
        let error = ledger.snapshot(to.path()).unwrap_err();
        assert!(matches!(error, LedgerError::Key(_)), "{error}");
    }

    #[test]
    fn servers_find_their_files_in_another_home() {
        let home = private_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        let app = values::app("myapp");
        ledger.create_app(&app).unwrap();
        let before = [
            "redis-server",
            "/old/home/resources/0a/redis.conf",
            "--dir=/old/home/resources/0a",
            "/old/home",
            "/old/homes/x",
            "/other/old/home/x",
        ];
        ledger.put_resource(&app.name, &resource(&before)).unwrap();
        assert_eq!(ledger.move_home("/old/home", "/new").unwrap(), 1);
        assert_eq!(ledger.move_home("/old/home", "/new").unwrap(), 0);
        let after = [
            "redis-server",
            "/new/resources/0a/redis.conf",
            "--dir=/new/resources/0a",
            "/new",
            "/old/homes/x",
            "/other/old/home/x",
        ];
        assert_eq!(ledger.resources(&app.name).unwrap(), [resource(&after)]);
    }
}
