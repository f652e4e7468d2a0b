//! Config vars: keys, values, owners and their limits (S7, S8). It must not know where values are
//! kept, nor print one: a value shows itself only through [`ConfigValue::reveal`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::addon::ServiceName;

/// The name of a config var: `[A-Za-z_][A-Za-z0-9_]*`, at most [`ConfigKey::MAX`] bytes (S7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConfigKey(String);

/// What is wrong with a config var, without its value.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidConfig {
    /// The key breaks S7.
    #[error(
        "{0:?} is not a key for a config var: use letters, digits and _, not beginning with a digit"
    )]
    Key(String),
    /// The value holds a NUL byte, which no environment can carry.
    #[error("the value of {0} holds a NUL byte, which an environment cannot carry")]
    Nul(ConfigKey),
    /// All keys and values together are too large.
    #[error("config vars would take {0} bytes together; the limit is {max}", max = ConfigVars::MAX_BYTES)]
    TooLarge(usize),
}

impl ConfigKey {
    /// The longest key, in bytes.
    pub const MAX: usize = 1024;

    /// Accepts a key.
    ///
    /// # Errors
    /// [`InvalidConfig::Key`] when it breaks S7.
    pub fn new(text: &str) -> Result<Self, InvalidConfig> {
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if begins && text.len() <= Self::MAX && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidConfig::Key(text.chars().take(60).collect()))
        }
    }

    /// The key as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ConfigKey {
    type Error = InvalidConfig;

    fn try_from(text: String) -> Result<Self, InvalidConfig> {
        Self::new(&text)
    }
}

impl From<ConfigKey> for String {
    fn from(key: ConfigKey) -> Self {
        key.0
    }
}

impl std::fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a config var, kept byte for byte (S7). `Debug` hides it; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigValue(String);

impl ConfigValue {
    /// Accepts a value of `key`: any text without NUL, the empty one too.
    ///
    /// # Errors
    /// [`InvalidConfig::Nul`], naming the key and not the value.
    pub fn new(key: &ConfigKey, text: impl Into<String>) -> Result<Self, InvalidConfig> {
        let text = text.into();
        if text.contains('\0') {
            Err(InvalidConfig::Nul(key.clone()))
        } else {
            Ok(Self(text))
        }
    }

    /// The value itself, for those who may see it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ConfigValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Whose a config var is (S8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Set by a person with `config:add`.
    User,
    /// Lent by the add-on of this service; only its removal removes the var.
    Addon(ServiceName),
}

/// One config var without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigVar {
    /// The value.
    pub value: ConfigValue,
    /// Who may change it.
    pub owner: Owner,
}

/// The config vars of an app at one moment, sorted by key. A copy costs nothing until one of the two
/// is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigVars(Arc<BTreeMap<ConfigKey, ConfigVar>>);

impl ConfigVars {
    /// All keys and values together are at most so many bytes (S7).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The var of this key.
    #[must_use]
    pub fn get(&self, key: &ConfigKey) -> Option<&ConfigVar> {
        self.0.get(key)
    }

    /// Sets a var, whoever owned it before.
    pub fn insert(&mut self, key: ConfigKey, var: ConfigVar) {
        Arc::make_mut(&mut self.0).insert(key, var);
    }

    /// Removes a var and answers what it was.
    pub fn remove(&mut self, key: &ConfigKey) -> Option<ConfigVar> {
        Arc::make_mut(&mut self.0).remove(key)
    }

    /// All vars, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigKey, &ConfigVar)> {
        self.0.iter()
    }

    /// Only the vars that people set.
    #[must_use]
    pub fn of_user(&self) -> Self {
        self.0
            .iter()
            .filter(|(_, var)| var.owner == Owner::User)
            .map(|(key, var)| (key.clone(), var.clone()))
            .collect()
    }

    /// The number of vars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a set that is larger than [`ConfigVars::MAX_BYTES`].
    ///
    /// # Errors
    /// [`InvalidConfig::TooLarge`] with the size there would be.
    pub fn check_size(&self) -> Result<(), InvalidConfig> {
        let size = self
            .0
            .iter()
            .map(|(key, var)| key.0.len() + var.value.0.len())
            .sum();
        if size > Self::MAX_BYTES {
            Err(InvalidConfig::TooLarge(size))
        } else {
            Ok(())
        }
    }
}

impl FromIterator<(ConfigKey, ConfigVar)> for ConfigVars {
    fn from_iter<I: IntoIterator<Item = (ConfigKey, ConfigVar)>>(vars: I) -> Self {
        Self(Arc::new(vars.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_rule() {
        for good in ["A", "_", "a1", "AWS_S3_KEY"] {
            assert_eq!(ConfigKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "1A", "A-B", "A B", "A=B", "É", "A\0"] {
            assert!(ConfigKey::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_value_is_any_text_but_nul_and_hides_itself() {
        let key = ConfigKey::new("K").unwrap();
        for good in ["", "a=b", "line\nline", "日本 \u{1F980}"] {
            assert_eq!(ConfigValue::new(&key, good).unwrap().reveal(), good);
        }
        assert_eq!(
            ConfigValue::new(&key, "a\0b"),
            Err(InvalidConfig::Nul(key.clone()))
        );
        let var = ConfigVar {
            value: ConfigValue::new(&key, "hush").unwrap(),
            owner: Owner::User,
        };
        assert!(!format!("{var:?}").contains("hush"));
    }

    #[test]
    fn all_together_are_at_most_64_kib() {
        let key = ConfigKey::new("K").unwrap();
        let with = |bytes: usize| {
            let value = ConfigValue::new(&key, "x".repeat(bytes)).unwrap();
            ConfigVars::from_iter([(
                key.clone(),
                ConfigVar {
                    value,
                    owner: Owner::User,
                },
            )])
        };
        assert_eq!(with(64 * 1024 - 1).check_size(), Ok(()));
        assert_eq!(
            with(64 * 1024).check_size(),
            Err(InvalidConfig::TooLarge(64 * 1024 + 1))
        );
    }
}
