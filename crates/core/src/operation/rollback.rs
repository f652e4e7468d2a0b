//! `rollback`: the code and config of an earlier release, as a new release (S16 to S22). Whether
//! the tier permits it is asked later, in the corridor's check.

use super::previous::previous;
use super::{Code, NotPlanned, Operation, Past, Plan, View};
use crate::addon::PlanName;
use crate::change::{Change, Half};
use crate::port::{HistoryEntry, LedgerError, Moment, RollbackRequest};
use crate::refusal::Refusal;
use crate::release::{Release, Status, Version};
use crate::state::{Difference, State, plans_between};
use crate::time::Timestamp;

/// How far back an eligible release, or a place in the history, is looked for.
const FAR: usize = 1000;

/// Goes back to an earlier release.
#[derive(Clone, Debug, Default)]
pub struct Rollback {
    /// The release; `None` for the newest before the current one that succeeded and did not go bad.
    pub target: Option<Version>,
    /// Only this half of it.
    pub half: Option<Half>,
    /// Whether events that recompile leave the code as it is from now on (S22).
    pub pin: bool,
    /// Whether the release phase is left out.
    pub skip_release_phase: bool,
}

/// Why a release cannot be rolled back to (S10, S18, S20).
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Ineligible {
    /// The app has no tier.
    #[error("Please install the Release Management add-on to access release history")]
    NoTier,
    /// It is what runs.
    #[error("{0} is the current release")]
    Current(Version),
    /// There is nothing before the current release.
    #[error("There is no earlier release to roll back to")]
    NothingBefore,
    /// That number was never used.
    #[error("There is no release {0}; the newest is {1}")]
    Never(Version, Version),
    /// The tier has pruned it.
    #[error("{0} is no longer kept: {1} has pruned it")]
    Pruned(Version, PlanName),
    /// It failed, and never ran.
    #[error("{0} failed and never ran: {1}")]
    Failed(Version, String),
    /// Its operation runs still, or died.
    #[error("{0} is not finished")]
    Pending(Version),
    /// It is from before the first deploy.
    #[error("{0} has no code: it is from before the first deploy")]
    NoCode(Version),
    /// Going back would change what bills.
    #[error("Cannot rollback to a release that had a different set of addons installed{}", lines(.added, .removed))]
    Addons {
        /// The release.
        target: Version,
        /// Plans that the app has now and had not then.
        added: Vec<PlanName>,
        /// Plans that it had then and has not now.
        removed: Vec<PlanName>,
    },
}

fn lines(added: &[PlanName], removed: &[PlanName]) -> String {
    let row = |sign: char| move |plan: &PlanName| format!("\n{sign} {plan}");
    added
        .iter()
        .map(row('+'))
        .chain(removed.iter().map(row('-')))
        .collect()
}

/// Whether the rules of the engine let `target` be rolled back to. The tier has its own say.
///
/// # Errors
/// The inner error says why not, the outer one that the ledger did not answer.
pub fn eligible(
    moment: &Moment,
    past: &dyn Past,
    target: &Release,
) -> Result<Result<(), Ineligible>, LedgerError> {
    let version = target.version;
    if moment.state.tier().is_none() {
        return Ok(Err(Ineligible::NoTier));
    }
    if moment
        .current
        .as_ref()
        .is_some_and(|current| current.version == version)
    {
        return Ok(Err(Ineligible::Current(version)));
    }
    match &target.status {
        Status::Failed(why) => return Ok(Err(Ineligible::Failed(version, why.clone()))),
        Status::Pending => return Ok(Err(Ineligible::Pending(version))),
        Status::Succeeded => {}
    }
    if target.slug.is_none() && moment.state.slug.is_some() {
        return Ok(Err(Ineligible::NoCode(version)));
    }
    let then = past.addons_at(version)?;
    let (mut added, removed) = plans_between(&then, &moment.state.addons);
    // A release from before the first tier is not tracked by any; the tier that tracks it now was
    // added without a release, so going back changes nothing that bills.
    if !then.keys().any(crate::addon::ServiceName::is_tier) {
        added.retain(|plan| !plan.service().is_tier());
    }
    let same = added.is_empty() && removed.is_empty();
    Ok(if same {
        Ok(())
    } else {
        Err(Ineligible::Addons {
            target: version,
            added,
            removed,
        })
    })
}

impl Rollback {
    /// The release to go back to, with what is to be said of it, or of those that were skipped to
    /// reach it (S16).
    fn target(&self, view: &View<'_>) -> Result<(Release, Vec<String>), NotPlanned> {
        let moment = view.moment;
        let Some(tier) = moment.state.tier() else {
            return Err(refuse(Ineligible::NoTier, view)?);
        };
        let Some(version) = self.target else {
            return previous(view, self.half);
        };
        if version > moment.last {
            return Err(refuse(Ineligible::Never(version, moment.last), view)?);
        }
        match view.past.release(version)? {
            Some(release) => {
                let bad = view.past.verdict(version)?;
                let note =
                    bad.map(|why| format!("{version} went bad after it had taken over: {why}"));
                Ok((release, note.into_iter().collect()))
            }
            None => Err(refuse(Ineligible::Pruned(version, tier.clone()), view)?),
        }
    }
}

/// Turns a reason into a refusal, with the way out: the eligible release nearest to the one that
/// was wanted.
fn refuse(why: Ineligible, view: &View<'_>) -> Result<NotPlanned, LedgerError> {
    let wanted = match &why {
        Ineligible::NoTier => {
            return Ok(Refusal::new(why.to_string())
                .hint("slugline addons:add releases:basic")
                .into());
        }
        Ineligible::NothingBefore => return Ok(Refusal::new(why.to_string()).into()),
        Ineligible::Current(v)
        | Ineligible::Never(v, _)
        | Ineligible::Pruned(v, _)
        | Ineligible::Failed(v, _)
        | Ineligible::Pending(v)
        | Ineligible::NoCode(v)
        | Ineligible::Addons { target: v, .. } => *v,
    };
    let hint = match nearest_eligible(view.moment, view.past, wanted)? {
        Some(v) => format!("The nearest that can be rolled back to is {v}: slugline rollback {v}"),
        None => "There is no release that can be rolled back to.".to_owned(),
    };
    Ok(Refusal::new(why.to_string()).hint(hint).into())
}

/// The eligible release with the number nearest to `to`: among those around it, further and further
/// away, and at last among the newest [`FAR`].
fn nearest_eligible(
    moment: &Moment,
    past: &dyn Past,
    to: Version,
) -> Result<Option<Version>, LedgerError> {
    let first = |mut releases: Vec<Release>| -> Result<Option<Version>, LedgerError> {
        releases.sort_by_key(|release| release.version.number().abs_diff(to.number()));
        for release in &releases {
            if eligible(moment, past, release)?.is_ok() {
                return Ok(Some(release.version));
            }
        }
        Ok(None)
    };
    // A number that never was is nearest to the newest.
    let near = to.min(moment.last).number();
    for around in [8, 64, FAR as u64 / 2] {
        let after = Version::new(near.saturating_add(around).saturating_add(1));
        let mut releases = past.history(Some(after), 2 * around as usize + 1)?;
        releases.retain(|release| release.version.number().abs_diff(near) <= around);
        if let Some(found) = first(releases)? {
            return Ok(Some(found));
        }
    }
    first(past.history(None, FAR)?)
}

impl Operation for Rollback {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let moment = view.moment;
        let (target, notes) = self.target(view)?;
        if let Err(why) = eligible(moment, view.past, &target)? {
            return Err(refuse(why, view)?);
        }
        let Some(current) = &moment.current else {
            return Err(refuse(Ineligible::NothingBefore, view)?);
        };
        let then = view.past.state_at(target.version)?;
        let change = Change::Rollback {
            target: target.version,
            half: self.half,
            pin: self.pin,
        };
        let mut plan = Plan::unchanged(change, moment);
        if self.half != Some(Half::Config) {
            plan.code = Code::Take(then.slug.clone());
            plan.code_pinned = self.pin;
        }
        if self.half != Some(Half::Code) {
            plan.config = then.config.of_user();
        }
        let config = plan.config_with(view.resources.values())?;
        let Code::Take(slug) = plan.code.clone() else {
            return Ok(plan);
        };
        let after = State {
            slug,
            config,
            addons: plan.addons.clone(),
        };
        if Difference::between(&plan.before, &after).is_empty()
            && plan.code_pinned == moment.code_pinned
        {
            let text = format!("{} is the same as {}.", current.version, target.version);
            return Err(NotPlanned::Nothing(format!(
                "{text} Nothing has been changed."
            )));
        }
        plan.release_phase = !self.skip_release_phase;
        plan.warnings = notes;
        plan.rollback = Some(rollback_request(view.past, current, &target, view.now)?);
        Ok(plan)
    }

    fn describe(&self) -> String {
        self.target.map_or("Rollback".to_owned(), |version| {
            format!("Rollback to {version}")
        })
    }
}

/// What tier and checks are asked about going from `current` to `target`.
///
/// # Errors
/// Those of the ledger.
pub fn rollback_request(
    past: &dyn Past,
    current: &Release,
    target: &Release,
    now: Timestamp,
) -> Result<RollbackRequest, LedgerError> {
    let between = between(past, current, target)?;
    Ok(request_over(&between, current, target, now))
}

/// The releases before `current`, newest first, down to `target` and no further than matters.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn between(
    past: &dyn Past,
    current: &Release,
    target: &Release,
) -> Result<Vec<Release>, LedgerError> {
    // There are at most as many releases between two as there are numbers.
    let numbers = current
        .version
        .number()
        .saturating_sub(target.version.number());
    let most = usize::try_from(numbers).unwrap_or(FAR).min(FAR);
    past.history(Some(current.version), most)
}

/// As [`rollback_request`], with those between the two at hand, and perhaps others.
#[must_use]
pub(crate) fn request_over(
    releases: &[Release],
    current: &Release,
    target: &Release,
    now: Timestamp,
) -> RollbackRequest {
    let between = target.version..current.version;
    let steps = releases
        .iter()
        .filter(|release| between.contains(&release.version) && release.status == Status::Succeeded)
        .count();
    RollbackRequest {
        target: entry(target, now),
        current: entry(current, now),
        steps: u64::try_from(steps).unwrap_or(u64::MAX),
    }
}

/// A release as tiers see it.
#[must_use]
pub fn entry(release: &Release, now: Timestamp) -> HistoryEntry {
    HistoryEntry {
        version: release.version,
        age_days: now.seconds_since(release.created_at) / 86_400,
        change: release.change.to_string(),
        actor: release.actor.to_string(),
        status: release.status.word(),
        deploy: release.change.is_deploy(),
    }
}

#[cfg(test)]
#[path = "rollback_tests.rs"]
mod tests;
