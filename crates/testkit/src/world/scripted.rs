//! The ledger of a world whose calls go wrong as a script has it. It must not know which ledger
//! keeps what is true, nor what a call means.

use std::rc::Rc;

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

use super::Script;

/// A ledger before another.
pub(crate) struct Scripted {
    pub(crate) ledger: Rc<dyn Ledger>,
    pub(crate) script: Rc<Script>,
}

fn broken() -> LedgerError {
    LedgerError::Storage(Box::new(std::io::Error::other("told to fail")))
}

type Answer<T> = Result<T, LedgerError>;

/// Each method hands its call on, under its own name.
macro_rules! scripted {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl Ledger for Scripted {
            $(
                fn $name(&self $(, $arg: $type)*) -> Answer<$answer> {
                    let name = concat!("ledger.", stringify!($name));
                    self.script.call(name, broken, || self.ledger.$name($($arg),*))
                }
            )*
        }
    };
}

scripted! {
    fn lock(&self, app: &AppName, lock: Lock, holder: &Holder, waiting: &mut dyn FnMut(&Holder) -> bool) -> Box<dyn AppLock>;
    fn apps(&self) -> Vec<App>;
    fn create_app(&self, app: &App) -> ();
    fn destroy_app(&self, app: &AppName, at: Timestamp) -> ();
    fn set_branch(&self, app: &AppName, branch: Option<&str>) -> ();
    fn moment(&self, app: &AppName) -> Moment;
    fn outline(&self, app: &AppName) -> Outline;
    fn outlines(&self) -> Vec<Outline>;
    fn release(&self, app: &AppName, version: Version) -> Option<Release>;
    fn history(&self, app: &AppName, before: Option<Version>, limit: usize) -> Vec<Release>;
    fn history_after(&self, app: &AppName, after: Option<Version>, limit: usize) -> Vec<Release>;
    fn state_at(&self, app: &AppName, version: Version) -> State;
    fn addons_at(&self, app: &AppName, version: Version) -> Addons;
    fn plugins_at(&self, app: &AppName, version: Version) -> PluginsUsed;
    fn record(&self, app: &AppName, release: &NewRelease<'_>) -> Version;
    fn settle(&self, app: &AppName, version: Version, settlement: &Settlement) -> ();
    fn install_first_tier(&self, app: &AppName, tier: &Addon, at: Timestamp) -> ();
    fn set_code_pinned(&self, app: &AppName, pinned: bool) -> ();
    fn set_release_pinned(&self, app: &AppName, version: Version, pinned: bool) -> ();
    fn usage(&self, from: Timestamp, to: Timestamp) -> Vec<Usage>;
    fn prune(&self, app: &AppName, versions: &[Version], at: Timestamp) -> ();
    fn asked(&self, app: &AppName) -> Option<Asked>;
    fn set_asked(&self, app: &AppName, asked: Option<&Asked>) -> ();
    fn settings(&self, app: &AppName) -> Settings;
    fn set_settings(&self, app: &AppName, settings: &Settings) -> ();
    fn kept(&self, app: &AppName, version: Version, what: Kept) -> Option<String>;
    fn keep(&self, app: &AppName, version: Version, what: Kept, text: &str) -> ();
    fn slugs_in_use(&self) -> Vec<Slug>;
    fn put_resource(&self, app: &AppName, resource: &Resource) -> ();
    fn resources(&self, app: &AppName) -> Vec<Resource>;
    fn remove_resource(&self, id: &ResourceId) -> ();
    fn ports_in_use(&self) -> Vec<u16>;
    fn outbox(&self, app: &AppName) -> Vec<Waiting>;
    fn delivered(&self, place: i64) -> ();
    fn undelivered(&self, place: i64, why: &str, due: Timestamp) -> ();
    fn begin_effects(&self, app: &AppName, effects: &[Effect]) -> Vec<i64>;
    fn step_effect(&self, app: &AppName, place: i64, to: Option<Stage>, change: ResourceChange<'_>) -> ();
    fn delay_effect(&self, place: i64, due: Timestamp) -> ();
    fn journal(&self, app: &AppName) -> Vec<Entry>;
    fn unfinished(&self, now: Timestamp) -> Vec<AppName>;
    fn ownerless(&self) -> Vec<(AppName, Resource)>;
    fn monthly_cost(&self, owner: &Actor, but: &AppName) -> u64;
}
