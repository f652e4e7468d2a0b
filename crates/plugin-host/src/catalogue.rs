//! Makes the catalogue of what can be added from the manifests. It must not run a script.

use std::collections::{BTreeMap, BTreeSet};

use slugline_core::addon::{Catalogue, PlanSpec, ServiceName, ServiceSpec, TIER_SERVICE};
use slugline_core::config::ConfigKey;
use slugline_core::price::Price;
use slugline_plugin_api::manifest::{Manifest, Plan};

use crate::error::HostError;

/// What people read about the service of tiers, whichever plugins back them.
const TIERS_SUMMARY: &str = "Release management: history and rollback.";

/// The catalogue, with the plugin behind each part of it, by place in the list of manifests.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    pub(crate) catalogue: Catalogue,
    pub(crate) services: BTreeMap<ServiceName, usize>,
    pub(crate) tiers: BTreeMap<String, usize>,
}

impl Offers {
    /// What these manifests offer together; they have passed [`crate::check_manifest`].
    pub(crate) fn of(manifests: &[&Manifest]) -> Result<Self, HostError> {
        let mut offers = Self::default();
        for (index, manifest) in manifests.iter().enumerate() {
            offers.add_services(index, manifests)?;
            for (name, tier) in &manifest.tiers {
                if let Some(other) = offers.tiers.insert(name.clone(), index) {
                    let addon = format!("{TIER_SERVICE}:{name}");
                    return Err(twice(addon, manifests[other], manifest));
                }
                let service = offers.catalogue.0.entry(ServiceName::tier());
                let service = service.or_insert_with(|| ServiceSpec {
                    summary: TIERS_SUMMARY.to_owned(),
                    default: None,
                    config: BTreeSet::new(),
                    plans: BTreeMap::new(),
                });
                service.plans.insert(name.clone(), plan_spec(tier));
            }
        }
        Ok(offers)
    }

    fn add_services(&mut self, index: usize, manifests: &[&Manifest]) -> Result<(), HostError> {
        let manifest = manifests[index];
        for (name, service) in &manifest.addons {
            let Ok(parsed) = ServiceName::new(name) else {
                continue;
            };
            if let Some(other) = self.services.insert(parsed.clone(), index) {
                return Err(twice(name.clone(), manifests[other], manifest));
            }
            let keys = service.config.iter();
            let plans = service.plans.iter();
            let spec = ServiceSpec {
                summary: service.summary.clone().unwrap_or(manifest.summary.clone()),
                default: service.default.clone(),
                config: keys.filter_map(|key| ConfigKey::new(key).ok()).collect(),
                plans: plans
                    .map(|(name, plan)| (name.clone(), plan_spec(plan)))
                    .collect(),
            };
            self.catalogue.0.insert(parsed, spec);
        }
        Ok(())
    }
}

fn plan_spec(plan: &Plan) -> PlanSpec {
    PlanSpec {
        price: plan.price.parse().unwrap_or(Price::FREE),
        summary: plan.summary.clone(),
    }
}

fn twice(addon: String, first: &Manifest, second: &Manifest) -> HostError {
    HostError::AddonTwice {
        addon,
        first: first.name.clone(),
        second: second.name.clone(),
    }
}
