//! What is done outside of the ledger in the world: resources, slugs and processes.

use std::rc::Rc;

use slugline_core::addon::{Catalogue, PlanName};
use slugline_core::app::AppName;
use slugline_core::corridor::launch::RELEASE_PHASE;
use slugline_core::port::{
    ChangePlanRequest, CompileError, CompileRequest, Compiler, LaunchError, LaunchSpec, Launched,
    Launcher, Ledger, ProviderError, Providers, ProvisionRequest, Said,
};
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::{Provision, Resource, ResourceId};
use slugline_core::settings::Settings;
use slugline_core::slug::Slug;

use super::{Fails, Running, Script, World, built};
use crate::values::var;

fn broken(hook: &str) -> ProviderError {
    ProviderError::Broken {
        plugin: "memcache".to_owned(),
        hook: hook.to_owned(),
        cause: "told to".to_owned(),
    }
}

impl World {
    /// What a provider answers for a resource on a plan: an address that names both.
    fn answer(&self, id: &ResourceId, plan: &PlanName) -> Provision {
        let spec = self.catalogue.0.get(plan.service());
        let lent = spec.into_iter().flat_map(|spec| &spec.config);
        let lent = lent.map(|key| {
            let (key, var) = var(key.as_str(), &format!("{plan}@{id}"));
            (key, var.value)
        });
        let server = plan.service().as_str() == "db";
        Provision {
            config: lent.collect(),
            process: server.then(|| vec!["db".to_owned()]),
            ..Provision::default()
        }
    }
}

impl Providers for World {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn provision(&self, request: &ProvisionRequest<'_>) -> Result<Provision, ProviderError> {
        self.call("memcache");
        let fails = || broken("addon.provision");
        self.script.call("provision", fails, || {
            if self.failing(Fails::Provision) {
                return Err(fails());
            }
            let mut resources = self.resources.borrow_mut();
            resources.insert(request.id.clone(), request.plan.clone());
            Ok(self.answer(request.id, request.plan))
        })
    }

    fn change_plan(&self, request: &ChangePlanRequest<'_>) -> Result<Provision, ProviderError> {
        self.call("memcache");
        let fails = || broken("addon.change_plan");
        self.script.call("change_plan", fails, || {
            if self.failing(Fails::ChangePlan) {
                return Err(fails());
            }
            let id = &request.resource.id;
            let mut resources = self.resources.borrow_mut();
            resources.insert(id.clone(), request.plan.clone());
            Ok(self.answer(id, request.plan))
        })
    }

    fn deprovision(&self, _app: &AppName, resource: &Resource) -> Result<(), ProviderError> {
        self.call("memcache");
        let fails = || broken("addon.deprovision");
        self.script.call("deprovision", fails, || {
            if self.failing(Fails::Deprovision) {
                return Err(fails());
            }
            self.resources.borrow_mut().remove(&resource.id);
            Ok(())
        })
    }

    fn called(&self) -> PluginsUsed {
        self.called.take()
    }
}

impl Compiler for World {
    fn compile(
        &self,
        request: &CompileRequest<'_>,
        _line: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError> {
        let fails = || CompileError::Failed {
            buildpack: "Python".to_owned(),
            status: "exit status 1".to_owned(),
        };
        self.script.call("compile", fails, || {
            if self.failing(Fails::Compile) {
                return Err(fails());
            }
            let number = u64::from_str_radix(request.commit.as_str(), 16);
            let mut slug = built(number.expect("a commit of ours"), request.config);
            if self.release_phase.get() || self.failing(Fails::Release) {
                let phase = (RELEASE_PHASE.to_owned(), "migrate".to_owned());
                slug.processes.extend([phase]);
            }
            Ok(slug)
        })
    }
}

/// A release that waits for the switch. Where whoever launched it goes away without one, the
/// supervisor asks the ledger whether it is current by then.
struct Candidate {
    app: AppName,
    version: Version,
    running: Running,
    ledger: Rc<dyn Ledger>,
    script: Rc<Script>,
}

impl Candidate {
    fn take_over(&self) {
        let up = (self.version, true);
        self.running.borrow_mut().insert(self.app.clone(), up);
    }
}

impl Launched for Candidate {
    fn switch(self: Box<Self>) -> Result<(), LaunchError> {
        self.script.call("switch", unreachable, || {
            self.take_over();
            Ok(())
        })
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        let current = self.ledger.moment(&self.app).ok().and_then(|it| it.current);
        if current.is_some_and(|release| release.version == self.version) {
            self.take_over();
        }
    }
}

fn unreachable() -> LaunchError {
    LaunchError::Unreachable {
        what: "the supervisor does not answer".to_owned(),
        cause: Box::new(std::io::Error::other("told to fail")),
    }
}

impl Launcher for World {
    fn wake(&self) -> Result<(), LaunchError> {
        self.script.call("wake", unreachable, || Ok(()))
    }

    fn launch(
        &self,
        spec: &LaunchSpec,
        hear: &mut dyn FnMut(Said<'_>),
    ) -> Result<Box<dyn Launched>, LaunchError> {
        self.script.call("launch", unreachable, || {
            if spec.release_phase {
                hear(Said::Line("migrating"));
                if self.failing(Fails::Release) {
                    return Err(LaunchError::ReleasePhase {
                        reason: "release.1 exited with status 1".to_owned(),
                        log: vec!["migrating".to_owned()],
                    });
                }
                hear(Said::Released);
            }
            if self.failing(Fails::Launch) {
                return Err(LaunchError::Unhealthy {
                    reason: "web.1 exited with status 1".to_owned(),
                    log: vec!["last words".to_owned()],
                });
            }
            let candidate: Box<dyn Launched> = Box::new(Candidate {
                app: spec.app.clone(),
                version: spec.version,
                running: Rc::clone(&self.running),
                ledger: Rc::clone(&self.ledger),
                script: Rc::clone(&self.script),
            });
            Ok(candidate)
        })
    }

    fn run(&self, spec: &LaunchSpec) -> Result<(), LaunchError> {
        self.script.call("run", unreachable, || {
            let crashed = (spec.version, false);
            self.running.borrow_mut().insert(spec.app.clone(), crashed);
            Ok(())
        })
    }

    fn stop(&self, app: &AppName) -> Result<(), LaunchError> {
        self.script.call("stop", unreachable, || {
            self.running.borrow_mut().remove(app);
            Ok(())
        })
    }

    fn configure(&self, _: &AppName, _: &Settings) -> Result<(), LaunchError> {
        self.script.call("configure", unreachable, || Ok(()))
    }

    fn is_up(&self, app: &AppName) -> Result<bool, LaunchError> {
        let up = || Ok(self.running(app).is_some_and(|(_, up)| up));
        self.script.call("is_up", unreachable, up)
    }

    fn url(&self, app: &AppName) -> String {
        format!("http://{app}.localhost")
    }
}
