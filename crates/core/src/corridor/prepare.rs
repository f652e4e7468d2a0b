//! Step 3, prepare: the effects run, each with its undo. A build that fails ends here, without a
//! release and without a number (S29).

use super::check::Checked;
use super::plan::Planned;
use super::{Engine, Failure, Progress, Request};
use crate::operation::{Code, Effect};
use crate::port::{ChangePlanRequest, CompileRequest, ProvisionRequest};
use crate::refusal::Refusal;
use crate::resource::{Provision, Resource};
use crate::state::State;

/// A plan whose effects have run: what the release will be.
pub struct Prepared {
    pub(super) planned: Planned,
    /// What the app is to be.
    pub(super) state: State,
    pub(super) messages: Vec<String>,
    undo: Vec<Undo>,
}

/// How one effect is taken back.
enum Undo {
    Deprovision(Resource),
    /// Back to the plan, and what its provider answered, as it was.
    Restore {
        was: Resource,
        is: Resource,
    },
}

impl Engine<'_> {
    pub(super) fn prepare(
        &self,
        request: &Request<'_>,
        checked: Checked,
        progress: &mut dyn Progress,
    ) -> Result<Prepared, Failure> {
        let planned = checked.into_planned();
        let state = State {
            addons: planned.plan.addons.clone(),
            ..State::default()
        };
        let mut prepared = Prepared {
            planned,
            state,
            messages: Vec::new(),
            undo: Vec::new(),
        };
        match self.run_effects(request, &mut prepared, progress) {
            Ok(()) => Ok(prepared),
            Err(failure) => {
                self.undo(request, prepared);
                Err(failure)
            }
        }
    }

    fn run_effects(
        &self,
        request: &Request<'_>,
        prepared: &mut Prepared,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        for effect in prepared.planned.plan.effects.clone() {
            self.run_effect(request, prepared, effect)?;
        }
        let plan = &prepared.planned.plan;
        let lenders = prepared.planned.resources.iter();
        let lenders = lenders.filter(|(service, _)| plan.addons.contains_key(*service));
        prepared.state.config = plan
            .config_with(lenders.map(|(_, resource)| resource))
            .map_err(|error| Refusal::new(error.to_string()))?;
        prepared.state.slug = match &plan.code {
            Code::Take(slug) => slug.clone(),
            Code::Compile { source, commit } => {
                let config = &prepared.state.config;
                let wanted = CompileRequest {
                    app: request.app,
                    source,
                    commit,
                    config,
                };
                let slug = self
                    .compiler
                    .compile(&wanted, &mut |line| progress.build_line(line))?;
                progress.compiled(&slug);
                Some(slug)
            }
        };
        Ok(())
    }

    fn run_effect(
        &self,
        request: &Request<'_>,
        prepared: &mut Prepared,
        effect: Effect,
    ) -> Result<(), Failure> {
        let ports = self.ledger.ports_in_use()?;
        let taken_ports = ports.as_slice();
        let app = request.app;
        let (provision, resource, was) = match effect {
            Effect::Provision { id, plan, options } => {
                let wanted = ProvisionRequest {
                    app,
                    id: &id,
                    plan: &plan,
                    options: &options,
                    taken_ports,
                };
                let provision = self.providers.provision(&wanted)?;
                let (config, process, port) = Default::default();
                (
                    provision,
                    Resource {
                        id,
                        plan,
                        options,
                        config,
                        process,
                        port,
                    },
                    None,
                )
            }
            Effect::ChangePlan { resource, plan } => {
                let wanted = ChangePlanRequest {
                    app,
                    resource: &resource,
                    plan: &plan,
                    taken_ports,
                };
                let provision = self.providers.change_plan(&wanted)?;
                (
                    provision,
                    Resource {
                        plan,
                        ..resource.clone()
                    },
                    Some(resource),
                )
            }
        };
        let Provision {
            config,
            process,
            port,
            message,
        } = provision;
        let is = Resource {
            config,
            process,
            port,
            ..resource
        };
        // The undo is there before the write, so that a ledger that fails leaves no orphan.
        prepared.undo.push(match was {
            None => Undo::Deprovision(is.clone()),
            Some(was) => Undo::Restore {
                was,
                is: is.clone(),
            },
        });
        self.ledger.put_resource(app, &is)?;
        prepared
            .messages
            .extend((!message.is_empty()).then_some(message));
        prepared
            .planned
            .resources
            .insert(is.plan.service().clone(), is);
        Ok(())
    }

    /// Takes the effects back, the last one first. What cannot be taken back now stays in the
    /// ledger as a resource that no add-on refers to, so that it is not lost sight of.
    pub(super) fn undo(&self, request: &Request<'_>, prepared: Prepared) {
        for undo in prepared.undo.into_iter().rev() {
            match undo {
                Undo::Deprovision(resource) => {
                    if self.providers.deprovision(request.app, &resource).is_ok() {
                        let _ = self.ledger.remove_resource(&resource.id);
                    }
                }
                Undo::Restore { was, is } => {
                    let plan = &was.plan;
                    let back = ChangePlanRequest {
                        app: request.app,
                        resource: &is,
                        plan,
                        taken_ports: &[],
                    };
                    if self.providers.change_plan(&back).is_ok() {
                        let _ = self.ledger.put_resource(request.app, &was);
                    }
                }
            }
        }
    }
}
