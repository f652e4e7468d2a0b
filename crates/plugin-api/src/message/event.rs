//! The messages to hooks that are told of what happened. No config values are in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The release that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its number.
    pub version: u64,
    /// Its change text.
    pub change: String,
    /// Who made it.
    pub actor: String,
    /// When it was recorded, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Where the app answers.
    pub url: String,
    /// The commit of the code that it runs, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit of the code that the release before it ran, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_commit: Option<String>,
    /// For a deploy from git: one line a commit that it brought, newest first. May be empty.
    pub git_log: String,
    /// Whether it brought new code.
    pub deploy: bool,
}

/// An add-on of the app, for a plugin that provides add-ons: it is told once for each of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledAddon {
    /// The service.
    pub service: String,
    /// The part of its plan after the colon.
    pub plan: String,
    /// Its resource; absent for a tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the person said when it was added.
    pub options: BTreeMap<String, String>,
}

/// A release has taken over, and is watched: is it bad? The counts are since it took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseWatch {
    /// The app.
    pub app: String,
    /// The release. Its `git_log` is empty.
    pub release: Release,
    /// How long it has been watched, in whole seconds.
    pub seconds: u64,
    /// How long it is watched in all, in seconds.
    pub window: u64,
    /// Whether it is asked for the last time.
    pub last: bool,
    /// How often its processes have crashed.
    pub restarts: u64,
    /// How many requests to the app were answered, or given up. Those that the release before had
    /// begun and still finished are among them.
    pub requests: u64,
    /// How many of them were answered with a status of 500 or above, by the app or, where it gave
    /// no answer, by the router.
    pub failed: u64,
    /// The plugin's add-on, where it provides some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addon: Option<InstalledAddon>,
}

/// A release has become current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseCreated {
    /// The app.
    pub app: String,
    /// The release.
    pub release: Release,
    /// The add-on that the plugin is told for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addon: Option<InstalledAddon>,
}

/// A release has failed; the one before it is still current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFailed {
    /// The app.
    pub app: String,
    /// The release.
    pub release: Release,
    /// Why, in one line.
    pub reason: String,
    /// The add-on that the plugin is told for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addon: Option<InstalledAddon>,
}

/// An add-on was added, removed or moved to another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddonChanged {
    /// The app.
    pub app: String,
    /// The release that did it.
    pub release: Release,
    /// The plan before, as `memcache:free`; absent where it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The plan now; absent where it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The add-on that the plugin is told for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addon: Option<InstalledAddon>,
}
