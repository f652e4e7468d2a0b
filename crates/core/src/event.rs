//! What is announced after a release is settled. It is written to the outbox with the settle, and
//! holds all that a hook is told, so that telling it again later says the same.

use serde::{Deserialize, Serialize};

use crate::addon::PlanName;
use crate::release::Version;
use crate::resource::ResourceId;
use crate::slug::Commit;
use crate::time::Timestamp;

/// The release that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its number.
    pub version: Version,
    /// Its change text.
    pub change: String,
    /// Who made it.
    pub actor: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// Where the app answers.
    pub url: String,
    /// The code it runs, if any.
    pub commit: Option<Commit>,
    /// The code that the release before it ran.
    pub previous_commit: Option<Commit>,
    /// For a deploy from git: one line a commit that it brought, newest first.
    pub git_log: String,
    /// Whether it brought new code.
    pub deploy: bool,
}

/// Something that is announced at least once, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A release has become current: hook `release.created`.
    ReleaseCreated(Subject),
    /// A release has failed: hook `release.failed`.
    ReleaseFailed {
        /// The release.
        subject: Subject,
        /// Why, in one line.
        reason: String,
    },
    /// An add-on was added, removed or moved to another plan: hook `addon.changed`.
    AddonChanged {
        /// The release that did it.
        subject: Subject,
        /// The plan before.
        before: Option<PlanName>,
        /// The plan now.
        after: Option<PlanName>,
    },
    /// The resource of a removed add-on is to be destroyed (S27).
    Deprovision {
        /// The resource.
        resource: ResourceId,
    },
    /// The tier is to say which releases are kept.
    Prune,
}

impl Event {
    /// Whether plugins are told of it; the others are work of our own.
    #[must_use]
    pub fn is_for_hooks(&self) -> bool {
        !matches!(self, Self::Deprovision { .. } | Self::Prune)
    }
}
