//! Step 1, plan: what the app is and what is asked, turned into data. It must not change anything.

use std::collections::BTreeMap;

use super::{Engine, Failure, LedgerPast, Request};
use crate::addon::{Addons, ServiceName};
use crate::operation::{Operation, Plan, View};
use crate::port::{LedgerError, Moment};
use crate::refusal::Refusal;
use crate::resource::Resource;

/// A plan, with the moment that it was made for.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The app when it was planned.
    pub moment: Moment,
    /// The resources of its add-ons.
    pub resources: BTreeMap<ServiceName, Resource>,
    /// What is to be done.
    pub plan: Plan,
}

impl Engine<'_> {
    pub(super) fn plan(
        &self,
        request: &Request<'_>,
        moment: Moment,
        operation: &dyn Operation,
    ) -> Result<Planned, Failure> {
        refuse_stale(&moment, request)?;
        let resources = self.resources_of(request, &moment.state.addons)?;
        let plan = operation.plan(&View {
            moment: &moment,
            resources: &resources,
            past: &LedgerPast {
                ledger: self.ledger,
                app: request.app,
            },
            catalogue: self.providers.catalogue(),
            now: self.clock.now(),
        })?;
        Ok(Planned {
            moment,
            resources,
            plan,
        })
    }

    /// The resources of these add-ons, by service.
    pub(super) fn resources_of(
        &self,
        request: &Request<'_>,
        addons: &Addons,
    ) -> Result<BTreeMap<ServiceName, Resource>, LedgerError> {
        let all = self.ledger.resources(request.app)?;
        let of_addon = |resource: &Resource| {
            addons
                .values()
                .any(|addon| addon.resource.as_ref() == Some(&resource.id))
        };
        let named = |resource: Resource| (resource.plan.service().clone(), resource);
        Ok(all.into_iter().filter(of_addon).map(named).collect())
    }
}

/// S32: a request that was made for one release does not change another.
pub(super) fn refuse_stale(moment: &Moment, request: &Request<'_>) -> Result<(), Refusal> {
    let current = moment
        .current
        .as_ref()
        .map(|release| release.version)
        .unwrap_or_default();
    match request.if_current {
        Some(expected) if expected != current => Err(Refusal::new(format!(
            "{expected} is not current any more: {} runs {current}",
            request.app
        ))),
        _ => Ok(()),
    }
}
