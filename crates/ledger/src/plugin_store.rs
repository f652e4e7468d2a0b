//! The values that plugins keep, each under its plugin's name. It must not know what a plugin is,
//! nor what its values mean.

use std::path::Path;

use rusqlite::{Connection, params};
use slugline_core::port::LedgerError;

use crate::connection::{commit, reading, writing};
use crate::decode::blob;
use crate::fault::Result;
use crate::keys::KeySource;
use crate::sealing::{Keys, Place};
use crate::sql;

/// The store of all plugins, in the ledger of one home, over a connection of its own.
#[derive(Debug)]
pub struct PluginStore {
    db: Connection,
    keys: Keys,
}

impl PluginStore {
    /// Opens the ledger of `home`, as [`crate::SqliteLedger::open`] does.
    ///
    /// # Errors
    /// Those of [`crate::SqliteLedger::open`].
    pub fn open(home: &Path, key: KeySource) -> std::result::Result<Self, LedgerError> {
        let ledger = crate::SqliteLedger::open_with(home, key)?;
        Ok(Self {
            db: ledger.db,
            keys: ledger.keys,
        })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Storage`].
    pub fn get(&self, plugin: &str, key: &str) -> std::result::Result<Option<String>, LedgerError> {
        Ok(get(&self.db, &self.keys, plugin, key)?)
    }

    /// Keeps a value, and answers whether it was kept: it is not where it would be one more than
    /// `most` of this plugin.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Full`], [`LedgerError::Storage`].
    pub fn set(
        &self,
        plugin: &str,
        key: &str,
        value: &str,
        most: usize,
    ) -> std::result::Result<bool, LedgerError> {
        Ok(set(&self.db, &self.keys, (plugin, key), value, most)?)
    }

    /// Forgets a key; one that is not there is no error.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Full`], [`LedgerError::Storage`].
    pub fn delete(&self, plugin: &str, key: &str) -> std::result::Result<(), LedgerError> {
        Ok(delete(&self.db, plugin, key)?)
    }

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Storage`].
    pub fn list(
        &self,
        plugin: &str,
        prefix: &str,
    ) -> std::result::Result<Vec<String>, LedgerError> {
        let mut keys = keys(&self.db, plugin)?;
        keys.retain(|key| key.starts_with(prefix));
        Ok(keys)
    }
}

fn get(db: &Connection, keys: &Keys, plugin: &str, key: &str) -> Result<Option<String>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::STORE_GET)?;
    let mut rows = statement.query([plugin, key])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let sealed = blob(row, 0, "plugin_store.value")?;
    keys.open(&tx, Place::Store { plugin, key }, sealed)
        .map(Some)
}

fn set(
    db: &Connection,
    keys: &Keys,
    (plugin, key): (&str, &str),
    value: &str,
    most: usize,
) -> Result<bool> {
    let tx = writing(db)?;
    let others: i64 = tx
        .prepare_cached(sql::STORE_OTHERS)?
        .query_row([plugin, key], |row| row.get(0))?;
    if usize::try_from(others).unwrap_or(usize::MAX) >= most {
        return Ok(false);
    }
    let place = Place::Store { plugin, key };
    let sealed = keys.fresh(&tx)?.seal(place, value.as_bytes())?;
    tx.prepare_cached(sql::STORE_SET)?
        .execute(params![plugin, key, sealed])?;
    commit(tx)?;
    Ok(true)
}

fn delete(db: &Connection, plugin: &str, key: &str) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::STORE_DELETE)?
        .execute([plugin, key])?;
    commit(tx)
}

fn keys(db: &Connection, plugin: &str) -> Result<Vec<String>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::STORE_KEYS)?;
    let keys = statement.query_map([plugin], |row| row.get(0))?;
    Ok(keys.collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_a_plugins_own_and_outlive_the_connection() {
        let home = slugline_testkit::private_folder();
        let store = PluginStore::open(home.path(), KeySource::File).unwrap();
        assert!(store.set("a", "x.1", "one\n'", 2).unwrap());
        assert!(store.set("a", "x.2", "two", 2).unwrap());
        assert!(
            !store.set("a", "y", "three", 2).unwrap(),
            "one more than it may"
        );
        assert!(
            store.set("a", "x.2", "2", 2).unwrap(),
            "it was there before"
        );
        assert!(store.set("b", "x.1", "other", 1).unwrap());
        drop(store);
        let store = PluginStore::open(home.path(), KeySource::File).unwrap();
        assert_eq!(store.get("a", "x.1").unwrap().as_deref(), Some("one\n'"));
        assert_eq!(store.list("a", "x.").unwrap(), ["x.1", "x.2"]);
        store.delete("a", "x.1").unwrap();
        store.delete("a", "x.1").unwrap();
        assert_eq!(store.get("a", "x.1").unwrap(), None);
        assert_eq!(store.list("b", "").unwrap(), ["x.1"]);
    }
}
