//! A model of what releases are: the rules of `docs/semantics.md` as plain data and plain functions,
//! to be held against the engine. One command is one function; nothing is stored, planned or undone
//! in steps, and every release holds all that it is a snapshot of.
//!
//! It must not know the engine, its plans, its ledger or its types: only the rules, the commands
//! that are given to both, and where the world is told to fail.

pub mod command;
mod keep;
pub mod picture;
mod rollback;
mod settle;
mod watch;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use crate::world::Fails;
pub use command::{Answer, Command, Guess, Half, Number, Says, Verb};
use wish::Wish;

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The time, in milliseconds.
    pub now: i64,
    apps: BTreeMap<&'static str, App>,
    /// Resources that the ledger lists, of apps that are gone too.
    resources: BTreeMap<u64, (&'static str, String)>,
    /// Resources that exist, with their plans.
    exist: BTreeMap<u64, String>,
    used: Vec<Used>,
    told: Vec<String>,
}

/// A time during which an app had an add-on (S28).
#[derive(Clone, Debug)]
struct Used {
    app: &'static str,
    owner: &'static str,
    plan: String,
    from: i64,
    to: Option<i64>,
}

#[derive(Clone, Debug, Default)]
struct App {
    owner: &'static str,
    last: u64,
    current: Option<u64>,
    /// Those that are kept.
    releases: BTreeMap<u64, Release>,
    /// What it is now: the current release's, and a first tier that made none (S9).
    state: State,
    /// The newest deploy that succeeded (S22).
    deployed: Option<(u64, Code)>,
    code_pinned: bool,
    /// What runs, and whether it is up.
    running: Option<(u64, bool)>,
    outbox: Vec<Task>,
}

#[derive(Clone, Debug)]
struct Release {
    change: String,
    actor: &'static str,
    at: i64,
    /// Why it failed, if it did.
    failed: Option<&'static str>,
    /// Whether it went bad after it took over.
    bad: bool,
    state: State,
    pinned: bool,
}

/// What a release is a snapshot of (S3).
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    code: Option<Code>,
    /// Values and owners: an add-on, or nobody but the user (S8).
    config: BTreeMap<String, (String, Option<String>)>,
    /// Plans and resources, by service.
    addons: BTreeMap<String, (String, Option<u64>)>,
}

/// Compiled code: its source, and what the build read (S23).
#[derive(Clone, Debug, PartialEq)]
struct Code {
    source: u64,
    read: String,
}

/// What is done after a release (S13, S27).
#[derive(Clone, Debug, PartialEq)]
enum Task {
    Tell(String),
    Destroy(u64),
    Prune,
}

/// The price of a plan, in cents a month.
fn price(plan: &str) -> u64 {
    match plan {
        "memcache:100mb" => 2000,
        "db:ronin" => 20_000,
        "db:fugu" => 40_000,
        _ => 0,
    }
}

fn service(plan: &str) -> &str {
    plan.split(':').next().unwrap_or(plan)
}

/// The key that a service lends.
fn lends(service: &str) -> Option<&'static str> {
    match service {
        "memcache" | "cache" => Some("MEMCACHE_SERVERS"),
        "db" => Some("DATABASE_URL"),
        _ => None,
    }
}

impl State {
    fn tier(&self) -> Option<&str> {
        self.addons.get("releases").map(|(plan, _)| plan.as_str())
    }

    /// The config vars that people set.
    fn own(&self) -> BTreeMap<String, String> {
        let own = self.config.iter().filter(|(_, (_, owner))| owner.is_none());
        own.map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether there is a process to run: code, or the server of an add-on.
    fn runs(&self) -> bool {
        self.code.is_some() || self.addons.contains_key("db")
    }
}

/// A state of these halves, with the vars that its resources lend as they are now (S19).
fn state_of(
    code: Option<Code>,
    own: &BTreeMap<String, String>,
    addons: &BTreeMap<String, (String, Option<u64>)>,
) -> State {
    let own = own
        .iter()
        .map(|(key, value)| (key.clone(), (value.clone(), None)));
    let lent = addons.iter().filter_map(|(service, (plan, id))| {
        let value = format!("{plan}@{:032x}", (*id)?);
        Some((lends(service)?.to_owned(), (value, Some(service.clone()))))
    });
    State {
        code,
        config: own.chain(lent).collect(),
        addons: addons.clone(),
    }
}

impl App {
    /// The releases that succeeded before a release, newest first.
    fn before(&self, version: u64) -> impl Iterator<Item = u64> {
        let before = self.releases.range(..version).rev();
        let good = before.filter(|(_, release)| release.failed.is_none());
        good.map(|(version, _)| *version)
    }

    /// Whether it runs other code than that of its newest deploy (S22).
    fn rolled_back(&self) -> bool {
        let runs = self.state.code.as_ref().map(|code| code.source);
        self.deployed.as_ref().map(|(_, code)| code.source) != runs
    }

    fn up(&self) -> bool {
        self.running.is_some_and(|(_, up)| up)
    }
}

impl Model {
    /// The newest number that an app has used; 0 before the first.
    #[must_use]
    pub fn last(&self, app: &str) -> u64 {
        self.apps.get(app).map_or(0, |app| app.last)
    }

    /// The current release of an app; 0 where there is none.
    #[must_use]
    pub fn current(&self, app: &str) -> u64 {
        let app = self.apps.get(app);
        app.and_then(|app| app.current).unwrap_or_default()
    }

    /// Does what is asked, delivers what is to be done afterwards, and answers.
    pub fn obey(&mut self, command: &Command) -> Answer {
        let answer = self.answer(command);
        let answer = answer.unwrap_or_else(|answer| answer);
        self.deliver(command.app, command.fails);
        answer
    }

    fn answer(&mut self, command: &Command) -> Result<Answer, Answer> {
        let name = command.app;
        if matches!(command.verb, Verb::Create) {
            return self.create(command);
        }
        let Some(app) = self.apps.get(name) else {
            return Err(Answer::new("no app"));
        };
        // Nobody guesses in the name of the daemon.
        let guesses = !matches!(command.verb, Verb::GoBad);
        if guesses && command.guess == Some(Guess::Wrong) {
            return Err(Answer::refused([Says::Something]));
        }
        let tier = app.state.tier().map(str::to_owned);
        match &command.verb {
            Verb::Destroy => Ok(self.destroy(command)),
            Verb::Unpin if !app.code_pinned => Err(Answer::nothing(Says::exactly(
                "No rolled-back code is pinned.",
            ))),
            Verb::Unpin => {
                self.app(name).code_pinned = false;
                Ok(Answer::new("done"))
            }
            Verb::Keep(number, pinned) => {
                let version = number.of(app.last);
                app.kept(version)?;
                let release = self.app(name).releases.get_mut(&version);
                let release = release.ok_or_else(|| Answer::new("no release"))?;
                if release.pinned == *pinned {
                    let is = if *pinned {
                        "is pinned already"
                    } else {
                        "is not pinned"
                    };
                    return Err(Answer::nothing(Says::exactly(&format!("v{version} {is}."))));
                }
                release.pinned = *pinned;
                Ok(Answer::new("done"))
            }
            Verb::Prune if tier.is_none() => Err(Answer::refused([keep::no_tier()])),
            Verb::Prune if command.fails == Some(Fails::Keep) => {
                Err(Answer::refused([Says::Something]))
            }
            Verb::Prune => Ok(Answer::new(format!("pruned {:?}", self.prune(name)))),
            Verb::Restart => self.restart(command),
            Verb::GoBad => self.go_bad(command),
            Verb::Add(plan) if wish::is_tier(plan)? && tier.is_none() => {
                let wish = Wish::of(app, command)?;
                self.check(command, &wish)?;
                let plan = (*plan).to_owned();
                let addons = &mut self.app(name).state.addons;
                addons.insert("releases".to_owned(), (plan.clone(), None));
                self.account(name);
                Ok(Answer::new(format!("first tier {plan}")))
            }
            _ => {
                let wish = Wish::of(app, command)?;
                self.check(command, &wish)?;
                self.change(command, wish)
            }
        }
    }

    fn app(&mut self, name: &'static str) -> &mut App {
        self.apps.entry(name).or_default()
    }

    fn create(&mut self, command: &Command) -> Result<Answer, Answer> {
        if self.apps.contains_key(command.app) {
            return Err(Answer::refused([Says::Something]));
        }
        self.app(command.app).owner = command.actor;
        Ok(Answer::new("done"))
    }

    /// Ends an app. A resource that cannot be destroyed stays listed.
    fn destroy(&mut self, command: &Command) -> Answer {
        let of_app = |(_, (app, _)): &(&u64, &(&str, String))| *app == command.app;
        let ids: BTreeSet<u64> = self
            .resources
            .iter()
            .filter(of_app)
            .map(|(id, _)| *id)
            .collect();
        let mut left = ids.len();
        if command.fails != Some(Fails::Deprovision) {
            self.resources.retain(|id, _| !ids.contains(id));
            self.exist.retain(|id, _| !ids.contains(id));
            left = 0;
        }
        self.apps.remove(command.app);
        self.account(command.app);
        Answer::new(format!("destroyed but {left}"))
    }

    fn restart(&mut self, command: &Command) -> Result<Answer, Answer> {
        let app = self.app(command.app);
        let current = app.current.unwrap_or_default();
        if !app.state.runs() {
            return Err(Answer::refused([Says::Something]));
        }
        if command.fails != Some(Fails::Launch) {
            app.running = Some((current, true));
            return Ok(Answer::new(format!("restarted v{current}")));
        }
        // What serves is not replaced by what does not (S30).
        if !app.up() {
            app.running = Some((current, false));
        }
        Err(Answer::new(format!(
            "unhealthy v{current}, v{current} runs"
        )))
    }
}
