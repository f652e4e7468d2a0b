//! The operations: one file a verb, each a pure function from what the app is and what is asked to
//! a [`Plan`]. They must not do anything: the corridor does.

pub mod addons;
pub mod config;
pub mod deploy;
pub mod retry;
pub mod rollback;
pub mod take;

mod previous;
mod recompile;

use std::collections::BTreeMap;

use crate::addon::{Addons, Catalogue, ServiceName};
use crate::bill::Bill;
use crate::change::Change;
use crate::config::{ConfigVar, ConfigVars, InvalidConfig, Owner};
use crate::port::{LedgerError, Moment, RollbackRequest};
use crate::refusal::Refusal;
use crate::release::{Release, Version};
use crate::resource::{Options, Resource, ResourceId};
use crate::slug::{Commit, Slug, SourceId};
use crate::state::State;
use crate::time::Timestamp;

/// What an operation may look at.
pub struct View<'a> {
    /// The app now.
    pub moment: &'a Moment,
    /// The resources of the add-ons that the app has now, by service.
    pub resources: &'a BTreeMap<ServiceName, Resource>,
    /// Its earlier releases.
    pub past: &'a dyn Past,
    /// What can be added.
    pub catalogue: &'a Catalogue,
    /// The time.
    pub now: Timestamp,
}

/// The earlier releases of one app.
pub trait Past {
    /// One release, if it is kept.
    ///
    /// # Errors
    /// Those of the ledger.
    fn release(&self, version: Version) -> Result<Option<Release>, LedgerError>;

    /// At most `limit` releases older than `before`, newest first.
    ///
    /// # Errors
    /// Those of the ledger.
    fn history(&self, before: Option<Version>, limit: usize) -> Result<Vec<Release>, LedgerError>;

    /// What a release that is kept is a snapshot of.
    ///
    /// # Errors
    /// Those of the ledger.
    fn state_at(&self, version: Version) -> Result<State, LedgerError>;

    /// Why a release went bad after it had taken over, if it did.
    ///
    /// # Errors
    /// Those of the ledger.
    fn verdict(&self, version: Version) -> Result<Option<String>, LedgerError>;

    /// Its add-ons alone.
    ///
    /// # Errors
    /// Those of the ledger.
    fn addons_at(&self, version: Version) -> Result<Addons, LedgerError>;
}

/// A verb that makes a release.
pub trait Operation {
    /// Says what it would do.
    ///
    /// # Errors
    /// [`NotPlanned`].
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned>;

    /// What those who wait for this operation are told that it is, such as `Deploy 575bfa8`.
    fn describe(&self) -> String;
}

/// Why an operation has no plan.
#[derive(Debug, thiserror::Error)]
pub enum NotPlanned {
    /// The rules forbid it: every reason there is.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Refusal>),
    /// It would change nothing, and makes no release (S5); with the words that say so.
    #[error("{0}")]
    Nothing(String),
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Refusal> for NotPlanned {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<InvalidConfig> for NotPlanned {
    fn from(error: InvalidConfig) -> Self {
        Refusal::new(error.to_string()).into()
    }
}

/// The code that a release is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// This slug, or none, as it is.
    Take(Option<Slug>),
    /// What the compiler makes of this source with the new config vars.
    Compile {
        /// The source.
        source: SourceId,
        /// The commit it came from.
        commit: Commit,
    },
}

/// What is to be done to one resource before the release is recorded. Each has an undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make it.
    Provision {
        /// Its name and idempotency key.
        id: ResourceId,
        /// Its plan.
        plan: crate::addon::PlanName,
        /// What the person said.
        options: Options,
    },
    /// Move it to another plan.
    ChangePlan {
        /// The resource as it is.
        resource: Resource,
        /// The new plan.
        plan: crate::addon::PlanName,
    },
}

/// All that a change would do, as data: `--dry-run` prints it, the corridor carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the history will say.
    pub change: Change,
    /// The app before.
    pub before: State,
    /// The code after.
    pub code: Code,
    /// The config vars that people set, after. Those that add-ons lend join them once the effects
    /// have run (S19).
    pub config: ConfigVars,
    /// The add-ons after.
    pub addons: Addons,
    /// What is to be done first.
    pub effects: Vec<Effect>,
    /// The resource that is destroyed once the release has succeeded (S27).
    pub deprovision: Option<ResourceId>,
    /// Whether rolled-back code is pinned afterwards (S22).
    pub code_pinned: bool,
    /// One line a commit that a deploy brings, newest first; for hooks.
    pub git_log: String,
    /// Whether the release phase runs, where the code has one.
    pub release_phase: bool,
    /// What the person should know before it happens.
    pub warnings: Vec<String>,
    /// For a rollback: what tier and checks are asked.
    pub rollback: Option<RollbackRequest>,
}

impl Plan {
    /// A plan that changes nothing yet: the app's own code, config vars and add-ons.
    #[must_use]
    pub fn unchanged(change: Change, moment: &Moment) -> Self {
        let before = moment.state.clone();
        Self {
            change,
            code: Code::Take(before.slug.clone()),
            config: before.config.of_user(),
            addons: before.addons.clone(),
            effects: Vec::new(),
            deprovision: None,
            code_pinned: moment.code_pinned,
            git_log: String::new(),
            release_phase: true,
            warnings: Vec::new(),
            rollback: None,
            before,
        }
    }

    /// What the change does to the app's bill.
    #[must_use]
    pub fn bill(&self) -> Bill {
        Bill::between(&self.before.addons, &self.addons)
    }

    /// Whether there may be a process to run afterwards: code, or the server of an add-on.
    #[must_use]
    pub fn runs_something(&self) -> bool {
        self.code != Code::Take(None) || self.addons.values().any(|addon| addon.resource.is_some())
    }

    /// The config vars that there will be: the user's, and what `resources` lend (S19).
    ///
    /// # Errors
    /// [`InvalidConfig::TooLarge`] (S7).
    pub fn config_with<'a>(
        &self,
        resources: impl IntoIterator<Item = &'a Resource>,
    ) -> Result<ConfigVars, InvalidConfig> {
        let mut all = self.config.clone();
        for resource in resources {
            let service = resource.plan.service();
            for (key, value) in &resource.config {
                let owner = Owner::Addon(service.clone());
                all.insert(
                    key.clone(),
                    ConfigVar {
                        value: value.clone(),
                        owner,
                    },
                );
            }
        }
        all.check_size()?;
        Ok(all)
    }
}

#[cfg(test)]
pub(crate) mod fixture;
