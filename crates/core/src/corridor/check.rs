//! Step 2, check: the tier, then every plugin that listens, may forbid the plan; nobody can permit
//! what the engine's rules have refused before. All refusals are gathered and shown together.

use super::plan::Planned;
use super::{Engine, Failure, Request};
use crate::addon::PlanName;
use crate::change::Change;
use crate::operation::Plan;
use crate::port::{Objection, Proposal};
use crate::refusal::Refusal;
use crate::release::Version;
use crate::retention::{self, NotPruned};

/// A plan that nobody objects to.
pub struct Checked(Planned);

impl Checked {
    pub(super) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub(super) fn into_planned(self) -> Planned {
        self.0
    }
}

impl Engine<'_> {
    pub(super) fn check(
        &self,
        request: &Request<'_>,
        planned: Planned,
        warn: &mut dyn FnMut(&str),
    ) -> Result<Checked, Failure> {
        let mut refusals = Vec::new();
        if let (Some(rollback), Some(tier)) = (&planned.plan.rollback, planned.moment.state.tier())
            && let Err(objection) = self.policies.may_rollback(tier, rollback)
        {
            refusals.push(Refusal::new(objection.reason));
        }
        refusals.extend(self.tier_losses(request, &planned)?);
        let mut proposal = proposal(request, &planned);
        if let Some(bill) = proposal.bill {
            let others = self.ledger.monthly_cost(proposal.owner, request.app)?;
            proposal.owner_bill = Some(bill.beside(others));
        }
        let answers = self.policies.check(&proposal);
        for failure in answers.failures {
            warn(&format!(
                "{failure}; it lets changes through (on_error: allow)"
            ));
        }
        refusals.extend(answers.objections.into_iter().map(refusal));
        if refusals.is_empty() {
            Ok(Checked(planned))
        } else {
            Err(Failure::Refused(refusals))
        }
    }

    /// S14: moving to a tier that keeps less asks first, naming what will be lost.
    fn tier_losses(
        &self,
        request: &Request<'_>,
        planned: &Planned,
    ) -> Result<Option<Refusal>, Failure> {
        let moves = match &planned.plan.change {
            Change::AddonUpgrade { plan } | Change::AddonDowngrade { plan } => {
                plan.service().is_tier()
            }
            Change::AddonRemove { service } => service.is_tier(),
            _ => false,
        };
        if !moves || request.confirmed {
            return Ok(None);
        }
        let tier = crate::addon::ServiceName::tier();
        let tier = planned.plan.addons.get(&tier).map(|addon| &addon.plan);
        let lost = self.lost_under(request, planned, tier)?;
        Ok((!lost.is_empty()).then(|| losses(request, tier, &lost)))
    }

    /// The releases that a tier would drop once the change has made one more; none where all of
    /// them would go without the change as well, since nothing is lost by it then.
    fn lost_under(
        &self,
        request: &Request<'_>,
        planned: &Planned,
        tier: Option<&PlanName>,
    ) -> Result<Vec<Version>, Failure> {
        let moment = &planned.moment;
        let doomed = |tier| retention::doomed_after_next(self, request.app, moment, tier);
        let mut lost = doomed(tier)?;
        if lost.is_empty() {
            return Ok(lost);
        }
        let anyway = match doomed(moment.state.tier()) {
            // A tier that fails prunes nothing (S13).
            Err(NotPruned::Policy(_)) => Vec::new(),
            answer => answer?,
        };
        if lost.iter().all(|version| anyway.contains(version)) {
            lost.clear();
        }
        Ok(lost)
    }
}

fn losses(request: &Request<'_>, tier: Option<&PlanName>, lost: &[Version]) -> Refusal {
    let keeper = tier.map_or("An app without a tier".to_owned(), ToString::to_string);
    let named: Vec<_> = lost.iter().take(5).map(ToString::to_string).collect();
    let more = match lost.len() {
        0..=5 => String::new(),
        n => format!(" and {} more", n - 5),
    };
    let app = request.app;
    Refusal::new(format!(
        "{keeper} keeps less: {}{more} would be lost.",
        named.join(", ")
    ))
    .hint(format!("To do it all the same, add --confirm {app}"))
    .confirmable()
}

fn proposal<'a>(request: &Request<'a>, planned: &'a Planned) -> Proposal<'a> {
    let plan = &planned.plan;
    let current = planned
        .moment
        .current
        .as_ref()
        .map(|release| release.version);
    let addon_changes = plan.before.addons != plan.addons;
    Proposal {
        app: request.app,
        actor: request.actor,
        change: &plan.change,
        current: current.unwrap_or_default(),
        config_keys: plan.config.iter().map(|(key, _)| key).collect(),
        addons: plan.addons.values().map(|addon| &addon.plan).collect(),
        bill: addon_changes.then(|| plan.bill()),
        owner: &planned.moment.app.owner,
        owner_bill: None,
        rollback: plan.rollback.clone(),
    }
}

fn refusal(objection: Objection) -> Refusal {
    Refusal::new(format!("{}: {}", objection.plugin, objection.reason))
}
