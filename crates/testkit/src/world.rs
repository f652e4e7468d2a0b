//! A world around the engine, in memory: each port does what it promises, remembers what it has
//! done, and can be told to fail. For tests of the engine over any ledger; what really runs is
//! tested end to end.
//!
//! It must not know what a change should lead to: that is for the test, or for
//! [`model`](crate::model), to say.

pub mod asks;
pub mod drive;
mod outside;
mod policies;
mod script;
mod scripted;
pub mod tiers;
pub mod trial;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use slugline_core::actor::Actor;
use slugline_core::addon::{Catalogue, PlanName, PlanSpec, ServiceSpec};
use slugline_core::app::AppName;
use slugline_core::bill::Bill;
use slugline_core::config::ConfigVars;
use slugline_core::corridor::{Done, Engine, Failure, Request, Silent};
use slugline_core::operation::Operation;
use slugline_core::port::{Keep, Ledger};
use slugline_core::price::Price;
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::ResourceId;
use slugline_core::slug::{Slug, SlugId};
use slugline_core::time::Timestamp;

use crate::MemoryLedger;
use crate::values::{actor, app, commit, key, name, plugins_used, service, slug};

pub use script::{Script, Wrong};
use scripted::Scripted;

/// Where the world is told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// A check refuses.
    Check,
    /// A check fails that the operator lets pass.
    AllowedCheck,
    /// A provider makes no resource.
    Provision,
    /// A provider moves no resource to another plan.
    ChangePlan,
    /// A build fails.
    Compile,
    /// What is launched does not become healthy.
    Launch,
    /// A release phase fails; every slug that is built meanwhile has one.
    Release,
    /// A tier does not say what it keeps.
    Keep,
    /// A hook does not hear.
    Announce,
    /// A provider destroys no resource.
    Deprovision,
}

/// What runs for each app, and whether it is up.
pub(crate) type Running = Rc<RefCell<BTreeMap<AppName, (Version, bool)>>>;

/// The world.
pub struct World {
    /// What is true.
    pub ledger: Rc<dyn Ledger>,
    /// What goes wrong with the calls of the engine, those of the ledger among them.
    pub script: Rc<Script>,
    scripted: Scripted,
    /// Resources that exist, with their plans.
    pub resources: RefCell<BTreeMap<ResourceId, PlanName>>,
    /// What any tier keeps; as [`tiers`] says where it is `None`.
    pub keep: RefCell<Option<Keep>>,
    /// What hooks were told, such as `created v1`.
    pub told: RefCell<Vec<String>>,
    /// How often hooks were told, or it was tried.
    pub attempts: Cell<u64>,
    /// The bills that were checked: of the app, and of its owner.
    pub bills: RefCell<Vec<(Bill, Bill)>>,
    /// The time.
    pub now: Cell<Timestamp>,
    /// Whether the slugs that are built have a release phase.
    pub release_phase: Cell<bool>,
    catalogue: Catalogue,
    fails: Cell<Option<Fails>>,
    running: Running,
    /// The plugins that were called and not asked for yet.
    called: RefCell<PluginsUsed>,
    ids: Cell<u64>,
}

impl World {
    /// A world over a ledger.
    #[must_use]
    pub fn over(ledger: Rc<dyn Ledger>) -> Self {
        let script = Rc::<Script>::default();
        let scripted = Scripted {
            ledger: Rc::clone(&ledger),
            script: Rc::clone(&script),
        };
        Self {
            ledger,
            script,
            scripted,
            resources: RefCell::default(),
            keep: RefCell::default(),
            told: RefCell::default(),
            attempts: Cell::new(0),
            bills: RefCell::default(),
            now: Cell::new(Timestamp(0)),
            release_phase: Cell::new(false),
            catalogue: catalogue(),
            fails: Cell::new(None),
            running: Rc::default(),
            called: RefCell::default(),
            ids: Cell::new(0x1000),
        }
    }

    /// A world over a ledger in memory, with an app `myapp` without a release.
    ///
    /// # Panics
    /// Never: the ledger is new.
    #[must_use]
    pub fn with_app() -> Self {
        let world = Self::over(Rc::new(MemoryLedger::default()));
        world
            .ledger
            .create_app(&app("myapp"))
            .expect("there is none");
        world
    }

    /// Fails at this step from now on.
    pub fn fail_at(&self, step: Option<Fails>) {
        self.fails.set(step);
    }

    /// What runs for an app, and whether it is up.
    #[must_use]
    pub fn running(&self, app: &AppName) -> Option<(Version, bool)> {
        self.running.borrow().get(app).copied()
    }

    /// What runs for an app comes up, or crashes.
    pub fn set_up(&self, app: &AppName, up: bool) {
        let mut running = self.running.borrow_mut();
        running.entry(app.clone()).and_modify(|it| it.1 = up);
    }

    fn call(&self, plugin: &str) {
        let used = plugins_used(&[&format!("{plugin} 1.0.0")]);
        self.called.borrow_mut().extend(used);
    }

    fn failing(&self, step: Fails) -> bool {
        self.fails.get() == Some(step)
    }

    /// The engine in this world.
    #[must_use]
    pub fn engine(&self) -> Engine<'_> {
        Engine {
            ledger: &self.scripted,
            policies: self,
            providers: self,
            compiler: self,
            launcher: self,
            clock: self,
            ids: self,
        }
    }

    /// Makes a change of `myapp` and delivers the outbox.
    ///
    /// # Errors
    /// Those of the engine.
    ///
    /// # Panics
    /// Where the ledger fails while the outbox is delivered.
    pub fn change(&self, operation: &dyn Operation) -> Result<Done, Failure> {
        let (app, actor) = (name("myapp"), actor("jim@example.com"));
        let done = self
            .engine()
            .change(&request(&app, &actor), operation, &mut Silent);
        self.engine().announce(&app).expect("the ledger answers");
        done
    }

    /// The numbers and status words of the history of `myapp`, newest first.
    ///
    /// # Panics
    /// Where the ledger fails.
    #[must_use]
    pub fn history(&self) -> Vec<String> {
        let all = self.ledger.history(&name("myapp"), None, usize::MAX);
        let all = all.expect("the ledger answers");
        all.iter()
            .map(|r| format!("{} {}", r.version, r.status.word()))
            .collect()
    }

    /// The resources of `myapp` that the ledger lists, whether or not an add-on refers to them.
    ///
    /// # Panics
    /// Where the ledger fails.
    #[must_use]
    pub fn listed(&self) -> BTreeSet<ResourceId> {
        let all = self.ledger.resources(&name("myapp"));
        let all = all.expect("the ledger answers");
        all.into_iter().map(|resource| resource.id).collect()
    }
}

/// A request that depends on nothing.
#[must_use]
pub fn request<'a>(app: &'a AppName, actor: &'a Actor) -> Request<'a> {
    Request {
        app,
        actor,
        confirmed: false,
        if_current: None,
        wait: true,
    }
}

/// The slug of a commit of [`commit`] compiled with these config vars. The build reads `BUILD`
/// alone, and leaves what it read in the slug's environment.
#[must_use]
pub fn built(number: u64, config: &ConfigVars) -> Slug {
    let read = config.get(&key("BUILD"));
    let read = read.map_or("", |var| var.value.reveal());
    let sum = read
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    let digits = format!("{number:032x}{sum:032x}");
    Slug {
        id: SlugId::new(&digits).expect("a digest"),
        commit: commit(number),
        default_env: BTreeMap::from([("BUILD".to_owned(), read.to_owned())]),
        ..slug(number)
    }
}

/// What can be added: `memcache` and `cache`, which lend the same key; `db`, which has a server; and
/// the tiers of [`tiers`].
fn catalogue() -> Catalogue {
    let spec = |default: Option<&str>, keys: &[&str], plans: &[(&str, u64)]| ServiceSpec {
        summary: String::new(),
        default: default.map(str::to_owned),
        config: keys.iter().map(|k| key(k)).collect(),
        plans: plans
            .iter()
            .map(|(name, cents)| {
                let plan = PlanSpec {
                    price: Price::from_cents(*cents),
                    summary: String::new(),
                };
                ((*name).to_owned(), plan)
            })
            .collect(),
    };
    let cache = &[("free", 0), ("100mb", 2000)];
    let tiers = tiers::NAMES.map(|tier| (tier, 0));
    let services = [
        (
            "memcache",
            Some("free"),
            &["MEMCACHE_SERVERS"][..],
            &cache[..],
        ),
        ("cache", Some("free"), &["MEMCACHE_SERVERS"], &[("free", 0)]),
        (
            "db",
            Some("dev"),
            &["DATABASE_URL"],
            &[("dev", 0), ("ronin", 20_000), ("fugu", 40_000)],
        ),
        ("releases", None, &[], &tiers),
    ];
    let services =
        services.map(|(name, default, keys, plans)| (service(name), spec(default, keys, plans)));
    Catalogue(services.into())
}
