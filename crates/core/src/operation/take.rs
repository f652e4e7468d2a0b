//! A release of a slug that there is already: one that was brought, that of another release, or of another
//! app. Nothing is compiled.

use super::recompile::is_rolled_back;
use super::{Code, NotPlanned, Operation, Plan, View};
use crate::change::Change;
use crate::slug::Slug;

/// Takes a slug as the app's code: a deploy like any other (S2).
#[derive(Clone, Debug)]
pub struct Take {
    /// The slug, which is in the store.
    pub slug: Slug,
    /// Whether it is released also where it runs already, so that its release phase runs again.
    pub again: bool,
}

impl Take {
    fn change(&self) -> Change {
        Change::Deploy {
            commit: self.slug.commit.clone(),
        }
    }
}

impl Operation for Take {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let moment = view.moment;
        if let (Some(slug), Some(current)) = (&moment.state.slug, &moment.current)
            && (&slug.id, &slug.commit) == (&self.slug.id, &self.slug.commit)
            && !self.again
            && !is_rolled_back(moment)
        {
            let text = format!("{} runs {} already.", current.version, slug.commit.short());
            return Err(NotPlanned::Nothing(text));
        }
        let mut plan = Plan::unchanged(self.change(), moment);
        plan.code = Code::Take(Some(self.slug.clone()));
        plan.code_pinned = false;
        Ok(plan)
    }

    fn describe(&self) -> String {
        self.change().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, slug};
    use super::*;

    fn take(world: &World, digit: char, again: bool) -> Result<Plan, NotPlanned> {
        let slug = slug(digit);
        world.plan(&Take { slug, again })
    }

    #[test]
    fn a_slug_is_taken_as_it_is_and_lifts_the_pin() {
        let world = World::default().config(&[("A", "1")]).deployed('a');
        let world = world.deployed('b').running('a').pinned(true);
        let plan = take(&world, 'c', false).unwrap();
        assert_eq!(plan.change.to_string(), "Deploy ccccccc");
        assert_eq!((plan.config.len(), plan.code_pinned), (1, false));
        assert_eq!(plan.code, Code::Take(Some(slug('c'))));
    }

    #[test]
    fn what_runs_already_is_taken_again_only_where_that_is_asked_for() {
        let world = World::default().deployed('a').deployed('b');
        let nothing = take(&world, 'b', false).unwrap_err();
        assert_eq!(nothing.to_string(), "v2 runs bbbbbbb already.");
        assert!(take(&world, 'b', true).is_ok());
        assert!(take(&world, 'a', false).is_ok());
        let rolled_back = World::default().deployed('a').deployed('b').running('a');
        assert!(take(&rolled_back, 'a', false).is_ok());
    }
}
