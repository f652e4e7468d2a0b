//! `releases:retry`: the newest release once more, where it failed, as a new release with the same
//! code and config vars, so that its release phase and its processes are tried again.

use super::rollback::rollback_request;
use super::{Code, NotPlanned, Operation, Plan, View};
use crate::addon::ServiceName;
use crate::change::{Change, Half};
use crate::refusal::Refusal;
use crate::release::{Release, Status};
use crate::state::plans_between;

/// Tries the newest release again.
#[derive(Clone, Copy, Debug)]
pub struct Retry;

impl Operation for Retry {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let moment = view.moment;
        let Some(failed) = view.past.release(moment.last)? else {
            return Err(Refusal::new(format!("{} has no release yet", moment.app.name)).into());
        };
        if failed.status == Status::Succeeded {
            let text = format!("{} did not fail: there is nothing to retry", failed.version);
            return Err(Refusal::new(text).into());
        }
        let then = view.past.state_at(failed.version)?;
        let (mut removed, added) = plans_between(&then.addons, &moment.state.addons);
        // A first tier is added without a release.
        if !then.addons.keys().any(ServiceName::is_tier) {
            removed.retain(|plan| !plan.service().is_tier());
        }
        if !added.is_empty() || !removed.is_empty() {
            let text = format!(
                "{} was to change add-ons, which has been undone",
                failed.version
            );
            let hint = "Give the command again that made it.";
            return Err(Refusal::new(text).hint(hint).into());
        }
        let mut plan = Plan::unchanged(failed.change.clone(), moment);
        plan.code = Code::Take(then.slug.clone());
        plan.config = then.config.of_user();
        plan.config_with(view.resources.values())?;
        match &failed.change {
            // The code that runs stays as it is.
            Change::Rollback {
                half: Some(Half::Config),
                ..
            } => {}
            Change::Rollback { pin, .. } => plan.code_pinned = *pin,
            change => plan.code_pinned &= !change.is_deploy(),
        }
        plan.rollback = as_rollback(view, &failed)?;
        Ok(plan)
    }

    fn describe(&self) -> String {
        "Retry".to_owned()
    }
}

/// What tier and checks are asked, where what failed was a rollback and its target is kept still.
fn as_rollback(
    view: &View<'_>,
    failed: &Release,
) -> Result<Option<crate::port::RollbackRequest>, NotPlanned> {
    let (Change::Rollback { target, .. }, Some(current)) = (&failed.change, &view.moment.current)
    else {
        return Ok(None);
    };
    match view.past.release(*target)? {
        Some(target) => Ok(Some(rollback_request(
            view.past, current, &target, view.now,
        )?)),
        None => Err(Refusal::new(format!("{target} is no longer kept")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, refused};
    use super::*;

    fn deployed() -> World {
        World::default().config(&[("A", "1")]).deployed('a')
    }

    #[test]
    fn what_failed_is_made_again_with_its_code_and_config() {
        let world = deployed()
            .addon("releases:basic", &[])
            .config(&[("B", "2")]);
        let plan = world.failed().plan(&Retry).unwrap();
        assert_eq!(plan.change.to_string(), "Config add ");
        assert_eq!((plan.config.len(), plan.release_phase), (2, true));
        assert!(matches!(plan.code, Code::Take(Some(_))));
    }

    #[test]
    fn there_is_nothing_to_retry_where_nothing_failed() {
        assert_eq!(
            refused(World::default().plan(&Retry)),
            "myapp has no release yet"
        );
        let failed = deployed().failed().released();
        assert_eq!(
            refused(failed.plan(&Retry)),
            "v3 did not fail: there is nothing to retry"
        );
    }

    #[test]
    fn a_rollback_that_was_to_pin_its_code_pins_it_when_it_is_retried() {
        use super::super::rollback::Rollback;
        use crate::release::Version;
        let pinned = |pin, half| {
            let world = World::default().addon("releases:advanced", &[]);
            let world = world.config(&[("A", "1")]).deployed('a');
            let world = world.config(&[("A", "2")]).deployed('b');
            let rollback = Rollback {
                target: Some(Version::new(1)),
                half,
                pin,
                ..Rollback::default()
            };
            let change = world.plan(&rollback).unwrap().change;
            let world = world.failed_as(change);
            world.plan(&Retry).unwrap().code_pinned
        };
        assert!(pinned(true, None) && pinned(true, Some(Half::Code)));
        assert!(!pinned(false, None) && !pinned(true, Some(Half::Config)));
    }

    #[test]
    fn what_was_to_change_addons_is_asked_for_again() {
        let world = deployed().addon("memcache:free", &[]).failed();
        let undone = world.without_addon("memcache");
        assert_eq!(
            refused(undone.plan(&Retry)),
            "v2 was to change add-ons, which has been undone|Give the command again that made it."
        );
    }
}
