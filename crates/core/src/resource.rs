//! Resources: what a provider keeps for one add-on of one app. It must not know how a resource is
//! made; only what it answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::addon::PlanName;
use crate::config::{ConfigKey, ConfigValue};

/// Names one resource for ever: 32 hexadecimal digits, random. Also its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

/// A text that is no [`ResourceId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a resource is named by 32 hexadecimal digits")]
pub struct InvalidResourceId;

impl ResourceId {
    /// Accepts an id.
    ///
    /// # Errors
    /// [`InvalidResourceId`] when it is not 32 lower-case hexadecimal digits.
    pub fn new(text: &str) -> Result<Self, InvalidResourceId> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 32 && text.chars().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidResourceId)
        }
    }

    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidResourceId;

    fn try_from(text: String) -> Result<Self, InvalidResourceId> {
        Self::new(&text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

impl std::fmt::Display for ResourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the person who adds an add-on says about it (`--url=http://…`), by name.
pub type Options = BTreeMap<String, String>;

/// What a provider answered for one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provision {
    /// The config vars that it lends; only keys that its service promises.
    pub config: BTreeMap<ConfigKey, ConfigValue>,
    /// The server that the supervisor is to run for it: program and arguments.
    pub process: Option<Vec<String>>,
    /// The port that was reserved for it, if it asked for one.
    pub port: Option<u16>,
    /// What the person should know now; may have several lines, may be empty.
    pub message: String,
}

/// A resource as the ledger keeps it: it exists from the moment its provider answered until it
/// has been deprovisioned, whatever release is current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub id: ResourceId,
    /// The plan that it is on now.
    pub plan: PlanName,
    /// What the person said when it was added.
    pub options: Options,
    /// The config vars that it lends now (S19).
    pub config: BTreeMap<ConfigKey, ConfigValue>,
    /// Its server, if it has one.
    pub process: Option<Vec<String>>,
    /// Its port, if it asked for one; stable for its whole life.
    pub port: Option<u16>,
}
