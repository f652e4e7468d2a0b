//! What changes an app without making a release: creating and destroying it, its first tier, its
//! pin, a restart.

use super::launch::launch_spec;
use super::plan::refuse_stale;
use super::{Engine, Failure, Progress, Request};
use crate::addon::{Addon, Found};
use crate::app::{App, AppName};
use crate::journal::Effect;
use crate::operation::addons::Add;
use crate::port::{LaunchError, LedgerError, ResourceChange};
use crate::refusal::Refusal;
use crate::release::Version;
use crate::webhook::{Action, By, Happening};

impl Engine<'_> {
    /// Creates an app, without a release.
    ///
    /// # Errors
    /// [`Failure::Refused`] where the name is taken, [`Failure::Ledger`].
    pub fn create_app(&self, request: &Request<'_>) -> Result<App, Failure> {
        let created_at = self.clock.now();
        let (name, owner) = (request.app.clone(), request.actor.clone());
        let app = App {
            name,
            owner,
            created_at,
            branch: None,
        };
        match self.ledger.create_app(&app) {
            Ok(()) => Ok(app),
            Err(error @ LedgerError::NameTaken(_)) => Err(Refusal::new(error.to_string()).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends an app's processes, destroys its resources and forgets it. Answers a line for each
    /// resource that could not be destroyed; they stay in the ledger.
    ///
    /// # Errors
    /// [`Failure::Launch`] where its processes cannot be ended; the app is whole then.
    pub fn destroy_app(
        &self,
        request: &Request<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<String>, Failure> {
        let (_lock, moment) = self.enter(request, "Destroy", progress)?;
        refuse_stale(&moment, request)?;
        // From here on whoever comes after a death goes on.
        let places = self.ledger.begin_effects(request.app, &[Effect::Destroy])?;
        if let Err(error) = self.launcher.stop(request.app) {
            for place in places {
                self.ledger
                    .step_effect(request.app, place, None, ResourceChange::None)?;
            }
            return Err(error.into());
        }
        Ok(self.destroy_all(request.app)?)
    }

    /// Whether adding this plan makes it the app's first tier, which makes no release (S9).
    ///
    /// # Errors
    /// [`Failure::Refused`] where there is no such plan, [`Failure::Ledger`].
    pub fn is_first_tier(&self, app: &AppName, plan: &str) -> Result<bool, Failure> {
        let found = self.find_plan(plan)?;
        Ok(found.plan.service().is_tier() && self.ledger.outline(app)?.tier().is_none())
    }

    /// Makes a plan of the `releases` service the app's first tier (S9).
    ///
    /// # Errors
    /// [`Failure::Refused`] where it has one by now or a check forbids it.
    pub fn install_first_tier(
        &self,
        request: &Request<'_>,
        add: &Add,
        progress: &mut dyn Progress,
    ) -> Result<Addon, Failure> {
        let (_lock, moment) = self.enter(request, "Add-on add releases", progress)?;
        let planned = self.plan(request, moment, add)?;
        let checked = self.check(request, planned, &mut |text| progress.warning(text))?;
        let planned = checked.into_planned();
        let tier = crate::addon::ServiceName::tier();
        let Some(addon) = planned.plan.addons.get(&tier).cloned() else {
            return Err(Refusal::new(format!("{} is not a release tier", add.plan)).into());
        };
        let at = self.clock.now();
        self.ledger.install_first_tier(request.app, &addon, at)?;
        let what = Happening::Addon {
            action: Action::Create,
            plan: addon.plan.clone(),
            price: addon.price,
            resource: None,
            was: None,
        };
        let actor = request.actor.clone();
        self.ledger
            .announce(request.app, &[what], &By { actor, at })?;
        Ok(addon)
    }

    /// Lets events that recompile take the app off rolled-back code again (S22).
    ///
    /// # Errors
    /// [`Failure::Nothing`] where nothing is pinned.
    pub fn unpin(&self, request: &Request<'_>, progress: &mut dyn Progress) -> Result<(), Failure> {
        let (_lock, moment) = self.enter(request, "Unpin", progress)?;
        refuse_stale(&moment, request)?;
        if !moment.code_pinned {
            return Err(Failure::Nothing(
                "No rolled-back code is pinned.".to_owned(),
            ));
        }
        Ok(self.ledger.set_code_pinned(request.app, false)?)
    }

    /// Starts the current release's processes anew, the old ones serving until they are up.
    /// Answers the release.
    ///
    /// # Errors
    /// [`Failure::Refused`] where there is nothing to run, [`Failure::Unhealthy`] where it does
    /// not come up; what ran runs on then.
    pub fn restart(
        &self,
        request: &Request<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Version, Failure> {
        let (_lock, moment) = self.enter(request, "Restart", progress)?;
        refuse_stale(&moment, request)?;
        let resources = self.resources_of(request, &moment.state.addons)?;
        let version = moment
            .current
            .as_ref()
            .map(|release| release.version)
            .unwrap_or_default();
        let spec = launch_spec(
            request.app,
            version,
            &moment.state,
            resources.values(),
            self.ledger.settings(request.app)?,
        );
        if spec.is_empty() {
            let refusal = Refusal::new(format!("{} has nothing to run yet", request.app));
            return Err(refusal.hint("Deploy it: git push slugline main").into());
        }
        match self.launcher.launch(&spec, &mut |_| {}) {
            Ok(launched) => launched.switch()?,
            Err(LaunchError::Unhealthy { reason, log }) => {
                if !self.launcher.is_up(request.app)? {
                    self.launcher.run(&spec)?;
                }
                return Err(Failure::Unhealthy {
                    version,
                    reason,
                    log,
                    current: version,
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(version)
    }

    fn find_plan(&self, plan: &str) -> Result<Found<'_>, Failure> {
        self.providers
            .catalogue()
            .find(plan)
            .map_err(|error| Refusal::from(error).into())
    }
}
