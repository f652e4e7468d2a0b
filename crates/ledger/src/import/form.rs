//! The form of an app's history as one JSON document, the same for writing and for reading it. It
//! must not know whether what it says makes sense (`check.rs`).
//!
//! Instants are milliseconds since 1970-01-01T00:00:00Z. A release says what of its config vars and
//! add-ons differs from the release before it in the document; the first one from none at all. Slugs,
//! sets of plugins and origins are in lists of their own, and are named by their place there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use slugline_core::actor::Actor;
use slugline_core::addon::{PlanName, ServiceName};
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::config::ConfigKey;
use slugline_core::price::Price;
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::ResourceId;
use slugline_core::settings::Settings;
use slugline_core::slug::{Slug, SlugId};
use slugline_core::time::Timestamp;

/// The format that is written, and the only one that is read.
pub(crate) const FORMAT: u64 = 1;

/// What is in front of the lists.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) format: u64,
    /// The version of the program that wrote it.
    pub(crate) slugline: String,
    pub(crate) exported_at: Timestamp,
    /// Whether the values of config vars are in it.
    pub(crate) values: bool,
    pub(crate) app: App,
    /// The newest number that was used.
    pub(crate) last: Version,
    pub(crate) current: Option<Version>,
    /// The tier that was installed without a release (S9).
    pub(crate) first_tier: Option<FirstTier>,
    pub(crate) newest_deploy: Option<Deploy>,
    pub(crate) code_pinned: bool,
    /// Without its drains where values are left out; as by default in what was exported before there were any.
    #[serde(default)]
    pub(crate) settings: Settings,
    pub(crate) slugs: Vec<Strict<Slug>>,
    pub(crate) plugins: Vec<Strict<PluginsUsed>>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) releases: Vec<Release>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) usage: Vec<Usage>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    pub(crate) name: AppName,
    pub(crate) owner: Actor,
    pub(crate) created_at: Timestamp,
    pub(crate) branch: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstTier {
    /// The newest number when it was installed.
    pub(crate) since: Version,
    pub(crate) plan: PlanName,
    pub(crate) price: Price,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deploy {
    pub(crate) version: Version,
    pub(crate) slug: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    pub(crate) command: String,
    pub(crate) place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    pub(crate) version: Version,
    /// As the history shows it.
    pub(crate) text: String,
    pub(crate) change: Strict<Change>,
    pub(crate) actor: Actor,
    pub(crate) at: Timestamp,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) slug: Option<usize>,
    pub(crate) config: Changed<ConfigKey, Var>,
    pub(crate) addons: Changed<ServiceName, Addon>,
    pub(crate) pinned: bool,
    pub(crate) plugins: Option<usize>,
    pub(crate) origin: Option<usize>,
    /// Its digest in the home that it comes from.
    pub(crate) digest: Option<Hex>,
    /// What its release phase wrote; left out where values are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// Why it went bad after it had taken over, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
}

/// What differs from the release before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"))]
pub(crate) struct Changed<K, V> {
    pub(crate) set: BTreeMap<K, V>,
    pub(crate) removed: BTreeSet<K>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Var {
    /// Left out where values are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The service that lends it; none where a person set it.
    pub(crate) owner: Option<ServiceName>,
}

impl std::fmt::Debug for Var {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[hidden] of {:?}", self.owner)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Addon {
    pub(crate) plan: PlanName,
    pub(crate) price: Price,
    pub(crate) resource: Option<ResourceId>,
}

/// What is left of a release that was pruned. Releases that were pruned by an old Slugline have
/// neither an actor nor a time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) version: Version,
    pub(crate) text: String,
    pub(crate) change: Strict<Change>,
    pub(crate) actor: Option<Actor>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    /// The digest of its code.
    pub(crate) slug: Option<SlugId>,
    pub(crate) pruned_at: Timestamp,
    pub(crate) plugins: Option<usize>,
    pub(crate) origin: Option<usize>,
    pub(crate) digest: Option<Hex>,
}

/// What an add-on has cost in the home that it comes from (S28).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    pub(crate) owner: Actor,
    pub(crate) plan: PlanName,
    pub(crate) price: Price,
    pub(crate) from: Timestamp,
    /// None while it goes on.
    pub(crate) to: Option<Timestamp>,
}

/// 32 bytes as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) [u8; 32]);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&crate::keys::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("expected 64 lower-case hexadecimal digits");
        let text = String::deserialize(from)?;
        let id = SlugId::new(&text).map_err(|_| wrong())?;
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let digits = id.as_str().get(at..at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// Something of the core that passes over what it does not know: here it is refused, as is all that
/// would be written otherwise than it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Strict<T>(pub(crate) T);

impl<'de, T: Serialize + serde::de::DeserializeOwned> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let found = Value::deserialize(from)?;
        let read = T::deserialize(&found).map_err(serde::de::Error::custom)?;
        match serde_json::to_value(&read) {
            Ok(again) if again == found => Ok(Self(read)),
            _ => Err(serde::de::Error::custom(
                "expected the form that an export gives it, with nothing more and in its order",
            )),
        }
    }
}
