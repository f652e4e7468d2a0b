//! The corridor: everything that changes an app walks plan → check → prepare → record → launch →
//! settle → announce, in this order, and no other way exists. Each step consumes what the one
//! before it left, so that a half-done change is a type and not a flag.
//!
//! It must not know what lies behind a port, nor how anything is shown.

pub mod announce;
pub mod check;
mod effects;
pub mod launch;
pub mod plan;
pub mod prepare;
pub mod record;
pub mod recover;
pub mod settle;
pub mod watch;

mod apps;
mod keep;
mod opinion;
mod release_phase;
mod settings;

use crate::actor::Actor;
use crate::app::AppName;
use crate::operation::{NotPlanned, Operation, Past, Plan};
use crate::port::{
    Clock, CompileError, Compiler, Ids, Kept, LaunchError, Launcher, Ledger, LedgerError, Policies,
    ProviderError, Providers,
};
use crate::refusal::Refusal;
use crate::release::{PluginsUsed, Release, Version};
use crate::slug::Slug;

/// The release engine: the ports, and the corridor through them.
pub struct Engine<'a> {
    /// Keeps what is true.
    pub ledger: &'a dyn Ledger,
    /// May forbid, and is told.
    pub policies: &'a dyn Policies,
    /// Makes resources.
    pub providers: &'a dyn Providers,
    /// Makes slugs.
    pub compiler: &'a dyn Compiler,
    /// Runs releases.
    pub launcher: &'a dyn Launcher,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Makes names.
    pub ids: &'a dyn Ids,
}

/// Who asks for a change of which app.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The app.
    pub app: &'a AppName,
    /// Who asks.
    pub actor: &'a Actor,
    /// Whether the loss of releases that a smaller tier would prune is accepted (S14).
    pub confirmed: bool,
    /// The release that must be current still, if the request depends on it.
    pub if_current: Option<Version>,
    /// Whether to wait where somebody else is changing the app (S33).
    pub wait: bool,
}

/// Hears how a change comes along. Every method does nothing unless it is implemented.
pub trait Progress {
    /// The app is being changed by somebody else, who is waited for (S33).
    fn waiting(&mut self, _holder: &str) {}
    /// What an operation that died had left was finished or undone, as this line says (S31).
    fn recovered(&mut self, _text: &str) {}
    /// What the person should know before it happens.
    fn warning(&mut self, _text: &str) {}
    /// Nobody objects: from here on things are done.
    fn begins(&mut self, _plan: &Plan) {}
    /// A line that the buildpack wrote.
    fn build_line(&mut self, _line: &str) {}
    /// There is a slug, compiled now or found.
    fn compiled(&mut self, _slug: &Slug) {}
    /// The release has its number, and its release phase begins.
    fn releasing(&mut self, _version: Version) {}
    /// A line that the release phase wrote.
    fn release_line(&mut self, _line: &str) {}
    /// The release has its number and is being started.
    fn launching(&mut self, _version: Version) {}
}

/// Hears nothing.
pub struct Silent;

impl Progress for Silent {}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The release that it made, as it is now current.
    pub release: Release,
    /// What was asked and done.
    pub plan: Plan,
    /// What providers have to say.
    pub messages: Vec<String>,
    /// For code that crashed and stays, since there is nothing better to run (S30): why, and the
    /// last lines of its log.
    pub crashed: Option<(String, Vec<String>)>,
    /// Where the app answers.
    pub url: String,
}

/// Why a change was not made. Nothing is changed then, except that a release that failed to launch
/// has its number and its place in the history (S30).
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules, the tier or a check forbid it: every reason there is.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Refusal>),
    /// It would change nothing (S5); with the words that say so.
    #[error("{0}")]
    Nothing(String),
    /// The build failed (S29).
    #[error(transparent)]
    Build(#[from] CompileError),
    /// An add-on's provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The release did not become healthy (S30).
    #[error("{version} failed: {reason}")]
    Unhealthy {
        /// The release, kept in the history as failed.
        version: Version,
        /// Why, in one line.
        reason: String,
        /// The last lines of its log.
        log: Vec<String>,
        /// What runs on.
        current: Version,
    },
    /// The supervisor cannot be reached.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<NotPlanned> for Failure {
    fn from(error: NotPlanned) -> Self {
        match error {
            NotPlanned::Refused(refusals) => Self::Refused(refusals),
            NotPlanned::Nothing(text) => Self::Nothing(text),
            NotPlanned::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl Engine<'_> {
    /// Walks an operation through the corridor, up to its settle. What is left in the outbox is
    /// delivered by [`Engine::announce`], once the person has the answer.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn change(
        &self,
        request: &Request<'_>,
        operation: &dyn Operation,
        progress: &mut dyn Progress,
    ) -> Result<Done, Failure> {
        let (_lock, moment) = self.enter(request, &operation.describe(), progress)?;
        // Whoever was called before took no part in this.
        self.plugins_called();
        let planned = self.plan(request, moment, operation)?;
        for warning in &planned.plan.warnings {
            progress.warning(warning);
        }
        let checked = self.check(request, planned, &mut |text| progress.warning(text))?;
        if checked.plan().runs_something() {
            self.launcher.wake()?;
        }
        // Once the release has its number, it is only run.
        let settings = self.ledger.settings(request.app)?;
        progress.begins(checked.plan());
        let prepared = self.prepare(request, checked, progress)?;
        let recorded = self.record(request, prepared)?;
        let running = self.launch(request, recorded, settings, progress)?;
        self.settle(request, running)
    }

    /// The plugins that have been called since this was asked the last time.
    fn plugins_called(&self) -> PluginsUsed {
        let mut all = self.policies.called();
        all.append(&mut self.providers.called());
        all
    }

    /// Plans and checks an operation, and does nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`], [`Failure::Nothing`], [`Failure::Ledger`].
    pub fn dry_run(
        &self,
        request: &Request<'_>,
        operation: &dyn Operation,
    ) -> Result<plan::Planned, Failure> {
        let moment = self.ledger.moment(request.app)?;
        let planned = self.plan(request, moment, operation)?;
        let mut warnings = Vec::new();
        let mut warn = |text: &str| warnings.push(text.to_owned());
        let mut planned = self.check(request, planned, &mut warn)?.into_planned();
        planned.plan.warnings.append(&mut warnings);
        Ok(planned)
    }
}

/// The history of one app in the ledger.
pub(crate) struct LedgerPast<'a> {
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) app: &'a AppName,
}

impl Past for LedgerPast<'_> {
    fn release(&self, version: Version) -> Result<Option<Release>, LedgerError> {
        self.ledger.release(self.app, version)
    }

    fn history(&self, before: Option<Version>, limit: usize) -> Result<Vec<Release>, LedgerError> {
        self.ledger.history(self.app, before, limit)
    }

    fn state_at(&self, version: Version) -> Result<crate::state::State, LedgerError> {
        self.ledger.state_at(self.app, version)
    }

    fn verdict(&self, version: Version) -> Result<Option<String>, LedgerError> {
        self.ledger.kept(self.app, version, Kept::Verdict)
    }

    fn addons_at(&self, version: Version) -> Result<crate::addon::Addons, LedgerError> {
        self.ledger.addons_at(self.app, version)
    }
}
