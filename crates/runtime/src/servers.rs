//! The servers of one app, by resource: they outlive releases, as long as their command stays the
//! same. It must not know which release is current.

use std::collections::BTreeMap;
use std::sync::Arc;

use slugline_core::resource::ResourceId;

use crate::control::protocol::ProcessState;
use crate::launch::{Context, Handle};
use crate::spec::{AppSpec, ServerSpec};
use crate::unit::{After, UnitId};

/// The servers that run.
#[derive(Default)]
pub(crate) struct Servers(BTreeMap<ResourceId, (ServerSpec, Handle)>);

/// What [`Servers::start`] did.
pub(crate) struct Started {
    /// The servers that were not there before.
    pub(crate) fresh: Vec<UnitId>,
    /// Those whose place they took; they are yet to be told to end, and are waited for.
    pub(crate) replaced: Vec<Handle>,
}

impl Servers {
    /// Starts the servers that a release needs: those that are not there, and those whose command
    /// is another now, in place of the old ones. A server and its successor may use one port, so
    /// the one ends before the other begins.
    pub(crate) fn start(
        &mut self,
        spec: &Arc<AppSpec>,
        adopted: bool,
        cx: &Arc<Context>,
    ) -> Started {
        let mut started = Started {
            fresh: Vec::new(),
            replaced: Vec::new(),
        };
        for wanted in &spec.servers {
            let old = self.0.remove(&wanted.resource);
            let entry = match old {
                Some((known, unit)) if known == *wanted => (known, unit),
                old => {
                    let old = old.map(|(_, unit)| unit);
                    let after = old.as_ref().map(|old| After::End(old.progress.clone()));
                    started.replaced.extend(old);
                    let unit = cx.server(spec, wanted, adopted, after);
                    started.fresh.push(unit.id);
                    (wanted.clone(), unit)
                }
            };
            self.0.insert(wanted.resource.clone(), entry);
        }
        started
    }

    /// Takes out the servers that a release does not have; all, where there is no release.
    #[must_use]
    pub(crate) fn take_absent(&mut self, spec: Option<&AppSpec>) -> Vec<Handle> {
        let wanted = |id: &ResourceId| {
            spec.is_some_and(|spec| spec.servers.iter().any(|server| server.resource == *id))
        };
        let (kept, absent): (_, BTreeMap<_, _>) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(id, _)| wanted(id));
        self.0 = kept;
        absent.into_values().map(|(_, unit)| unit).collect()
    }

    /// Whether all of these are up.
    pub(crate) fn are_up(&self, ids: &[UnitId]) -> bool {
        let mut concerned = self.units().filter(|unit| ids.contains(&unit.id));
        concerned.all(|unit| unit.state == ProcessState::Up)
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = &Handle> {
        self.0.values().map(|(_, unit)| unit)
    }

    pub(crate) fn units_mut(&mut self) -> impl Iterator<Item = &mut Handle> {
        self.0.values_mut().map(|(_, unit)| unit)
    }

    pub(crate) fn into_units(self) -> impl Iterator<Item = Handle> {
        self.0.into_values().map(|(_, unit)| unit)
    }

    /// The server of a resource.
    pub(crate) fn get(&self, resource: &ResourceId) -> Option<&Handle> {
        self.0.get(resource).map(|(_, unit)| unit)
    }
}
