//! Effects outside of the ledger, and how they are taken back. Each is in the journal before it
//! begins, so that neither a failure nor a death leaves something that nobody knows of (S31).

use super::prepare::Prepared;
use super::{Engine, Failure, Request};
use crate::addon::PlanName;
use crate::app::AppName;
use crate::journal::{self, Entry, Happening, Stage};
use crate::operation::Effect;
use crate::port::{
    ChangePlanRequest, LedgerError, ProviderError, ProvisionRequest, ResourceChange,
};
use crate::resource::{Options, Provision, Resource, ResourceId};

impl Engine<'_> {
    /// Does what a plan needs done before its release is recorded. What is begun is in the journal.
    pub(super) fn run_effects(
        &self,
        request: &Request<'_>,
        prepared: &mut Prepared,
    ) -> Result<(), Failure> {
        let effects = prepared.planned.plan.effects.clone();
        if effects.is_empty() {
            return Ok(());
        }
        let intents: Vec<_> = effects.iter().map(intent).collect();
        let places = self.ledger.begin_effects(request.app, &intents)?;
        for (effect, place) in effects.into_iter().zip(places) {
            self.run_effect(request, prepared, effect, place)?;
        }
        Ok(())
    }

    fn run_effect(
        &self,
        request: &Request<'_>,
        prepared: &mut Prepared,
        effect: Effect,
        place: i64,
    ) -> Result<(), Failure> {
        let (app, step) = (request.app, self.step(request.app, place, Stage::Begun));
        let (made, resource) = match effect {
            Effect::Provision { id, plan, options } => {
                let made = self.providers.provision(&ProvisionRequest {
                    app,
                    id: &id,
                    plan: &plan,
                    options: &options,
                    taken_ports: &self.ledger.ports_in_use()?,
                });
                (made, unmade(id, plan, options))
            }
            Effect::ChangePlan { resource, plan } => {
                let made = self.providers.change_plan(&ChangePlanRequest {
                    app,
                    resource: &resource,
                    plan: &plan,
                    taken_ports: &self.ledger.ports_in_use()?,
                });
                (made, Resource { plan, ..resource })
            }
        };
        let Provision {
            config,
            process,
            port,
            message,
        } = match made {
            Ok(made) => made,
            Err(error) => {
                if matches!(error, ProviderError::Refused { .. }) {
                    step(Happening::Refused, ResourceChange::None)?;
                }
                return Err(error.into());
            }
        };
        let is = Resource {
            config,
            process,
            port,
            ..resource
        };
        step(Happening::Answered, ResourceChange::Put(&is))?;
        let said = (!message.is_empty()).then_some(message);
        prepared.messages.extend(said);
        let service = is.plan.service().clone();
        prepared.planned.resources.insert(service, is);
        Ok(())
    }

    /// Moves an entry of the journal on, with what it means for its resource.
    fn step<'a>(
        &'a self,
        app: &'a AppName,
        place: i64,
        stage: Stage,
    ) -> impl Fn(Happening, ResourceChange<'_>) -> Result<(), LedgerError> + 'a {
        move |happening, change| {
            let to = journal::next(stage, happening);
            let to = to.map_err(|error| LedgerError::Corrupt(error.to_string()))?;
            self.ledger.step_effect(app, place, to, change)
        }
    }

    /// Takes back what an operation that failed has begun, the last one first. What cannot be
    /// taken back now stays in the journal. Answers what was done, or why not yet, a line for each.
    pub(super) fn take_back(&self, app: &AppName) -> Result<Vec<String>, LedgerError> {
        let mut taken = Vec::new();
        for entry in self.ledger.journal(app)?.into_iter().rev() {
            if matches!(entry.effect, journal::Effect::Destroy) {
                continue;
            }
            if entry.stage != Stage::Undo {
                let failed = self.step(app, entry.place, entry.stage);
                failed(Happening::Failed, ResourceChange::None)?;
            }
            taken.push(self.undo(app, &entry)?);
        }
        Ok(taken)
    }

    /// As [`Engine::take_back`], where the ledger itself has failed before: what it cannot do now is
    /// in the journal, and done by the next command.
    pub(super) fn try_to_take_back(&self, app: &AppName) {
        let _ = self.take_back(app);
    }

    fn undo(&self, app: &AppName, entry: &Entry) -> Result<String, LedgerError> {
        let undone = match &entry.effect {
            journal::Effect::Provision { id, plan, options } => {
                let known = self.known(app, id)?;
                let resource =
                    known.unwrap_or_else(|| unmade(id.clone(), plan.clone(), options.clone()));
                let gone = self.providers.deprovision(app, &resource);
                gone.map(|()| (format!("{} was taken back", plan.service()), None))
            }
            journal::Effect::ChangePlan { id, from, to } => match self.known(app, id)? {
                Some(known) => self.change_back(app, known, from, to).map(|was| {
                    let said = format!("{} is on {from} again", from.service());
                    (said, Some(was))
                }),
                // It has been destroyed since.
                None => Ok((format!("{} is gone", from.service()), None)),
            },
            // It is finished, never undone: `take_back` passes it over.
            journal::Effect::Destroy => return Ok(String::new()),
        };
        let (said, was) = match undone {
            Ok(undone) => undone,
            Err(error) => {
                let due = journal::retry_at(self.clock.now(), entry.attempts);
                self.ledger.delay_effect(entry.place, due)?;
                return Ok(format!("{error} (it is tried again)"));
            }
        };
        let change = match (&was, &entry.effect) {
            (Some(was), _) => ResourceChange::Put(was),
            (None, journal::Effect::Provision { id, .. }) => ResourceChange::Remove(id),
            (None, _) => ResourceChange::None,
        };
        self.step(app, entry.place, Stage::Undo)(Happening::Undone, change)?;
        Ok(said)
    }

    fn known(&self, app: &AppName, id: &ResourceId) -> Result<Option<Resource>, LedgerError> {
        let all = self.ledger.resources(app)?;
        Ok(all.into_iter().find(|known| known.id == *id))
    }

    /// What the provider answers now replaces what the ledger kept of the other plan.
    fn change_back(
        &self,
        app: &AppName,
        known: Resource,
        plan: &PlanName,
        from: &PlanName,
    ) -> Result<Resource, ProviderError> {
        // It may be on the other plan at its provider though the ledger has not heard of it.
        let resource = Resource {
            plan: from.clone(),
            ..known
        };
        let back = self.providers.change_plan(&ChangePlanRequest {
            app,
            resource: &resource,
            plan,
            taken_ports: &[],
        })?;
        Ok(Resource {
            plan: plan.clone(),
            config: back.config,
            process: back.process,
            port: back.port,
            ..resource
        })
    }
}

/// A resource of which its provider has not answered anything yet.
fn unmade(id: ResourceId, plan: PlanName, options: Options) -> Resource {
    let (config, process, port) = Default::default();
    Resource {
        id,
        plan,
        options,
        config,
        process,
        port,
    }
}

fn intent(effect: &Effect) -> journal::Effect {
    match effect.clone() {
        Effect::Provision { id, plan, options } => journal::Effect::Provision { id, plan, options },
        Effect::ChangePlan { resource, plan } => journal::Effect::ChangePlan {
            id: resource.id,
            from: resource.plan,
            to: plan,
        },
    }
}
