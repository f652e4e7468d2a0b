//! Which resource of the vendor belongs to which of ours: kept in the ledger under the plugin's name,
//! from before the vendor is first asked until it has said that it is gone. It must not know the
//! vendor's calls.

use crate::service::{Store, StoreError};

/// So many resources of one vendor; hardly a limit.
const MOST: usize = 100_000;
/// A vendor's id may have so many bytes.
pub(super) const ID_MAX: usize = 500;
const PREFIX: &str = "partner:";

/// What is known of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The vendor has never been asked for it.
    Nothing,
    /// It was asked for, and no answer has come.
    Asked,
    /// It is the vendor's resource of this id.
    Made(String),
}

/// The records of one plugin.
pub(super) struct Records<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) plugin: &'a str,
}

impl Records<'_> {
    pub(super) fn of(&self, id: &str) -> Result<Known, StoreError> {
        let found = self.store.get(self.plugin, &key(id))?;
        Ok(match found {
            None => Known::Nothing,
            Some(made) if made.is_empty() => Known::Asked,
            Some(made) => Known::Made(made),
        })
    }

    pub(super) fn asked(&self, id: &str) -> Result<(), StoreError> {
        self.store.set(self.plugin, &key(id), "", MOST)
    }

    pub(super) fn made(&self, id: &str, of_vendor: &str) -> Result<(), StoreError> {
        self.store.set(self.plugin, &key(id), of_vendor, MOST)
    }

    pub(super) fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.store.delete(self.plugin, &key(id))
    }
}

fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}
