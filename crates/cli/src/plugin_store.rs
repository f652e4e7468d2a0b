//! The store that plugins may ask for, kept in the ledger. It is opened when a plugin first uses
//! it: hardly any does.

use std::cell::OnceCell;
use std::path::PathBuf;

use slugline_core::port::LedgerError;
use slugline_ledger::{KeySource, PluginStore};
use slugline_plugin_host::{Store, StoreError};

/// The ledger's store of one home.
pub struct LedgerStore {
    home: PathBuf,
    key: KeySource,
    opened: OnceCell<PluginStore>,
}

impl LedgerStore {
    /// Of this home; nothing is opened yet.
    pub fn new(home: PathBuf, key: KeySource) -> Self {
        Self {
            home,
            key,
            opened: OnceCell::new(),
        }
    }

    fn store(&self) -> Result<&PluginStore, StoreError> {
        if let Some(store) = self.opened.get() {
            return Ok(store);
        }
        let store = PluginStore::open(&self.home, self.key.clone()).map_err(failed)?;
        Ok(self.opened.get_or_init(|| store))
    }
}

fn failed(error: LedgerError) -> StoreError {
    StoreError::Failed(error.to_string())
}

impl Store for LedgerStore {
    fn get(&self, plugin: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.store()?.get(plugin, key).map_err(failed)
    }

    fn set(&self, plugin: &str, key: &str, value: &str, most: usize) -> Result<(), StoreError> {
        match self
            .store()?
            .set(plugin, key, value, most)
            .map_err(failed)?
        {
            true => Ok(()),
            false => Err(StoreError::Full(most)),
        }
    }

    fn delete(&self, plugin: &str, key: &str) -> Result<(), StoreError> {
        self.store()?.delete(plugin, key).map_err(failed)
    }

    fn list(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.store()?.list(plugin, prefix).map_err(failed)
    }
}
