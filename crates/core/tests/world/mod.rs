//! A world around the engine, in memory: each port does what it promises, remembers what it has
//! done, and can be told to fail. For tests of the corridor; what really runs is tested end to end.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use slugline_core::actor::Actor;
use slugline_core::addon::{Catalogue, PlanName, PlanSpec, ServiceSpec};
use slugline_core::app::AppName;
use slugline_core::bill::Bill;
use slugline_core::corridor::{Done, Engine, Failure, Request, Silent};
use slugline_core::event::Event;
use slugline_core::operation::Operation;
use slugline_core::port::{
    Announcement, Answers, ChangePlanRequest, Clock, CompileError, CompileRequest, Compiler,
    HistoryEntry, Ids, Keep, LaunchError, LaunchSpec, Launched, Launcher, Ledger, Objection,
    Policies, PolicyError, Proposal, ProviderError, Providers, ProvisionRequest, RollbackRequest,
};
use slugline_core::price::Price;
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::{Provision, Resource, ResourceId};
use slugline_core::slug::Slug;
use slugline_core::time::Timestamp;
use slugline_testkit::MemoryLedger;
use slugline_testkit::values::{actor, app, key, name, plugins_used, resource_id, service, var};

/// Where the world is told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    Check,
    AllowedCheck,
    Provision,
    Compile,
    Launch,
    Keep,
    Announce,
    Deprovision,
}

/// The world.
pub(crate) struct World {
    pub(crate) ledger: MemoryLedger,
    catalogue: Catalogue,
    fails: Cell<Option<Fails>>,
    /// Resources that exist, with their plans.
    pub(crate) resources: RefCell<BTreeMap<ResourceId, PlanName>>,
    /// What runs, and gets the requests.
    pub(crate) running: Rc<Cell<Option<Version>>>,
    /// Whether what runs is up.
    pub(crate) up: Cell<bool>,
    /// What a tier keeps.
    pub(crate) keep: RefCell<Keep>,
    /// The events that were told, by their Debug name.
    pub(crate) told: RefCell<Vec<String>>,
    /// How often hooks were told, or it was tried.
    pub(crate) attempts: Cell<u64>,
    /// The bills that were checked: of the app, and of its owner.
    pub(crate) bills: RefCell<Vec<(Bill, Bill)>>,
    /// The plugins that were called and not asked for yet.
    called: RefCell<PluginsUsed>,
    ids: Cell<u64>,
}

impl World {
    /// An app `myapp` without a release.
    pub(crate) fn new() -> Self {
        let ledger = MemoryLedger::default();
        ledger.create_app(&app("myapp")).unwrap();
        Self {
            ledger,
            catalogue: catalogue(),
            fails: Cell::new(None),
            resources: RefCell::default(),
            running: Rc::default(),
            up: Cell::new(true),
            keep: RefCell::new(Keep::All),
            told: RefCell::default(),
            attempts: Cell::new(0),
            bills: RefCell::default(),
            called: RefCell::default(),
            ids: Cell::new(0x1000),
        }
    }

    /// Fails at this step from now on.
    pub(crate) fn fail_at(&self, step: Option<Fails>) {
        self.fails.set(step);
    }

    fn call(&self, plugin: &str) {
        let used = plugins_used(&[&format!("{plugin} 1.0.0")]);
        self.called.borrow_mut().extend(used);
    }

    fn failing(&self, step: Fails) -> bool {
        self.fails.get() == Some(step)
    }

    pub(crate) fn engine(&self) -> Engine<'_> {
        Engine {
            ledger: &self.ledger,
            policies: self,
            providers: self,
            compiler: self,
            launcher: self,
            clock: self,
            ids: self,
        }
    }

    /// Makes a change and delivers the outbox.
    pub(crate) fn change(&self, operation: &dyn Operation) -> Result<Done, Failure> {
        let (app, actor) = (name("myapp"), actor("jim@example.com"));
        let done = self
            .engine()
            .change(&request(&app, &actor), operation, &mut Silent);
        self.engine().announce(&app).unwrap();
        done
    }

    /// The numbers and status words of the history, newest first.
    pub(crate) fn history(&self) -> Vec<String> {
        let all = self
            .ledger
            .history(&name("myapp"), None, usize::MAX)
            .unwrap();
        all.iter()
            .map(|r| format!("{} {}", r.version, r.status.word()))
            .collect()
    }

    /// Names of resources that the ledger lists, whether or not an add-on refers to them.
    pub(crate) fn listed(&self) -> BTreeSet<ResourceId> {
        let all = self.ledger.resources(&name("myapp")).unwrap();
        all.into_iter().map(|resource| resource.id).collect()
    }
}

pub(crate) fn request<'a>(app: &'a AppName, actor: &'a Actor) -> Request<'a> {
    Request {
        app,
        actor,
        confirmed: false,
        if_current: None,
        wait: true,
    }
}

fn catalogue() -> Catalogue {
    let plan = |cents| PlanSpec {
        price: Price::from_cents(cents),
        summary: String::new(),
    };
    let spec = |default: Option<&str>, keys: &[&str], plans: &[(&str, u64)]| ServiceSpec {
        summary: String::new(),
        default: default.map(str::to_owned),
        config: keys.iter().map(|k| key(k)).collect(),
        plans: plans
            .iter()
            .map(|(n, cents)| ((*n).to_owned(), plan(*cents)))
            .collect(),
    };
    let memcache = spec(
        Some("free"),
        &["MEMCACHE_SERVERS"],
        &[("free", 0), ("100mb", 2000)],
    );
    let releases = spec(None, &[], &[("basic", 0), ("advanced", 0)]);
    Catalogue(
        [
            (service("memcache"), memcache),
            (service("releases"), releases),
        ]
        .into(),
    )
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

impl Ids for World {
    fn resource(&self) -> ResourceId {
        self.ids.set(self.ids.get() + 1);
        resource_id(self.ids.get())
    }
}

impl Policies for World {
    fn check(&self, proposal: &Proposal<'_>) -> Answers {
        self.call("cap");
        if let (Some(app), Some(owner)) = (proposal.bill, proposal.owner_bill) {
            self.bills.borrow_mut().push((app, owner));
        }
        let objects = self.failing(Fails::Check);
        let objection = |reason: String| Objection {
            plugin: "cap".to_owned(),
            reason,
        };
        let objections = objects.then(|| objection(format!("no {}", proposal.change)));
        let failure = |plugin: &str| PolicyError {
            plugin: plugin.to_owned(),
            hook: "release.check".to_owned(),
            cause: "oh".to_owned(),
        };
        let fails = self.failing(Fails::AllowedCheck);
        Answers {
            objections: objections.into_iter().collect(),
            failures: fails.then(|| failure("cap")).into_iter().collect(),
        }
    }

    fn keep(
        &self,
        _tier: &PlanName,
        history: &mut dyn FnMut() -> Vec<HistoryEntry>,
    ) -> Result<Keep, PolicyError> {
        self.call("releases");
        if self.failing(Fails::Keep) {
            let (plugin, hook) = ("releases".to_owned(), "tier.keep".to_owned());
            return Err(PolicyError {
                plugin,
                hook,
                cause: "attempt to call nil".to_owned(),
            });
        }
        history();
        Ok(self.keep.borrow().clone())
    }

    fn may_rollback(&self, _: &PlanName, request: &RollbackRequest) -> Result<(), Objection> {
        self.call("releases");
        match request.steps {
            0..=3 => Ok(()),
            n => Err(Objection {
                plugin: "releases".to_owned(),
                reason: format!("{n} steps"),
            }),
        }
    }

    fn called(&self) -> PluginsUsed {
        self.called.take()
    }

    fn announce(&self, announcement: &Announcement<'_>) -> Result<(), PolicyError> {
        self.call("hook");
        self.attempts.set(self.attempts.get() + 1);
        if self.failing(Fails::Announce) {
            let (plugin, hook) = ("hook".to_owned(), "release.created".to_owned());
            return Err(PolicyError {
                plugin,
                hook,
                cause: "no answer".to_owned(),
            });
        }
        let told = match announcement.event {
            Event::ReleaseCreated(subject) => format!("created {}", subject.version),
            Event::ReleaseFailed { subject, .. } => format!("failed {}", subject.version),
            Event::AddonChanged { after, .. } => format!("changed {after:?}"),
            other => panic!("{other:?} is not for hooks"),
        };
        self.told.borrow_mut().push(told);
        Ok(())
    }
}

fn broken(hook: &str) -> ProviderError {
    let (plugin, cause) = ("memcache".to_owned(), "told to".to_owned());
    ProviderError::Broken {
        plugin,
        hook: hook.to_owned(),
        cause,
    }
}

impl Providers for World {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn provision(&self, request: &ProvisionRequest<'_>) -> Result<Provision, ProviderError> {
        self.call("memcache");
        if self.failing(Fails::Provision) {
            return Err(broken("addon.provision"));
        }
        self.resources
            .borrow_mut()
            .insert(request.id.clone(), request.plan.clone());
        let (key, var) = var("MEMCACHE_SERVERS", request.id.as_str());
        Ok(Provision {
            config: [(key, var.value)].into(),
            ..Provision::default()
        })
    }

    fn change_plan(&self, request: &ChangePlanRequest<'_>) -> Result<Provision, ProviderError> {
        self.call("memcache");
        let id = request.resource.id.clone();
        self.resources.borrow_mut().insert(id, request.plan.clone());
        Ok(Provision {
            config: request.resource.config.clone(),
            ..Provision::default()
        })
    }

    fn called(&self) -> PluginsUsed {
        self.called.take()
    }

    fn deprovision(&self, _app: &AppName, resource: &Resource) -> Result<(), ProviderError> {
        self.call("memcache");
        if self.failing(Fails::Deprovision) {
            return Err(broken("addon.deprovision"));
        }
        self.resources.borrow_mut().remove(&resource.id);
        Ok(())
    }
}

impl Compiler for World {
    fn compile(
        &self,
        request: &CompileRequest<'_>,
        _line: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError> {
        if self.failing(Fails::Compile) {
            let (buildpack, status) = ("Python".to_owned(), "exit status 1".to_owned());
            return Err(CompileError::Failed { buildpack, status });
        }
        let number = u64::from_str_radix(request.commit.as_str(), 16).unwrap();
        Ok(slugline_testkit::values::slug(number))
    }
}

struct Candidate {
    version: Version,
    running: Rc<Cell<Option<Version>>>,
}

impl Launched for Candidate {
    fn switch(self: Box<Self>) -> Result<(), LaunchError> {
        self.running.set(Some(self.version));
        Ok(())
    }
}

impl Launcher for World {
    fn wake(&self) -> Result<(), LaunchError> {
        Ok(())
    }

    fn launch(&self, spec: &LaunchSpec) -> Result<Box<dyn Launched>, LaunchError> {
        if self.failing(Fails::Launch) {
            let reason = "web.1 exited with status 1".to_owned();
            return Err(LaunchError::Unhealthy {
                reason,
                log: vec!["last words".to_owned()],
            });
        }
        let running = Rc::clone(&self.running);
        Ok(Box::new(Candidate {
            version: spec.version,
            running,
        }))
    }

    fn run(&self, spec: &LaunchSpec) -> Result<(), LaunchError> {
        self.running.set(Some(spec.version));
        self.up.set(false);
        Ok(())
    }

    fn stop(&self, _app: &AppName) -> Result<(), LaunchError> {
        self.running.set(None);
        Ok(())
    }

    fn is_up(&self, _app: &AppName) -> Result<bool, LaunchError> {
        Ok(self.up.get())
    }

    fn url(&self, app: &AppName) -> String {
        format!("http://{app}.localhost")
    }
}
