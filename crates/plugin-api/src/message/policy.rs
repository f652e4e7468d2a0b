//! The messages of checks and tiers. They hold the names of config vars, never values.

use serde::{Deserialize, Serialize};

/// One release as checks and tiers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    /// Its number.
    pub version: u64,
    /// Whole days since it was recorded.
    pub age_days: u64,
    /// Its change text, such as `Deploy 575bfa8`.
    pub change: String,
    /// Who made it.
    pub actor: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: String,
    /// Whether it brought code.
    pub deploy: bool,
}

/// May a release be made?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseCheck {
    /// The app.
    pub app: String,
    /// Who asks.
    pub actor: String,
    /// The change text that the release would have.
    pub change: String,
    /// Whether it would bring code.
    pub deploy: bool,
    /// The number of the current release; 0 before the first.
    pub current: u64,
    /// The keys of the config vars that there would be, sorted.
    pub config_keys: Vec<String>,
    /// The add-ons that there would be, as `memcache:free`, sorted.
    pub addons: Vec<String>,
}

/// May an add-on change, given what it costs? Money is in whole cents a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingCheck {
    /// The app.
    pub app: String,
    /// Who asks.
    pub actor: String,
    /// The change text that the release would have.
    pub change: String,
    /// What all add-ons of the app cost now, in cents a month.
    pub before: u64,
    /// What they would cost, in cents a month.
    pub after: u64,
    /// `after` less `before`; negative where the bill shrinks.
    pub delta: i64,
    /// The add-ons that there would be, as `memcache:free`, sorted.
    pub addons: Vec<String>,
    /// The same for all apps of the owner.
    pub owner: OwnerBill,
}

/// What all apps of one owner cost, in whole cents a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerBill {
    /// Who created the app.
    pub name: String,
    /// What all apps of theirs cost now, this one among them.
    pub before: u64,
    /// What they would cost.
    pub after: u64,
}

/// May a release be rolled back to?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackCheck {
    /// The app.
    pub app: String,
    /// Who asks.
    pub actor: String,
    /// The change text that the release would have.
    pub change: String,
    /// The release to go back to.
    pub target: HistoryEntry,
    /// The release that is current.
    pub current: HistoryEntry,
    /// How many releases back the target is, counting only those that succeeded: 1 is the
    /// previous one. Counted up to 1000.
    pub steps: u64,
}

/// Which releases does a tier keep?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRequest {
    /// The part of the tier after `releases:`.
    pub tier: String,
    /// The releases that there are, newest first.
    pub history: Vec<HistoryEntry>,
}

/// The releases that a tier keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Their numbers, in any order. The current release and its predecessor stay anyway.
    pub versions: Vec<u64>,
}

/// Does a tier permit a rollback?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRollback {
    /// The part of the tier after `releases:`.
    pub tier: String,
    /// The release to go back to.
    pub target: HistoryEntry,
    /// The release that is current.
    pub current: HistoryEntry,
    /// How many releases back the target is, as in [`RollbackCheck::steps`].
    pub steps: u64,
}
