//! The port to the ledger: apps, releases, what is current, resources and the outbox.

use crate::actor::Actor;
use crate::addon::{Addon, Addons, PlanName};
use crate::app::{App, AppName};
use crate::billing::Usage;
use crate::change::Change;
use crate::event::Event;
use crate::journal::{Effect, Entry, Stage};
use crate::release::{PluginsUsed, Release, Version};
use crate::resource::{Resource, ResourceId};
use crate::settings::{Host, Settings};
use crate::slug::Slug;
use crate::state::State;
use crate::time::Timestamp;

use super::{AppLock, Cause, Holder, Lock, Moment, Outline};

/// Why the ledger did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no app of this name.
    #[error("there is no app {0}")]
    NoApp(AppName),
    /// There is an app of this name already.
    #[error("there is already an app {0}")]
    NameTaken(AppName),
    /// Another app answers under this host already.
    #[error("{0} belongs to {1}")]
    HostTaken(Host, AppName),
    /// The app has no such release, or no longer.
    #[error("{0} has no release {1}")]
    NoRelease(AppName, Version),
    /// A release was to be settled that is not pending.
    #[error("{1} of {0} is already settled")]
    NotPending(AppName, Version),
    /// The ledger was written by a newer Slugline.
    #[error("the ledger is of format {found}; this Slugline reads up to {known}")]
    TooNew {
        /// Its format.
        found: i64,
        /// The newest format that is understood.
        known: i64,
    },
    /// Another operation holds the app's lock, and was not to be waited for; with who and what.
    #[error("the app is being changed by {0}")]
    Held(String),
    /// Somebody else held the ledger for longer than its time limit.
    #[error("the ledger was busy for {0} s")]
    Busy(u64),
    /// What is stored cannot be understood.
    #[error("the ledger holds something that cannot be read: {0}")]
    Corrupt(String),
    /// The folder of the ledger can be looked into by others.
    #[error("others can look into {path} (mode {mode:o}), where everything secret is")]
    NotPrivate {
        /// The folder.
        path: String,
        /// The lower nine bits of its mode.
        mode: u32,
    },
    /// The key to what the ledger keeps sealed is missing or another one; with what to do.
    #[error("the ledger's key cannot be used: {0}")]
    Key(String),
    /// There is no room left for what was to be written, or for what SQLite needs beside it.
    #[error("the disk that the ledger is on is full")]
    Full,
    /// The disk failed while something was written, so that the next command may find it there.
    #[error("the disk failed, and it is not known whether this is recorded")]
    Unsure(#[source] Cause),
    /// The disk or the database failed: nothing of what was to be written is there.
    #[error("the ledger cannot be used")]
    Storage(#[source] Cause),
}

/// An event in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place: those that came later have a greater one.
    pub place: i64,
    /// The event.
    pub event: Event,
    /// How often it could not be delivered.
    pub attempts: u32,
    /// When it is to be tried again; when it came where it never was tried.
    pub due: Timestamp,
}

/// When an app's tier was last asked what it keeps, of a history that was long (S13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The tier.
    pub tier: PlanName,
    /// The newest number then.
    pub last: Version,
    /// How many releases were kept.
    pub kept: u64,
    /// When it was.
    pub at: Timestamp,
}

/// What a step of an effect in the journal means for its resource.
#[derive(Clone, Copy, Debug)]
pub enum ResourceChange<'a> {
    /// Nothing.
    None,
    /// It is this from now on.
    Put(&'a Resource),
    /// It is gone.
    Remove(&'a ResourceId),
}

/// A release about to be recorded.
#[derive(Clone, Debug)]
pub struct NewRelease<'a> {
    /// What was asked for.
    pub change: &'a Change,
    /// Who asked.
    pub actor: &'a Actor,
    /// When.
    pub at: Timestamp,
    /// What the app is to be.
    pub state: &'a State,
    /// The plugins that were asked for it.
    pub plugins: &'a PluginsUsed,
}

/// What is kept of a release beside its content, and goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// What its release phase wrote, the end of it where it was long.
    Output,
    /// Why it went bad after it had taken over, and what became of that, in one line.
    Verdict,
}

impl Kept {
    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Verdict => "verdict",
        }
    }
}

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is current from now on.
    Succeeded {
        /// Whether rolled-back code is pinned from now on (S22).
        code_pinned: bool,
    },
    /// It never became current; with the reason, in one line.
    Failed(String),
}

/// What one settle writes.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// How the release ended.
    pub outcome: Outcome,
    /// When: add-ons that the release changed are paid for from here on (S28).
    pub at: Timestamp,
    /// What is to be announced, in order.
    pub events: Vec<Event>,
}

/// Keeps everything that is true of apps.
///
/// Guarantees: each method that writes is one transaction, durable when it returns, and changes
/// nothing when it fails. Any number of processes may use one ledger at once. The cost of every
/// method but [`Ledger::history`] and [`Ledger::prune`] does not grow with the number of releases.
pub trait Ledger {
    /// Takes a lock of an app. While another process holds it, it is waited for, as long as
    /// `waiting` says so: that is asked at most once, with the holder.
    ///
    /// # Errors
    /// [`LedgerError::Held`] where it is not waited for, [`LedgerError::Storage`].
    fn lock(
        &self,
        app: &AppName,
        lock: Lock,
        holder: &Holder,
        waiting: &mut dyn FnMut(&Holder) -> bool,
    ) -> Result<Box<dyn AppLock>, LedgerError>;

    /// All apps, sorted by name.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn apps(&self) -> Result<Vec<App>, LedgerError>;

    /// Creates an app without a release.
    ///
    /// # Errors
    /// [`LedgerError::NameTaken`], [`LedgerError::Storage`].
    fn create_app(&self, app: &App) -> Result<(), LedgerError>;

    /// Removes an app with its whole history and what is left in its outbox and its journal. Its resources stay
    /// listed until each is removed, and what it has cost until `at` stays on record (S28). An app
    /// created later under the same name begins at v1.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn destroy_app(&self, app: &AppName, at: Timestamp) -> Result<(), LedgerError>;

    /// Sets the branch whose push deploys; `None` for `main` and `master` alike.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn set_branch(&self, app: &AppName, branch: Option<&str>) -> Result<(), LedgerError>;

    /// The app as it is now, read in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn moment(&self, app: &AppName) -> Result<Moment, LedgerError>;

    /// The app as it is now but for its config vars, of which nothing is opened.
    ///
    /// # Errors
    /// As [`Ledger::moment`], but that of the key.
    fn outline(&self, app: &AppName) -> Result<Outline, LedgerError>;

    /// All apps as [`Ledger::outline`] answers each, sorted by name, read in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn outlines(&self) -> Result<Vec<Outline>, LedgerError>;

    /// One release, if it is kept.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn release(&self, app: &AppName, version: Version) -> Result<Option<Release>, LedgerError>;

    /// At most `limit` releases older than `before` (the newest of all where it is `None`), newest
    /// first.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn history(
        &self,
        app: &AppName,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Release>, LedgerError>;

    /// At most `limit` releases newer than `after` (the oldest of all where it is `None`), oldest
    /// first.
    ///
    /// # Errors
    /// As [`Ledger::history`].
    fn history_after(
        &self,
        app: &AppName,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Release>, LedgerError>;

    /// What a release that is kept is a snapshot of, exactly as it was recorded.
    ///
    /// # Errors
    /// [`LedgerError::NoRelease`] and those of [`Ledger::release`].
    fn state_at(&self, app: &AppName, version: Version) -> Result<State, LedgerError>;

    /// The add-ons alone of [`Ledger::state_at`], which is cheaper.
    ///
    /// # Errors
    /// As [`Ledger::state_at`].
    fn addons_at(&self, app: &AppName, version: Version) -> Result<Addons, LedgerError>;

    /// The plugins that were asked for a release that is kept; none for one that was recorded before
    /// they were.
    ///
    /// # Errors
    /// As [`Ledger::state_at`].
    fn plugins_at(&self, app: &AppName, version: Version) -> Result<PluginsUsed, LedgerError>;

    /// Records a pending release under the next number and answers it (S1). The number is used
    /// from then on, whatever becomes of the release.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn record(&self, app: &AppName, release: &NewRelease<'_>) -> Result<Version, LedgerError>;

    /// Settles a pending release: its status, what is current, the newest deploy (where the
    /// release is a deploy and succeeded), the code pin, the outbox, what the app's add-ons cost
    /// from then on (S28), and its journal, in one transaction. With a release that succeeded the
    /// journal is done with; with one that failed all of it is to be undone.
    ///
    /// # Errors
    /// [`LedgerError::NoRelease`], [`LedgerError::NotPending`], [`LedgerError::Busy`],
    /// [`LedgerError::Storage`].
    fn settle(
        &self,
        app: &AppName,
        version: Version,
        settlement: &Settlement,
    ) -> Result<(), LedgerError>;

    /// Makes `tier` the app's first tier, without a release (S9); it is paid for from `at` on.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn install_first_tier(
        &self,
        app: &AppName,
        tier: &Addon,
        at: Timestamp,
    ) -> Result<(), LedgerError>;

    /// Sets whether rolled-back code is pinned (S22), without a release.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn set_code_pinned(&self, app: &AppName, pinned: bool) -> Result<(), LedgerError>;

    /// Sets whether a release that is kept is pinned (S13), without a release.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::NoRelease`], [`LedgerError::Storage`].
    fn set_release_pinned(
        &self,
        app: &AppName,
        version: Version,
        pinned: bool,
    ) -> Result<(), LedgerError>;

    /// What add-ons of all apps have cost, of apps that are gone too (S28): every interval that
    /// began before `to` and has not ended before `from`, sorted as [`Usage`] is.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn usage(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Usage>, LedgerError>;

    /// Removes releases with the config values and add-on intervals that only they needed, and
    /// leaves a receipt of each (S15). The current release, a pending one, those that come after a
    /// pending one and those that are pinned are never removed, even if they are named. Numbers that are not kept are passed over.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn prune(&self, app: &AppName, versions: &[Version], at: Timestamp) -> Result<(), LedgerError>;

    /// When the app's tier was last asked, if that is remembered.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn asked(&self, app: &AppName) -> Result<Option<Asked>, LedgerError>;

    /// Remembers when the app's tier was asked; with `None`, forgets it.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn set_asked(&self, app: &AppName, asked: Option<&Asked>) -> Result<(), LedgerError>;

    /// What is set of an app.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn settings(&self, app: &AppName) -> Result<Settings, LedgerError>;

    /// Sets all that is set of an app, without a release.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::HostTaken`], [`LedgerError::Busy`],
    /// [`LedgerError::Storage`].
    fn set_settings(&self, app: &AppName, settings: &Settings) -> Result<(), LedgerError>;

    /// Writes down what happened to an app beside its releases and add-ons, for its webhooks. Those that
    /// a ledger has none of are told nothing.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn announce(
        &self,
        _app: &AppName,
        _what: &[crate::webhook::Happening],
        _by: &crate::webhook::By,
    ) -> Result<(), LedgerError> {
        Ok(())
    }

    /// What is kept of a release beside its content; `None` also for one that is not kept itself.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn kept(
        &self,
        app: &AppName,
        version: Version,
        what: Kept,
    ) -> Result<Option<String>, LedgerError>;

    /// Keeps something of a release beside its content, in place of what was kept before, until the
    /// release goes.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::NoRelease`], [`LedgerError::Busy`],
    /// [`LedgerError::Storage`].
    fn keep(
        &self,
        app: &AppName,
        version: Version,
        what: Kept,
        text: &str,
    ) -> Result<(), LedgerError>;

    /// The slugs that a release of any app, or any app's newest deploy, still refers to.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn slugs_in_use(&self) -> Result<Vec<Slug>, LedgerError>;

    /// Writes a resource of an app, new or changed.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn put_resource(&self, app: &AppName, resource: &Resource) -> Result<(), LedgerError>;

    /// All resources of an app, those of add-ons that it no longer has among them.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn resources(&self, app: &AppName) -> Result<Vec<Resource>, LedgerError>;

    /// Forgets a resource that has been deprovisioned; one that is not there is no error.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn remove_resource(&self, id: &ResourceId) -> Result<(), LedgerError>;

    /// The ports that resources of any app hold.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn ports_in_use(&self) -> Result<Vec<u16>, LedgerError>;

    /// What is still to be announced for an app, oldest first, each with its place in the outbox.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn outbox(&self, app: &AppName) -> Result<Vec<Waiting>, LedgerError>;

    /// Takes an event that was delivered out of the outbox.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn delivered(&self, place: i64) -> Result<(), LedgerError>;

    /// Notes why an event could not be delivered, and when it is to be tried again; it stays in the
    /// outbox.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn undelivered(&self, place: i64, why: &str, due: Timestamp) -> Result<(), LedgerError>;

    /// Writes into an app's journal that these effects are about to begin, and answers the place of
    /// each.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn begin_effects(&self, app: &AppName, effects: &[Effect]) -> Result<Vec<i64>, LedgerError>;

    /// Moves an effect to a stage, or out of the journal where that is `None`, with what it means
    /// for its resource, in one transaction. A place that is not there is passed over, and its
    /// resource is written all the same.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn step_effect(
        &self,
        app: &AppName,
        place: i64,
        to: Option<Stage>,
        change: ResourceChange<'_>,
    ) -> Result<(), LedgerError>;

    /// Notes that an effect could not be undone, and when it is to be tried again.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn delay_effect(&self, place: i64, due: Timestamp) -> Result<(), LedgerError>;

    /// An app's journal, oldest first.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn journal(&self, app: &AppName) -> Result<Vec<Entry>, LedgerError>;

    /// The apps for which something is left to do: a release that is pending, an effect in the
    /// journal or an event in the outbox that is due by `now`. Those whose operation runs are among
    /// them.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn unfinished(&self, now: Timestamp) -> Result<Vec<AppName>, LedgerError>;

    /// Resources whose app is gone, each with the name that it had.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn ownerless(&self) -> Result<Vec<(AppName, Resource)>, LedgerError>;

    /// Cents a month that all apps of an owner cost but for one.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn monthly_cost(&self, owner: &Actor, but: &AppName) -> Result<u64, LedgerError>;
}
