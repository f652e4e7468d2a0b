//! `slugline.store`: values that a plugin keeps, each plugin its own. It must not know where they
//! are kept; the edge hands that over as a [`Store`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use slugline_plugin_api::protocol::{Answer, Question};

/// A key may have so many bytes.
pub const KEY_MAX: usize = 200;
/// A value may have so many bytes.
pub const VALUE_MAX: usize = 64 << 10;
/// A plugin may keep so many values.
pub const KEYS_MAX: usize = 1000;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// The plugin keeps as many values as it may.
    #[error("a plugin keeps at most {0} values")]
    Full(usize),
    /// What lies behind the store failed; one line.
    #[error("{0}")]
    Failed(String),
}

/// Keeps values of plugins, each under the plugin's name. Keys and values have been held against
/// their limits.
///
/// Guarantees: what was set is there for every later call, also in another process, until it is
/// set again or deleted; each method is one transaction.
pub trait Store {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get(&self, plugin: &str, key: &str) -> Result<Option<String>, StoreError>;

    /// Keeps a value, unless it would be one more than `most` of the plugin.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Failed`].
    fn set(&self, plugin: &str, key: &str, value: &str, most: usize) -> Result<(), StoreError>;

    /// Forgets a key; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn delete(&self, plugin: &str, key: &str) -> Result<(), StoreError>;

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn list(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// A store that lasts as long as it is held: for tests, of plugins too.
#[derive(Debug, Default)]
pub struct MemoryStore(RefCell<BTreeMap<(String, String), String>>);

fn place(plugin: &str, key: &str) -> (String, String) {
    (plugin.to_owned(), key.to_owned())
}

impl Store for MemoryStore {
    fn get(&self, plugin: &str, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.borrow().get(&place(plugin, key)).cloned())
    }

    fn set(&self, plugin: &str, key: &str, value: &str, most: usize) -> Result<(), StoreError> {
        let mut all = self.0.borrow_mut();
        let of_plugin = all.keys().filter(|(of, _)| of == plugin).count();
        if of_plugin >= most && !all.contains_key(&place(plugin, key)) {
            return Err(StoreError::Full(most));
        }
        all.insert(place(plugin, key), value.to_owned());
        Ok(())
    }

    fn delete(&self, plugin: &str, key: &str) -> Result<(), StoreError> {
        self.0.borrow_mut().remove(&place(plugin, key));
        Ok(())
    }

    fn list(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let all = self.0.borrow();
        let own = all.keys().filter(|(of, _)| of == plugin);
        let keys = own
            .map(|(_, key)| key)
            .filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }
}

/// Answers a question about the store.
pub(super) fn perform(
    store: Option<&dyn Store>,
    plugin: &str,
    question: Question,
) -> Result<Answer, String> {
    let store = store.ok_or("there is no store here")?;
    let done = match question {
        Question::Get(key) => store.get(plugin, checked(&key)?).map(Answer::Value),
        Question::Set(pair) => {
            if pair.value.len() > VALUE_MAX {
                return Err(format!("the value is longer than {VALUE_MAX} bytes"));
            }
            let set = store.set(plugin, checked(&pair.key)?, &pair.value, KEYS_MAX);
            set.map(|()| Answer::Done)
        }
        Question::Delete(key) => store.delete(plugin, checked(&key)?).map(|()| Answer::Done),
        Question::List(prefix) => store.list(plugin, &prefix).map(Answer::Keys),
        _ => return Err("this is no question for the store".to_owned()),
    };
    done.map_err(|error| error.to_string())
}

fn checked(key: &str) -> Result<&str, String> {
    if key.is_empty() || key.len() > KEY_MAX || key.contains(char::is_control) {
        return Err(format!(
            "a key has 1 to {KEY_MAX} bytes, and no control characters"
        ));
    }
    Ok(key)
}
