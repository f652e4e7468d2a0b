//! A small world to plan in: an app built up release by release, in memory. For the tests of the
//! rules only; it must not know the corridor.

use std::collections::{BTreeMap, BTreeSet};

use super::{NotPlanned, Operation, Past, Plan, View};
use crate::actor::Actor;
use crate::addon::{Addon, Addons, Catalogue, PlanSpec, ServiceName, ServiceSpec};
use crate::app::{App, AppName};
use crate::change::Change;
use crate::config::{ConfigKey, ConfigValue, ConfigVar, Owner};
use crate::port::{Deployed, LedgerError, Moment};
use crate::price::Price;
use crate::refusal::Refusal;
use crate::release::{Release, Status, Version};
use crate::resource::{Options, Resource, ResourceId};
use crate::slug::{Commit, Slug, SlugId, SourceId};
use crate::state::State;
use crate::time::Timestamp;

pub(crate) fn key(text: &str) -> ConfigKey {
    ConfigKey::new(text).unwrap()
}

pub(crate) fn value(text: &str) -> ConfigValue {
    ConfigValue::new(&key("K"), text).unwrap()
}

pub(crate) fn resource_id(digit: char) -> ResourceId {
    ResourceId::new(&digit.to_string().repeat(32)).unwrap()
}

/// The slug whose digests all consist of one hexadecimal digit.
pub(crate) fn slug(digit: char) -> Slug {
    let hex = |length: usize| digit.to_string().repeat(length);
    Slug {
        id: SlugId::new(&hex(64)).unwrap(),
        size: 1,
        commit: Commit::new(&hex(40)).unwrap(),
        source: SourceId::new(&hex(64)).unwrap(),
        buildpack: "Procfile".to_owned(),
        processes: BTreeMap::from([("web".to_owned(), "true".to_owned())]),
        default_env: BTreeMap::new(),
    }
}

/// What a refused plan says: each text and its hint, joined by `|`.
pub(crate) fn refused(result: Result<Plan, NotPlanned>) -> String {
    let Err(NotPlanned::Refused(refusals)) = result else {
        panic!("{result:?}")
    };
    let whole = |refusal: Refusal| [Some(refusal.text), refusal.hint];
    let lines = refusals.into_iter().flat_map(whole).flatten();
    lines.collect::<Vec<_>>().join("|")
}

fn catalogue() -> Catalogue {
    let plan = |price| PlanSpec {
        price,
        summary: String::new(),
    };
    let service = |default: Option<&str>, keys: &[&str], plans: &[(&str, u64)]| ServiceSpec {
        summary: String::new(),
        default: default.map(str::to_owned),
        config: keys.iter().map(|k| key(k)).collect::<BTreeSet<_>>(),
        plans: plans
            .iter()
            .map(|(n, c)| ((*n).to_owned(), plan(Price::from_cents(*c))))
            .collect(),
    };
    let name = |text| ServiceName::new(text).unwrap();
    let memcache = service(
        Some("free"),
        &["MEMCACHE_SERVERS"],
        &[("free", 0), ("100mb", 2000)],
    );
    let releases = service(None, &[], &[("basic", 0), ("advanced", 0)]);
    Catalogue([(name("memcache"), memcache), (name("releases"), releases)].into())
}

/// An app in the making; each step but the first four makes a release.
#[derive(Clone, Default)]
pub(crate) struct World {
    state: State,
    resources: BTreeMap<ServiceName, Resource>,
    past: Vec<(Release, State)>,
    newest_deploy: Option<Deployed>,
    pinned: bool,
    bad: BTreeSet<u64>,
}

impl World {
    pub(crate) fn config(mut self, vars: &[(&str, &str)]) -> Self {
        for (k, v) in vars {
            let var = ConfigVar {
                value: value(v),
                owner: Owner::User,
            };
            self.state.config.insert(key(k), var);
        }
        self
    }

    pub(crate) fn without(mut self, var: &str) -> Self {
        self.state.config.remove(&key(var));
        self
    }

    /// An add-on that lends these vars.
    pub(crate) fn addon(mut self, plan: &str, lent: &[(&str, &str)]) -> Self {
        let all = catalogue();
        let found = all.find(plan).unwrap();
        let service = found.plan.service().clone();
        let resource = (!service.is_tier()).then(|| resource_id('a'));
        let addon = Addon {
            plan: found.plan.clone(),
            price: found.spec.price,
            resource: resource.clone(),
        };
        self.state.addons.insert(service.clone(), addon);
        let config: BTreeMap<_, _> = lent.iter().map(|(k, v)| (key(k), value(v))).collect();
        for (k, v) in &config {
            let var = ConfigVar {
                value: v.clone(),
                owner: Owner::Addon(service.clone()),
            };
            self.state.config.insert(k.clone(), var);
        }
        if let Some(id) = resource {
            let plan = found.plan;
            let resource = Resource {
                id,
                plan,
                options: Options::new(),
                config,
                process: None,
                port: None,
            };
            self.resources.insert(service, resource);
        }
        self
    }

    pub(crate) fn without_addon(mut self, service: &str) -> Self {
        let service = ServiceName::new(service).unwrap();
        self.state.addons.remove(&service);
        self.resources.remove(&service);
        self
    }

    pub(crate) fn pinned(mut self, pinned: bool) -> Self {
        self.pinned = pinned;
        self
    }

    /// A release that deploys a slug.
    pub(crate) fn deployed(mut self, digit: char) -> Self {
        self.state.slug = Some(slug(digit));
        let change = Change::Deploy {
            commit: slug(digit).commit,
        };
        let world = self.release_of(change, Status::Succeeded);
        let version = world.last();
        Self {
            newest_deploy: Some(Deployed {
                version,
                slug: slug(digit),
            }),
            ..world
        }
    }

    /// A release that goes back to an earlier slug.
    pub(crate) fn running(mut self, digit: char) -> Self {
        self.state.slug = Some(slug(digit));
        self.release_of(
            Change::Rollback {
                target: Version::new(1),
                half: None,
                pin: false,
            },
            Status::Succeeded,
        )
    }

    /// A release of whatever the state is by now.
    pub(crate) fn released(self) -> Self {
        self.release_of(
            Change::ConfigAdd {
                keys: BTreeSet::new(),
            },
            Status::Succeeded,
        )
    }

    pub(crate) fn failed(self) -> Self {
        self.failed_as(Change::ConfigAdd {
            keys: BTreeSet::new(),
        })
    }

    /// A release of this change was made, and failed.
    pub(crate) fn failed_as(self, change: Change) -> Self {
        let why = Status::Failed("web.1 exited with status 1".to_owned());
        self.release_of(change, why)
    }

    /// A release has gone bad after it took over.
    pub(crate) fn gone_bad(mut self, number: u64) -> Self {
        self.bad.insert(number);
        self
    }

    /// Forgets a release, as a tier does.
    pub(crate) fn pruned(mut self, number: u64) -> Self {
        self.past
            .retain(|(release, _)| release.version.number() != number);
        self
    }

    fn last(&self) -> Version {
        self.past
            .last()
            .map(|(release, _)| release.version)
            .unwrap_or_default()
    }

    fn release_of(mut self, change: Change, status: Status) -> Self {
        let release = Release {
            version: self.last().next(),
            change,
            actor: Actor::new("jim@example.com").unwrap(),
            created_at: Timestamp(0),
            status,
            slug: self.state.slug.clone(),
            pinned: false,
        };
        self.past.push((release, self.state.clone()));
        self
    }

    pub(crate) fn moment(&self) -> Moment {
        let succeeded = |(release, _): &&(Release, State)| release.status == Status::Succeeded;
        Moment {
            app: App {
                name: AppName::new("myapp").unwrap(),
                owner: Actor::new("jim@example.com").unwrap(),
                created_at: Timestamp(0),
                branch: None,
            },
            last: self.last(),
            current: self
                .past
                .iter()
                .rev()
                .find(succeeded)
                .map(|(release, _)| release.clone()),
            state: self.state.clone(),
            newest_deploy: self.newest_deploy.clone(),
            code_pinned: self.pinned,
            pending: None,
        }
    }

    pub(crate) fn plan(&self, operation: &dyn Operation) -> Result<Plan, NotPlanned> {
        operation.plan(&View {
            moment: &self.moment(),
            resources: &self.resources,
            past: self,
            catalogue: &catalogue(),
            now: Timestamp(86_400_000),
        })
    }
}

impl Past for World {
    fn release(&self, version: Version) -> Result<Option<Release>, LedgerError> {
        Ok(self
            .past
            .iter()
            .map(|(release, _)| release)
            .find(|r| r.version == version)
            .cloned())
    }

    fn history(&self, before: Option<Version>, limit: usize) -> Result<Vec<Release>, LedgerError> {
        let older = |release: &&Release| before.is_none_or(|before| release.version < before);
        Ok(self
            .past
            .iter()
            .rev()
            .map(|(release, _)| release)
            .filter(older)
            .take(limit)
            .cloned()
            .collect())
    }

    fn state_at(&self, version: Version) -> Result<State, LedgerError> {
        let found = self
            .past
            .iter()
            .find(|(release, _)| release.version == version);
        let none = || LedgerError::NoRelease(AppName::new("myapp").unwrap(), version);
        found.map(|(_, state)| state.clone()).ok_or_else(none)
    }

    fn verdict(&self, version: Version) -> Result<Option<String>, LedgerError> {
        let bad = self.bad.contains(&version.number());
        Ok(bad.then(|| "web.1 crashed; another took over".to_owned()))
    }

    fn addons_at(&self, version: Version) -> Result<Addons, LedgerError> {
        self.state_at(version).map(|state| state.addons)
    }
}
