//! Who is asked and told in the world: a check named `cap`, the tiers, and a hook named `hook`.

use slugline_core::addon::PlanName;
use slugline_core::event::Event;
use slugline_core::port::{
    Announcement, Answers, Clock, HistoryEntry, Ids, Keep, Objection, Opinions, Policies,
    PolicyError, Proposal, RollbackRequest, Watching,
};
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::ResourceId;
use slugline_core::time::Timestamp;

use super::{Fails, World, tiers};
use crate::values::resource_id;

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl Ids for World {
    fn resource(&self) -> ResourceId {
        self.ids.set(self.ids.get() + 1);
        resource_id(self.ids.get())
    }
}

fn broken(plugin: &str, hook: &str, cause: &str) -> PolicyError {
    PolicyError {
        plugin: plugin.to_owned(),
        hook: hook.to_owned(),
        cause: cause.to_owned(),
    }
}

fn objection(plugin: &str, reason: String) -> Objection {
    Objection {
        plugin: plugin.to_owned(),
        reason,
    }
}

/// What a hook is told, as [`World::told`] has it.
#[must_use]
pub(crate) fn told(event: &Event) -> String {
    let plan = |plan: &Option<PlanName>| {
        plan.as_ref()
            .map_or("nothing".to_owned(), PlanName::to_string)
    };
    match event {
        Event::ReleaseCreated(subject) => format!("created {}", subject.version),
        Event::ReleaseFailed { subject, .. } => format!("failed {}", subject.version),
        Event::AddonChanged { before, after, .. } => {
            format!("changed {} to {}", plan(before), plan(after))
        }
        other => panic!("{other:?} is not for hooks"),
    }
}

impl Policies for World {
    fn check(&self, proposal: &Proposal<'_>) -> Answers {
        self.call("cap");
        if let (Some(app), Some(owner)) = (proposal.bill, proposal.owner_bill) {
            self.bills.borrow_mut().push((app, owner));
        }
        let objects = self.failing(Fails::Check);
        let refused = objects.then(|| objection("cap", format!("no {}", proposal.change)));
        let fails = self.failing(Fails::AllowedCheck);
        let failure = fails.then(|| broken("cap", "release.check", "oh"));
        Answers {
            objections: refused.into_iter().collect(),
            failures: failure.into_iter().collect(),
        }
    }

    fn keep(
        &self,
        tier: &PlanName,
        history: &mut dyn FnMut() -> Vec<HistoryEntry>,
    ) -> Result<Keep, PolicyError> {
        self.call("releases");
        if self.failing(Fails::Keep) {
            return Err(broken("releases", "tier.keep", "attempt to call nil"));
        }
        let history = history();
        if let Some(keep) = &*self.keep.borrow() {
            return Ok(keep.clone());
        }
        let seen = history
            .iter()
            .map(|entry| (entry.version.number(), entry.status == "succeeded"));
        let kept = tiers::keeps(tier.plan(), &seen.collect::<Vec<_>>());
        Ok(kept.map_or(Keep::All, |kept| {
            Keep::Only(kept.into_iter().map(Version::new).collect())
        }))
    }

    fn may_rollback(&self, tier: &PlanName, request: &RollbackRequest) -> Result<(), Objection> {
        self.call("releases");
        tiers::permits(tier.plan(), request.target.version.number(), request.steps)
            .map_err(|reason| objection("releases", reason))
    }

    /// The check `cap` watches, too: more than half of the requests must not have failed.
    fn watch(&self, watching: &Watching<'_>) -> Opinions {
        self.call("cap");
        if self.failing(Fails::Check) {
            let failures = vec![broken("cap", "release.watch", "oh")];
            return Opinions {
                failures,
                ..Opinions::default()
            };
        }
        let (release, seen) = (watching.release, watching.seen);
        let bad = seen.failed * 2 > seen.requests;
        let reason = format!(
            "{} of {} failed: {}",
            seen.failed, seen.requests, release.change
        );
        Opinions {
            bad: bad.then(|| objection("cap", reason)).into_iter().collect(),
            ..Opinions::default()
        }
    }

    fn called(&self) -> PluginsUsed {
        self.called.take()
    }

    fn announce(&self, announcement: &Announcement<'_>) -> Result<(), PolicyError> {
        self.call("hook");
        self.attempts.set(self.attempts.get() + 1);
        if self.failing(Fails::Announce) {
            return Err(broken("hook", "release.created", "no answer"));
        }
        self.told.borrow_mut().push(told(announcement.event));
        Ok(())
    }
}
