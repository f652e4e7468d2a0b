//! Step 6, settle: the release becomes current in one transaction, with its outbox; or it is marked
//! failed, its effects are undone, and what ran runs on.

use super::launch::{How, Running};
use super::record::Recorded;
use super::{Done, Engine, Failure, Request};
use crate::addon::{Addons, PlanName, ServiceName};
use crate::event::{Event, Subject};
use crate::port::{Outcome, Settlement};
use crate::release::{Release, Status};

impl Engine<'_> {
    pub(super) fn settle(&self, request: &Request<'_>, running: Running) -> Result<Done, Failure> {
        let Running { recorded, how } = running;
        let subject = self.subject(request, &recorded);
        let plan = &recorded.prepared.planned.plan;
        let settlement = Settlement {
            outcome: Outcome::Succeeded {
                code_pinned: plan.code_pinned,
            },
            at: self.clock.now(),
            events: events(&subject, &recorded),
        };
        if let Err(error) = self
            .ledger
            .settle(request.app, recorded.version, &settlement)
        {
            drop(how);
            self.try_to_take_back(request.app);
            return Err(error.into());
        }
        let crashed = self.switch(request, how)?;
        let release = Release {
            version: recorded.version,
            change: plan.change.clone(),
            actor: request.actor.clone(),
            created_at: recorded.at,
            status: Status::Succeeded,
            slug: recorded.prepared.state.slug,
            pinned: false,
        };
        let (plan, messages) = (recorded.prepared.planned.plan, recorded.prepared.messages);
        Ok(Done {
            release,
            plan,
            messages,
            crashed,
            url: subject.url,
        })
    }

    fn switch(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<Option<(String, Vec<String>)>, Failure> {
        match how {
            How::Switch(launched) => launched.switch()?,
            How::RunCrashed { spec, reason, log } => {
                self.launcher.run(&spec)?;
                return Ok(Some((reason, log)));
            }
            How::Stop => self.launcher.stop(request.app)?,
            How::Nothing => {}
        }
        Ok(None)
    }

    /// Marks a release failed and takes its effects back (S30).
    pub(super) fn settle_failed(
        &self,
        request: &Request<'_>,
        recorded: Recorded,
        reason: String,
        log: Vec<String>,
    ) -> Failure {
        let version = recorded.version;
        let subject = self.subject(request, &recorded);
        let settlement = Settlement {
            outcome: Outcome::Failed(reason.clone()),
            at: self.clock.now(),
            events: vec![Event::ReleaseFailed {
                subject,
                reason: reason.clone(),
            }],
        };
        let settled = self.ledger.settle(request.app, version, &settlement);
        let current = recorded.prepared.planned.moment.current.as_ref();
        let current = current.map(|release| release.version).unwrap_or_default();
        self.try_to_take_back(request.app);
        match settled {
            Ok(()) => Failure::Unhealthy {
                version,
                reason,
                log,
                current,
            },
            Err(error) => error.into(),
        }
    }

    fn subject(&self, request: &Request<'_>, recorded: &Recorded) -> Subject {
        let plan = &recorded.prepared.planned.plan;
        let commit = recorded
            .prepared
            .state
            .slug
            .as_ref()
            .map(|slug| slug.commit.clone());
        Subject {
            version: recorded.version,
            change: plan.change.to_string(),
            actor: request.actor.to_string(),
            at: recorded.at,
            url: self.launcher.url(request.app),
            commit,
            previous_commit: plan.before.slug.as_ref().map(|slug| slug.commit.clone()),
            git_log: plan.git_log.clone(),
            deploy: plan.change.is_deploy(),
        }
    }
}

/// What is announced of a release that succeeded, in order.
fn events(subject: &Subject, recorded: &Recorded) -> Vec<Event> {
    let plan = &recorded.prepared.planned.plan;
    let mut events = vec![Event::ReleaseCreated(subject.clone())];
    events.extend(addon_changes(subject, &plan.before.addons, &plan.addons));
    let gone = plan.deprovision.clone();
    events.extend(gone.map(|resource| Event::Deprovision { resource }));
    events.push(Event::Prune);
    events
}

fn addon_changes(subject: &Subject, before: &Addons, after: &Addons) -> Vec<Event> {
    let plan = |addons: &Addons, service: &ServiceName| -> Option<PlanName> {
        addons.get(service).map(|addon| addon.plan.clone())
    };
    let services: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let change = |service: &ServiceName| {
        let (before, after) = (plan(before, service), plan(after, service));
        let differs = before != after;
        differs.then(|| Event::AddonChanged {
            subject: subject.clone(),
            before,
            after,
        })
    };
    services.into_iter().filter_map(change).collect()
}
