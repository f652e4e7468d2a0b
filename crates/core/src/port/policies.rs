//! The port to those who may forbid a change, and to those who are told of it: checks, tiers and
//! hooks.

use std::collections::BTreeSet;

use crate::actor::Actor;
use crate::addon::PlanName;
use crate::app::AppName;
use crate::bill::Bill;
use crate::change::Change;
use crate::config::ConfigKey;
use crate::event::{Event, Subject};
use crate::release::{PluginsUsed, Version};
use crate::resource::{Options, ResourceId};

/// A change that a check may forbid. It holds names of config vars, never values.
#[derive(Clone, Debug)]
pub struct Proposal<'a> {
    /// The app.
    pub app: &'a AppName,
    /// Who asks.
    pub actor: &'a Actor,
    /// What is asked.
    pub change: &'a Change,
    /// The current release; [`Version::NONE`] before the first.
    pub current: Version,
    /// The keys of the config vars that there would be.
    pub config_keys: Vec<&'a ConfigKey>,
    /// The add-ons that there would be.
    pub addons: Vec<&'a PlanName>,
    /// What it costs; `billing.check` is asked only where an add-on changes (S26).
    pub bill: Option<Bill>,
    /// Who created the app.
    pub owner: &'a Actor,
    /// What all apps of the owner cost together; there where `bill` is.
    pub owner_bill: Option<Bill>,
    /// The rollback, if it is one: `rollback.check` is asked only then.
    pub rollback: Option<RollbackRequest>,
}

/// Someone forbids a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The plugin that forbids it.
    pub plugin: String,
    /// Why.
    pub reason: String,
}

/// What the checks say of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// What forbids it.
    pub objections: Vec<Objection>,
    /// Checks that failed and that the operator lets pass; the person is warned of each.
    pub failures: Vec<PolicyError>,
}

/// One release as a tier sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number.
    pub version: Version,
    /// Whole days since it was recorded.
    pub age_days: u64,
    /// Its change text.
    pub change: String,
    /// Who made it.
    pub actor: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: &'static str,
    /// Whether it brought code.
    pub deploy: bool,
}

/// A rollback that a tier or a check is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackRequest {
    /// The release to go back to.
    pub target: HistoryEntry,
    /// The release that is current.
    pub current: HistoryEntry,
    /// How many releases that succeeded lie between, the target counted: 1 is the previous one.
    /// Counted up to 1000.
    pub steps: u64,
}

/// Which releases a tier keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// These, and what the engine keeps whatever a tier answers (S13).
    Only(BTreeSet<Version>),
}

/// An add-on as a hook sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledAddon {
    /// Its plan.
    pub plan: PlanName,
    /// Its resource; `None` for a tier.
    pub resource: Option<ResourceId>,
    /// What was said when it was added.
    pub options: Options,
}

/// An event on its way to the hooks that listen.
#[derive(Clone, Debug)]
pub struct Announcement<'a> {
    /// The app.
    pub app: &'a AppName,
    /// What happened.
    pub event: &'a Event,
    /// The add-ons the app has now: a plugin that provides add-ons is told only of apps that have
    /// one of them.
    pub addons: &'a [InstalledAddon],
}

/// A release that has taken over and is watched. The counts are since it took over.
#[derive(Clone, Debug)]
pub struct Watching<'a> {
    /// The app.
    pub app: &'a AppName,
    /// The release.
    pub release: &'a Subject,
    /// What was seen of it.
    pub seen: &'a Seen,
    /// The add-ons the app has now: a plugin that provides add-ons is asked only about apps that
    /// have one of them.
    pub addons: &'a [InstalledAddon],
}

/// What was seen of a release since it took over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// For how long, in whole seconds.
    pub seconds: u64,
    /// For how long it is watched in all, in seconds.
    pub window: u64,
    /// Whether its plugins are asked for the last time.
    pub last: bool,
    /// How often its processes have crashed.
    pub restarts: u64,
    /// How many requests to the app have ended.
    pub requests: u64,
    /// How many of them were answered with a status of 500 or above.
    pub failed: u64,
    /// The plugins that have called it good before, and are not asked again.
    pub content: BTreeSet<String>,
}

/// What plugins think of a release that is watched. One that says nothing is in none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinions {
    /// Who calls it bad, and why.
    pub bad: Vec<Objection>,
    /// Who calls it good: they need not be asked again.
    pub good: Vec<String>,
    /// Those that failed. They say nothing about it, whatever the operator has set of them.
    pub failures: Vec<PolicyError>,
}

/// A plugin broke: it is not there, failed, took too long, or answered what cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the plugin {plugin} failed in {hook}: {cause}")]
pub struct PolicyError {
    /// The plugin.
    pub plugin: String,
    /// The hook, such as `tier.keep`.
    pub hook: String,
    /// What happened, in one line.
    pub cause: String,
}

/// Asks and tells the plugins.
pub trait Policies {
    /// Asks every plugin that listens to `release.check`, `billing.check` or `rollback.check`, as
    /// far as each is due, and gathers what they object. A plugin that fails objects, unless the
    /// operator has said otherwise of it.
    fn check(&self, proposal: &Proposal<'_>) -> Answers;

    /// Asks a tier which releases it keeps. `history`, newest first, is fetched only where the
    /// tier wants to see it. A tier without an opinion keeps all.
    ///
    /// # Errors
    /// [`PolicyError`]: the engine prunes nothing then (S13).
    fn keep(
        &self,
        tier: &PlanName,
        history: &mut dyn FnMut() -> Vec<HistoryEntry>,
    ) -> Result<Keep, PolicyError>;

    /// Asks a tier whether it permits a rollback. A tier without an opinion does; one that fails
    /// does not.
    ///
    /// # Errors
    /// [`Objection`] with the tier's reason.
    fn may_rollback(&self, tier: &PlanName, request: &RollbackRequest) -> Result<(), Objection>;

    /// Asks every plugin that listens to `release.watch` for its opinion.
    fn watch(&self, watching: &Watching<'_>) -> Opinions;

    /// The plugins that have been called since this was asked the last time, whatever came of it.
    fn called(&self) -> PluginsUsed;

    /// Tells every plugin that listens.
    ///
    /// # Errors
    /// The first [`PolicyError`], after all were told; the event is announced again later.
    fn announce(&self, announcement: &Announcement<'_>) -> Result<(), PolicyError>;
}
