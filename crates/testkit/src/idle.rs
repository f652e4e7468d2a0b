//! Ports for tests of an engine that neither builds nor runs nor provisions anything: whoever asks
//! one of them to do something stops the test. Only the tier answers, whatever it is told to.

use std::cell::RefCell;

use slugline_core::addon::{Catalogue, PlanName};
use slugline_core::app::AppName;
use slugline_core::corridor::Engine;
use slugline_core::port::{
    Announcement, Answers, ChangePlanRequest, Clock, CompileError, CompileRequest, Compiler,
    HistoryEntry, Ids, Keep, LaunchError, LaunchSpec, Launched, Launcher, Ledger, Objection,
    Opinions, Policies, PolicyError, Proposal, ProviderError, Providers, ProvisionRequest,
    RollbackRequest, Said, Watching,
};
use slugline_core::release::PluginsUsed;
use slugline_core::resource::{Provision, Resource, ResourceId};
use slugline_core::settings::Settings;
use slugline_core::slug::Slug;
use slugline_core::time::Timestamp;

use crate::values::NOON;

/// All ports but the ledger. It is always [`NOON`].
pub struct Idle {
    /// What every tier answers; an error where it is `None`.
    pub keep: RefCell<Option<Keep>>,
    catalogue: Catalogue,
}

impl Default for Idle {
    /// With tiers that keep everything.
    fn default() -> Self {
        Self {
            keep: RefCell::new(Some(Keep::All)),
            catalogue: Catalogue::default(),
        }
    }
}

impl Idle {
    /// The engine of a ledger.
    pub fn engine<'a>(&'a self, ledger: &'a dyn Ledger) -> Engine<'a> {
        Engine {
            ledger,
            policies: self,
            providers: self,
            compiler: self,
            launcher: self,
            clock: self,
            ids: self,
        }
    }
}

fn idle() -> ! {
    panic!("nothing is to be done in this test")
}

impl Clock for Idle {
    fn now(&self) -> Timestamp {
        NOON
    }
}

impl Ids for Idle {
    fn resource(&self) -> ResourceId {
        idle()
    }
}

impl Policies for Idle {
    fn check(&self, _: &Proposal<'_>) -> Answers {
        Answers::default()
    }

    fn keep(
        &self,
        _: &PlanName,
        history: &mut dyn FnMut() -> Vec<HistoryEntry>,
    ) -> Result<Keep, PolicyError> {
        history();
        self.keep.borrow().clone().ok_or_else(|| PolicyError {
            plugin: "tier".to_owned(),
            hook: "tier.keep".to_owned(),
            cause: "told to".to_owned(),
        })
    }

    fn may_rollback(&self, _: &PlanName, _: &RollbackRequest) -> Result<(), Objection> {
        Ok(())
    }

    fn watch(&self, _: &Watching<'_>) -> Opinions {
        Opinions::default()
    }

    fn called(&self) -> PluginsUsed {
        PluginsUsed::new()
    }

    fn announce(&self, _: &Announcement<'_>) -> Result<(), PolicyError> {
        Ok(())
    }
}

impl Providers for Idle {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn provision(&self, _: &ProvisionRequest<'_>) -> Result<Provision, ProviderError> {
        idle()
    }

    fn change_plan(&self, _: &ChangePlanRequest<'_>) -> Result<Provision, ProviderError> {
        idle()
    }

    fn deprovision(&self, _: &AppName, _: &Resource) -> Result<(), ProviderError> {
        idle()
    }

    fn called(&self) -> PluginsUsed {
        PluginsUsed::new()
    }
}

impl Compiler for Idle {
    fn compile(
        &self,
        _: &CompileRequest<'_>,
        _: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError> {
        idle()
    }
}

impl Launcher for Idle {
    fn wake(&self) -> Result<(), LaunchError> {
        idle()
    }

    fn launch(
        &self,
        _: &LaunchSpec,
        _: &mut dyn FnMut(Said<'_>),
    ) -> Result<Box<dyn Launched>, LaunchError> {
        idle()
    }

    fn run(&self, _: &LaunchSpec) -> Result<(), LaunchError> {
        idle()
    }

    fn stop(&self, _: &AppName) -> Result<(), LaunchError> {
        idle()
    }

    fn configure(&self, _: &AppName, _: &Settings) -> Result<(), LaunchError> {
        idle()
    }

    fn is_up(&self, _: &AppName) -> Result<bool, LaunchError> {
        idle()
    }

    fn url(&self, _: &AppName) -> String {
        idle()
    }
}
