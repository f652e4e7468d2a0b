//! Add-ons: services, plans, and the catalogue of what can be added (S24, S25). It must not know
//! what a plugin is; a catalogue is only data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::ConfigKey;
use crate::price::Price;
use crate::resource::ResourceId;
use crate::suggest::nearest;

/// The service whose plans are release tiers (S9).
pub const TIER_SERVICE: &str = "releases";

/// A text that names no service or no plan.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a {1}: use 1 to 40 lower-case letters, digits, - and _, such as {2}")]
pub struct InvalidAddonName(String, &'static str, &'static str);

fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 40 && text.chars().all(legal)
}

/// A service that add-ons are plans of, such as `memcache`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// Accepts a name.
    ///
    /// # Errors
    /// [`InvalidAddonName`] when it is not 1 to 40 lower-case letters, digits, `-` and `_`.
    pub fn new(text: &str) -> Result<Self, InvalidAddonName> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            let shown = text.chars().take(60).collect();
            Err(InvalidAddonName(shown, "name for an add-on", "memcache"))
        }
    }

    /// The service of release tiers.
    #[must_use]
    pub fn tier() -> Self {
        Self(TIER_SERVICE.to_owned())
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its plans are release tiers.
    #[must_use]
    pub fn is_tier(&self) -> bool {
        self.0 == TIER_SERVICE
    }
}

impl TryFrom<String> for ServiceName {
    type Error = InvalidAddonName;

    fn try_from(text: String) -> Result<Self, InvalidAddonName> {
        Self::new(&text)
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A plan of a service, written `memcache:free`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanName {
    service: ServiceName,
    plan: String,
}

impl PlanName {
    /// The plan `plan` of `service`.
    ///
    /// # Errors
    /// [`InvalidAddonName`] when `plan` is not 1 to 40 lower-case letters, digits, `-` and `_`.
    pub fn new(service: ServiceName, plan: &str) -> Result<Self, InvalidAddonName> {
        if is_name(plan) {
            Ok(Self {
                service,
                plan: plan.to_owned(),
            })
        } else {
            let shown = plan.chars().take(60).collect();
            Err(InvalidAddonName(shown, "name for a plan", "memcache:free"))
        }
    }

    /// The service it is a plan of.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The part after the colon.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }
}

impl std::str::FromStr for PlanName {
    type Err = InvalidAddonName;

    fn from_str(text: &str) -> Result<Self, InvalidAddonName> {
        let (service, plan) = text.split_once(':').unwrap_or((text, ""));
        Self::new(ServiceName::new(service)?, plan)
    }
}

impl TryFrom<String> for PlanName {
    type Error = InvalidAddonName;

    fn try_from(text: String) -> Result<Self, InvalidAddonName> {
        text.parse()
    }
}

impl From<PlanName> for String {
    fn from(name: PlanName) -> Self {
        name.to_string()
    }
}

impl std::fmt::Display for PlanName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.service, self.plan)
    }
}

/// An add-on that an app has: what a release's snapshot says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addon {
    /// Its plan.
    pub plan: PlanName,
    /// What it costs on that plan, as agreed when the plan was taken.
    pub price: Price,
    /// The resource behind it; `None` for a tier, which needs none.
    pub resource: Option<ResourceId>,
}

/// The add-ons of an app at one moment, by service: one of each at most (S25).
pub type Addons = BTreeMap<ServiceName, Addon>;

/// One plan in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSpec {
    /// What it costs.
    pub price: Price,
    /// One line for people; may be empty.
    pub summary: String,
}

/// One service in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// One line for people; may be empty.
    pub summary: String,
    /// The plan that is taken where none is named; it is in `plans`.
    pub default: Option<String>,
    /// The config vars that the service may lend, and no others.
    pub config: BTreeSet<ConfigKey>,
    /// Its plans by the part after the colon.
    pub plans: BTreeMap<String, PlanSpec>,
}

/// Everything that can be added, by service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(pub BTreeMap<ServiceName, ServiceSpec>);

/// Why a text names nothing in the catalogue.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotInCatalogue {
    /// It is not even a name.
    #[error(transparent)]
    Invalid(#[from] InvalidAddonName),
    /// No plugin provides the service.
    #[error("there is no add-on {service}")]
    Service {
        /// What was typed.
        service: ServiceName,
        /// The nearest service that exists.
        meant: Option<String>,
    },
    /// The service has no such plan.
    #[error("{service} has no plan {plan:?}; its plans are: {plans}")]
    Plan {
        /// The service.
        service: ServiceName,
        /// What was typed after the colon.
        plan: String,
        /// The nearest plan that exists, with its service.
        meant: Option<String>,
        /// All plans, as `memcache:100mb ($20/mo), memcache:free (free)`.
        plans: String,
    },
    /// A plan must be named, because the service has no default.
    #[error("{service} has no default plan: name one of {plans}")]
    NoDefault {
        /// The service.
        service: ServiceName,
        /// All plans, as in [`NotInCatalogue::Plan`].
        plans: String,
    },
}

impl Catalogue {
    /// Finds the plan that `text` names, `service` or `service:plan`, and whether the history
    /// names it too: it does where it was named or is not the default (S4).
    ///
    /// # Errors
    /// [`NotInCatalogue`], with the nearest name that exists.
    pub fn find(&self, text: &str) -> Result<Found<'_>, NotInCatalogue> {
        let (service, plan) = match text.split_once(':') {
            Some((service, plan)) => (ServiceName::new(service)?, Some(plan)),
            None => (ServiceName::new(text)?, None),
        };
        let Some(spec) = self.0.get(&service) else {
            let names = self.0.keys().map(ServiceName::as_str);
            let meant = nearest(service.as_str(), names).map(str::to_owned);
            return Err(NotInCatalogue::Service { service, meant });
        };
        let plans = || list_plans(&service, spec);
        let Some(wanted) = plan.or(spec.default.as_deref()) else {
            return Err(NotInCatalogue::NoDefault {
                plans: plans(),
                service,
            });
        };
        let Some(plan_spec) = spec.plans.get(wanted) else {
            let meant = nearest(wanted, spec.plans.keys().map(String::as_str));
            let meant = meant.map(|plan| format!("{service}:{plan}"));
            let (plans, plan) = (plans(), wanted.to_owned());
            return Err(NotInCatalogue::Plan {
                service,
                plan,
                meant,
                plans,
            });
        };
        let named = plan.is_some();
        Ok(Found {
            plan: PlanName::new(service, wanted)?,
            named,
            spec: plan_spec,
            service: spec,
        })
    }
}

/// What [`Catalogue::find`] found.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The plan.
    pub plan: PlanName,
    /// Whether it was named, and not only its service.
    pub named: bool,
    /// The plan's entry.
    pub spec: &'a PlanSpec,
    /// The service's entry.
    pub service: &'a ServiceSpec,
}

fn list_plans(service: &ServiceName, spec: &ServiceSpec) -> String {
    let rows = spec
        .plans
        .iter()
        .map(|(name, plan)| format!("{service}:{name} ({})", plan.price));
    rows.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let plan = |cents| PlanSpec {
            price: Price::from_cents(cents),
            summary: String::new(),
        };
        let service = |default: Option<&str>, plans: &[(&str, u64)]| ServiceSpec {
            summary: String::new(),
            default: default.map(str::to_owned),
            config: BTreeSet::new(),
            plans: plans
                .iter()
                .map(|(name, cents)| ((*name).to_owned(), plan(*cents)))
                .collect(),
        };
        let memcache = service(Some("free"), &[("free", 0), ("100mb", 2000)]);
        let releases = service(None, &[("basic", 0)]);
        let name = |text| ServiceName::new(text).unwrap();
        Catalogue([(name("memcache"), memcache), (name("releases"), releases)].into())
    }

    #[test]
    fn a_plan_is_found_by_service_or_by_its_whole_name() {
        let all = catalogue();
        let check = |text: &str, plan: &str, named: bool| {
            let found = all.find(text).unwrap();
            assert_eq!(
                (found.plan.to_string().as_str(), found.named),
                (plan, named)
            );
        };
        check("memcache", "memcache:free", false);
        check("memcache:free", "memcache:free", true);
        check("memcache:100mb", "memcache:100mb", true);
    }

    #[test]
    fn a_mistyped_plan_is_refused_with_the_nearest() {
        let all = catalogue();
        let check = |text: &str, expected: &str| {
            assert_eq!(all.find(text).unwrap_err().to_string(), expected, "{text}");
        };
        check("memcahe", "there is no add-on memcahe");
        check(
            "memcache:100m",
            "memcache has no plan \"100m\"; its plans are: \
             memcache:100mb ($20/mo), memcache:free (free)",
        );
        check(
            "releases",
            "releases has no default plan: name one of releases:basic (free)",
        );
        let NotInCatalogue::Service { meant, .. } = all.find("memcahe").unwrap_err() else {
            panic!("a service was mistyped");
        };
        assert_eq!(meant.as_deref(), Some("memcache"));
        assert!(matches!(
            all.find("Mem Cache"),
            Err(NotInCatalogue::Invalid(_))
        ));
    }
}
