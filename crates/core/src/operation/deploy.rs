//! `deploy` and `git push` (S2): new code, compiled with the present config vars.

use super::recompile::is_rolled_back;
use super::{Code, NotPlanned, Operation, Plan, View};
use crate::change::Change;
use crate::slug::{Commit, SourceId};

/// Deploys source that is in the store.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// The source.
    pub source: SourceId,
    /// The commit it came from.
    pub commit: Commit,
    /// One line a commit that it brings, newest first; may be empty.
    pub git_log: String,
}

impl Operation for Deploy {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let moment = view.moment;
        if let (Some(slug), Some(current)) = (&moment.state.slug, &moment.current)
            && (&slug.source, &slug.commit) == (&self.source, &self.commit)
            // A deploy of rolled-back code is what makes it stay (S22).
            && !is_rolled_back(moment)
        {
            let text = format!("{} runs {} already.", current.version, self.commit.short());
            return Err(NotPlanned::Nothing(text));
        }
        let mut plan = Plan::unchanged(
            Change::Deploy {
                commit: self.commit.clone(),
            },
            moment,
        );
        plan.code = Code::Compile {
            source: self.source.clone(),
            commit: self.commit.clone(),
        };
        plan.code_pinned = false;
        plan.git_log.clone_from(&self.git_log);
        Ok(plan)
    }

    fn describe(&self) -> String {
        Change::Deploy {
            commit: self.commit.clone(),
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, slug};
    use super::*;

    fn deploy(world: &World, digit: char) -> Result<Plan, NotPlanned> {
        let slug = slug(digit);
        let git_log = "* one".to_owned();
        world.plan(&Deploy {
            source: slug.source,
            commit: slug.commit,
            git_log,
        })
    }

    #[test]
    fn new_code_keeps_config_and_lifts_the_pin() {
        let world = World::default()
            .config(&[("A", "1")])
            .deployed('a')
            .deployed('b');
        let plan = deploy(&world.running('a').pinned(true), 'c').unwrap();
        assert_eq!(plan.change.to_string(), "Deploy ccccccc");
        assert_eq!((plan.config.len(), plan.code_pinned), (1, false));
        let slug = slug('c');
        assert_eq!(
            plan.code,
            Code::Compile {
                source: slug.source,
                commit: slug.commit
            }
        );
    }

    #[test]
    fn what_runs_already_is_not_deployed_again() {
        let world = World::default().deployed('a').deployed('b');
        let nothing = deploy(&world, 'b').unwrap_err();
        assert!(matches!(&nothing, NotPlanned::Nothing(_)));
        assert_eq!(nothing.to_string(), "v2 runs bbbbbbb already.");
        assert!(deploy(&world, 'a').is_ok());
    }

    #[test]
    fn rolled_back_code_is_deployed_to_make_it_stay() {
        let world = World::default().deployed('a').deployed('b').running('a');
        let plan = deploy(&world, 'a').unwrap();
        assert_eq!(plan.change.to_string(), "Deploy aaaaaaa");
    }
}
