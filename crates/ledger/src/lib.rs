//! Slugline's ledger on SQLite: the one file in which all apps and their histories are.
//!
//! It must not know a rule: what may be released, kept or rolled back to is decided in the core,
//! and only written down here.
//!
//! One write is one immediate transaction in write-ahead mode with `synchronous=FULL`, and so costs
//! one sync. Config vars and add-ons are kept as intervals of release numbers (`interval.rs`);
//! every statement is in `sql.rs`, and none but `history` and `prune` costs more in a longer
//! history.

mod access;
mod addons;
mod apps;
mod asked;
mod audit;
mod backup;
mod builds;
mod chain;
mod commit;
mod config;
mod connection;
mod decode;
mod export;
mod fault;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod history;
mod import;
mod interval;
mod journal;
mod kept;
mod keys;
mod lock;
mod look;
mod newest;
mod origins;
mod outbox;
mod plugin_sets;
mod plugin_store;
mod prune;
mod resources;
mod rotate;
mod schema;
mod sealed;
mod sealing;
mod settings;
mod slugs;
mod sql;
mod upkeep;
mod usage;
mod verify;
mod webhooks;

pub use audit::{Audited, Note, Outcome, Wanted};
pub use export::{Export, ExportError};
pub use import::{Document, InvalidDocument, MAX_BYTES};
pub use keys::{KEY_FILE, KeySource};
pub use origins::{Caller, Origin};
pub use plugin_store::PluginStore;
pub use rotate::Rotated;
pub use upkeep::Unfinished;
pub use verify::{Alteration, Unknown, Verified};

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rusqlite::Connection;
use slugline_core::actor::Actor;
use slugline_core::addon::{Addon, Addons};
use slugline_core::app::{App, AppName};
use slugline_core::billing::Usage;
use slugline_core::journal::{Effect, Entry, Stage};
use slugline_core::port::{
    AppLock, Asked, Holder, Kept, Ledger, LedgerError, Lock, Moment, NewRelease, Outline,
    ResourceChange, Settlement, Waiting,
};
use slugline_core::release::{PluginsUsed, Release, Version};
use slugline_core::resource::{Resource, ResourceId};
use slugline_core::settings::Settings;
use slugline_core::slug::Slug;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use crate::sealing::Keys;

/// The ledger of one home: `ledger.db`, and lock files in `locks/`.
///
/// One value belongs to one thread at a time; others open their own.
#[derive(Debug)]
pub struct SqliteLedger {
    db: Connection,
    keys: Keys,
    newest: newest::Newest,
    locks: PathBuf,
    caller: Option<Rc<dyn Caller>>,
}

impl SqliteLedger {
    /// Opens the ledger of `home`, creating the folder (0700), `ledger.db` (0600) and `locks/`
    /// where they are missing, and bringing an older format up to date.
    ///
    /// # Errors
    /// [`LedgerError::NotPrivate`], [`LedgerError::TooNew`], [`LedgerError::Busy`] after 30 s, [`LedgerError::Corrupt`] where
    /// the file is no ledger, [`LedgerError::Storage`].
    pub fn open(home: &Path) -> Result<Self, LedgerError> {
        Self::open_with(home, KeySource::File)
    }

    /// As [`SqliteLedger::open`], with the master key from elsewhere than its file in the home. It
    /// is read when the first value is sealed or opened.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`]. A key that cannot be used is told of when it is needed.
    pub fn open_with(home: &Path, key: KeySource) -> Result<Self, LedgerError> {
        let limit = Duration::from_secs(connection::BUSY_SECONDS);
        Ok(Self {
            db: connection::open(home, &key, limit)?,
            keys: Keys::new(home.to_owned(), key),
            newest: newest::Newest::default(),
            locks: home.join("locks"),
            caller: None,
        })
    }

    /// The same, for a command that was typed somewhere: what it records names both.
    #[must_use]
    pub fn from(mut self, caller: impl Caller + 'static) -> Self {
        self.caller = Some(Rc::new(caller));
        self
    }

    fn origin(&self) -> Option<Origin> {
        self.caller.as_ref().map(|caller| caller.origin())
    }
}

impl Ledger for SqliteLedger {
    fn lock(
        &self,
        app: &AppName,
        lock: Lock,
        holder: &Holder,
        waiting: &mut dyn FnMut(&Holder) -> bool,
    ) -> Result<Box<dyn AppLock>, LedgerError> {
        Ok(lock::take(&self.locks, app, lock, holder, waiting)?)
    }

    fn apps(&self) -> Result<Vec<App>, LedgerError> {
        Ok(apps::list(&self.db)?)
    }

    fn create_app(&self, app: &App) -> Result<(), LedgerError> {
        Ok(apps::create(&self.db, app)?)
    }

    fn destroy_app(&self, app: &AppName, at: Timestamp) -> Result<(), LedgerError> {
        Ok(apps::destroy(&self.db, app, at)?)
    }

    fn set_branch(&self, app: &AppName, branch: Option<&str>) -> Result<(), LedgerError> {
        Ok(apps::set_branch(&self.db, app, branch)?)
    }

    fn moment(&self, app: &AppName) -> Result<Moment, LedgerError> {
        Ok(history::moment(&self.db, &self.keys, &self.newest, app)?)
    }

    fn outline(&self, app: &AppName) -> Result<Outline, LedgerError> {
        Ok(history::outline(&self.db, &self.keys, app)?)
    }

    fn outlines(&self) -> Result<Vec<Outline>, LedgerError> {
        Ok(history::outlines(&self.db, &self.keys)?)
    }

    fn release(&self, app: &AppName, version: Version) -> Result<Option<Release>, LedgerError> {
        Ok(history::release(&self.db, app, version)?)
    }

    fn history(
        &self,
        app: &AppName,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Release>, LedgerError> {
        Ok(history::history(&self.db, app, before, limit)?)
    }

    fn history_after(
        &self,
        app: &AppName,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Release>, LedgerError> {
        Ok(history::history_after(&self.db, app, after, limit)?)
    }

    fn state_at(&self, app: &AppName, version: Version) -> Result<State, LedgerError> {
        Ok(history::state_at(&self.db, &self.keys, app, version)?)
    }

    fn addons_at(&self, app: &AppName, version: Version) -> Result<Addons, LedgerError> {
        Ok(history::addons_at(&self.db, &self.keys, app, version)?)
    }

    fn plugins_at(&self, app: &AppName, version: Version) -> Result<PluginsUsed, LedgerError> {
        Ok(plugin_sets::at(&self.db, app, version)?)
    }

    fn record(&self, app: &AppName, release: &NewRelease<'_>) -> Result<Version, LedgerError> {
        let origin = self.origin();
        let version = commit::record(
            &self.db,
            &self.keys,
            &self.newest,
            origin.as_ref(),
            app,
            release,
        )?;
        if let Some(caller) = &self.caller {
            caller.recorded();
        }
        Ok(version)
    }

    fn settle(
        &self,
        app: &AppName,
        version: Version,
        settlement: &Settlement,
    ) -> Result<(), LedgerError> {
        Ok(commit::settle(
            &self.db, &self.keys, app, version, settlement,
        )?)
    }

    fn install_first_tier(
        &self,
        app: &AppName,
        tier: &Addon,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        Ok(addons::install_first_tier(
            &self.db, &self.keys, app, tier, at,
        )?)
    }

    fn set_code_pinned(&self, app: &AppName, pinned: bool) -> Result<(), LedgerError> {
        Ok(apps::set_code_pinned(&self.db, app, pinned)?)
    }

    fn set_release_pinned(
        &self,
        app: &AppName,
        version: Version,
        pinned: bool,
    ) -> Result<(), LedgerError> {
        Ok(history::set_pinned(&self.db, app, version, pinned)?)
    }

    fn usage(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Usage>, LedgerError> {
        Ok(usage::list(&self.db, from, to)?)
    }

    fn prune(&self, app: &AppName, versions: &[Version], at: Timestamp) -> Result<(), LedgerError> {
        Ok(prune::prune(&self.db, app, versions, at)?)
    }

    fn asked(&self, app: &AppName) -> Result<Option<Asked>, LedgerError> {
        Ok(asked::get(&self.db, app)?)
    }

    fn set_asked(&self, app: &AppName, asked: Option<&Asked>) -> Result<(), LedgerError> {
        Ok(asked::set(&self.db, app, asked)?)
    }

    fn settings(&self, app: &AppName) -> Result<Settings, LedgerError> {
        Ok(settings::get(&self.db, &self.keys, app)?)
    }

    fn set_settings(&self, app: &AppName, settings: &Settings) -> Result<(), LedgerError> {
        Ok(settings::set(&self.db, &self.keys, app, settings)?)
    }

    fn announce(
        &self,
        app: &AppName,
        what: &[slugline_core::webhook::Happening],
        by: &slugline_core::webhook::By,
    ) -> Result<(), LedgerError> {
        Ok(webhooks::announce_all(&self.db, app, what, by)?)
    }

    fn kept(
        &self,
        app: &AppName,
        version: Version,
        what: Kept,
    ) -> Result<Option<String>, LedgerError> {
        Ok(kept::get(&self.db, &self.keys, app, version, what)?)
    }

    fn keep(
        &self,
        app: &AppName,
        version: Version,
        what: Kept,
        text: &str,
    ) -> Result<(), LedgerError> {
        Ok(kept::set(&self.db, &self.keys, app, version, what, text)?)
    }

    fn slugs_in_use(&self) -> Result<Vec<Slug>, LedgerError> {
        Ok(slugs::in_use(&self.db)?)
    }

    fn put_resource(&self, app: &AppName, resource: &Resource) -> Result<(), LedgerError> {
        Ok(resources::put(&self.db, &self.keys, app, resource)?)
    }

    fn resources(&self, app: &AppName) -> Result<Vec<Resource>, LedgerError> {
        Ok(resources::list(&self.db, &self.keys, app)?)
    }

    fn remove_resource(&self, id: &ResourceId) -> Result<(), LedgerError> {
        Ok(resources::remove(&self.db, id)?)
    }

    fn ports_in_use(&self) -> Result<Vec<u16>, LedgerError> {
        Ok(resources::ports(&self.db)?)
    }

    fn outbox(&self, app: &AppName) -> Result<Vec<Waiting>, LedgerError> {
        Ok(outbox::list(&self.db, app)?)
    }

    fn delivered(&self, place: i64) -> Result<(), LedgerError> {
        Ok(outbox::delivered(&self.db, place)?)
    }

    fn undelivered(&self, place: i64, why: &str, due: Timestamp) -> Result<(), LedgerError> {
        Ok(outbox::undelivered(&self.db, &self.keys, place, why, due)?)
    }

    fn begin_effects(&self, app: &AppName, effects: &[Effect]) -> Result<Vec<i64>, LedgerError> {
        Ok(journal::begin(&self.db, &self.keys, app, effects)?)
    }

    fn step_effect(
        &self,
        app: &AppName,
        place: i64,
        to: Option<Stage>,
        change: ResourceChange<'_>,
    ) -> Result<(), LedgerError> {
        Ok(journal::step(&self.db, &self.keys, app, place, to, change)?)
    }

    fn delay_effect(&self, place: i64, due: Timestamp) -> Result<(), LedgerError> {
        Ok(journal::delay(&self.db, place, due)?)
    }

    fn journal(&self, app: &AppName) -> Result<Vec<Entry>, LedgerError> {
        Ok(journal::list(&self.db, &self.keys, app)?)
    }

    fn unfinished(&self, now: Timestamp) -> Result<Vec<AppName>, LedgerError> {
        Ok(journal::unfinished(&self.db, now)?)
    }

    fn ownerless(&self) -> Result<Vec<(AppName, Resource)>, LedgerError> {
        Ok(resources::ownerless(&self.db, &self.keys)?)
    }

    fn monthly_cost(&self, owner: &Actor, but: &AppName) -> Result<u64, LedgerError> {
        Ok(usage::monthly_cost(&self.db, owner, but)?)
    }
}
