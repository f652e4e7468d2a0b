//! Sample values in one line each. Those that take a text panic where it is not legal, as a typing
//! error in a test should.

use std::collections::BTreeMap;

use slugline_core::actor::Actor;
use slugline_core::addon::{Addon, PlanName, ServiceName};
use slugline_core::app::{App, AppName};
use slugline_core::change::Change;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVar, ConfigVars, Owner};
use slugline_core::event::Event;
use slugline_core::port::{Ledger, NewRelease, Outcome, Settlement};
use slugline_core::price::Price;
use slugline_core::release::{PluginUsed, PluginsUsed, Version};
use slugline_core::resource::{Resource, ResourceId};
use slugline_core::slug::{Commit, Slug, SlugId, SourceId};
use slugline_core::state::State;
use slugline_core::time::Timestamp;

/// 2012-02-14T09:30:00Z, the instant at which samples happen.
pub const NOON: Timestamp = Timestamp(1_329_211_800_000);

/// The name of an app.
#[must_use]
pub fn name(text: &str) -> AppName {
    AppName::new(text).expect("a name for an app")
}

/// An app of `jim@example.com`.
#[must_use]
pub fn app(text: &str) -> App {
    App {
        name: name(text),
        owner: actor("jim@example.com"),
        created_at: NOON,
        branch: None,
    }
}

/// Somebody.
#[must_use]
pub fn actor(text: &str) -> Actor {
    Actor::new(text).expect("an actor")
}

/// The release `vN`.
#[must_use]
pub fn v(number: u64) -> Version {
    Version::new(number)
}

/// A commit, the same for the same number.
#[must_use]
pub fn commit(number: u64) -> Commit {
    Commit::new(&format!("{number:040x}")).expect("a commit")
}

/// A slug with a process `web`, the same for the same number; its commit is [`commit`] of it.
#[must_use]
pub fn slug(number: u64) -> Slug {
    Slug {
        id: SlugId::new(&format!("{number:064x}")).expect("a digest"),
        size: 8_300_000 + number,
        commit: commit(number),
        source: SourceId::new(&format!("{:064x}", number + 0x1000)).expect("a digest"),
        buildpack: "Python".to_owned(),
        processes: BTreeMap::from([("web".to_owned(), format!("python app.py {number}"))]),
        default_env: BTreeMap::from([("PYTHONUNBUFFERED".to_owned(), "1".to_owned())]),
    }
}

/// The name of a service.
#[must_use]
pub fn service(text: &str) -> ServiceName {
    ServiceName::new(text).expect("a service")
}

/// A plan, `service:plan`.
#[must_use]
pub fn plan(text: &str) -> PlanName {
    text.parse().expect("a plan")
}

/// The name of a config var.
#[must_use]
pub fn key(text: &str) -> ConfigKey {
    ConfigKey::new(text).expect("a key")
}

/// A config var that a person set, with its key.
#[must_use]
pub fn var(name: &str, value: &str) -> (ConfigKey, ConfigVar) {
    owned_var(name, value, Owner::User)
}

/// A config var that an add-on lends, with its key.
#[must_use]
pub fn lent_var(name: &str, value: &str, by: &str) -> (ConfigKey, ConfigVar) {
    owned_var(name, value, Owner::Addon(service(by)))
}

fn owned_var(name: &str, value: &str, owner: Owner) -> (ConfigKey, ConfigVar) {
    let key = key(name);
    let value = ConfigValue::new(&key, value).expect("a value without NUL");
    (key, ConfigVar { value, owner })
}

/// Config vars that a person set.
#[must_use]
pub fn vars(all: &[(&str, &str)]) -> ConfigVars {
    all.iter().map(|(name, value)| var(name, value)).collect()
}

/// An add-on of a plan; free where the plan is, $20 a month otherwise; with a resource unless it
/// is a tier.
#[must_use]
pub fn addon(text: &str) -> Addon {
    let plan = plan(text);
    let free = plan.plan() == "free" || plan.service().is_tier();
    let name = plan.service().as_str();
    let resource = (!plan.service().is_tier()).then(|| {
        let sum = name
            .bytes()
            .fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
        resource_id(sum)
    });
    Addon {
        price: Price::from_cents(if free { 0 } else { 2000 }),
        resource,
        plan,
    }
}

/// What an app is: code, config vars that a person set, add-ons by plan.
#[must_use]
pub fn state(slug: Option<Slug>, config: &[(&str, &str)], addons: &[&str]) -> State {
    let addons = addons.iter().map(|text| addon(text));
    State {
        slug,
        config: vars(config),
        addons: addons
            .map(|addon| (addon.plan.service().clone(), addon))
            .collect(),
    }
}

/// The name of a resource, the same for the same number.
#[must_use]
pub fn resource_id(number: u64) -> ResourceId {
    ResourceId::new(&format!("{number:032x}")).expect("an id")
}

/// A resource of a plan that lends `URL` and holds a port, if it is given one.
#[must_use]
pub fn resource(number: u64, text: &str, port: Option<u16>) -> Resource {
    let (key, var) = var("URL", &format!("tcp://127.0.0.1/{number}"));
    Resource {
        id: resource_id(number),
        plan: plan(text),
        options: BTreeMap::from([("size".to_owned(), number.to_string())]),
        config: BTreeMap::from([(key, var.value)]),
        process: port.map(|port| vec!["server".to_owned(), "-p".to_owned(), port.to_string()]),
        port,
    }
}

/// The change `Deploy`, of [`commit`].
#[must_use]
pub fn deploy(number: u64) -> Change {
    Change::Deploy {
        commit: commit(number),
    }
}

/// The change `Config add`, of one key.
#[must_use]
pub fn config_add(name: &str) -> Change {
    Change::ConfigAdd {
        keys: [key(name)].into(),
    }
}

/// Plugins that took part in a release, each as `name version`.
#[must_use]
pub fn plugins_used(plugins: &[&str]) -> PluginsUsed {
    let used = |text: &&str| {
        let (name, version) = text.split_once(' ').expect("a name and a version");
        PluginUsed {
            name: name.to_owned(),
            version: version.to_owned(),
            digest: format!("sha256:{:064x}", text.len()),
        }
    };
    plugins.iter().map(used).collect()
}

/// A settlement of a release that succeeded, at [`NOON`].
#[must_use]
pub fn succeeded(events: &[Event]) -> Settlement {
    Settlement {
        outcome: Outcome::Succeeded { code_pinned: false },
        at: NOON,
        events: events.to_vec(),
    }
}

/// A settlement of a release that failed, at [`NOON`].
#[must_use]
pub fn failed(reason: &str) -> Settlement {
    Settlement {
        outcome: Outcome::Failed(reason.to_owned()),
        at: NOON,
        events: Vec::new(),
    }
}

/// Records a release of `jim@example.com` at [`NOON`] and leaves it pending.
pub fn record(ledger: &dyn Ledger, app: &str, change: &Change, state: &State) -> Version {
    let release = NewRelease {
        change,
        actor: &actor("jim@example.com"),
        at: NOON,
        state,
        plugins: &PluginsUsed::new(),
    };
    ledger.record(&name(app), &release).expect("recorded")
}

/// Records a release and settles it as succeeded, without events.
pub fn release(ledger: &dyn Ledger, app: &str, change: &Change, state: &State) -> Version {
    let version = record(ledger, app, change, state);
    let settled = ledger.settle(&name(app), version, &succeeded(&[]));
    settled.expect("settled");
    version
}

/// Records a release and settles it as failed.
pub fn failing_release(ledger: &dyn Ledger, app: &str, change: &Change, state: &State) -> Version {
    let version = record(ledger, app, change, state);
    let settled = ledger.settle(&name(app), version, &failed("web.1 exited with status 1"));
    settled.expect("settled");
    version
}
