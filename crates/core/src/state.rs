//! What an app is at one moment (S3), and what differs between two moments. It must not know which
//! release a state belongs to.

use std::collections::BTreeSet;

use crate::addon::{Addons, PlanName, ServiceName};
use crate::config::{ConfigKey, ConfigVars};
use crate::slug::Slug;

/// The three things that a release is a snapshot of (S3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The code; `None` before the first deploy.
    pub slug: Option<Slug>,
    /// The config vars, those that add-ons lend among them.
    pub config: ConfigVars,
    /// The add-ons.
    pub addons: Addons,
}

/// How one config var differs between two states. Values are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// Only the later state has it.
    Added,
    /// Only the earlier state has it.
    Removed,
    /// Both have it, with different values.
    Changed,
}

/// What differs between two states, without a single value (S3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Code before and after, where it is not the same slug.
    pub code: Option<(Option<Slug>, Option<Slug>)>,
    /// The config vars that differ, sorted by key.
    pub config: Vec<(ConfigKey, Differs)>,
    /// Plans that only the later state has, sorted.
    pub added: Vec<PlanName>,
    /// Plans that only the earlier state has, sorted.
    pub removed: Vec<PlanName>,
}

impl Difference {
    /// What turns `before` into `after`.
    #[must_use]
    pub fn between(before: &State, after: &State) -> Self {
        let id = |state: &State| {
            state
                .slug
                .as_ref()
                .map(|slug| (slug.id.clone(), slug.commit.clone()))
        };
        let code = (id(before) != id(after)).then(|| (before.slug.clone(), after.slug.clone()));
        let (added, removed) = plans_between(&before.addons, &after.addons);
        Self {
            code,
            config: config_between(&before.config, &after.config),
            added,
            removed,
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn config_between(before: &ConfigVars, after: &ConfigVars) -> Vec<(ConfigKey, Differs)> {
    let keys: BTreeSet<_> = before
        .iter()
        .chain(after.iter())
        .map(|(key, _)| key)
        .collect();
    let differs = |key| match (before.get(key), after.get(key)) {
        (None, Some(_)) => Some(Differs::Added),
        (Some(_), None) => Some(Differs::Removed),
        (Some(a), Some(b)) if a.value != b.value => Some(Differs::Changed),
        _ => None,
    };
    keys.into_iter()
        .filter_map(|key| differs(key).map(|how| (key.clone(), how)))
        .collect()
}

/// The plans that only `after` has, and those that only `before` has, each sorted.
#[must_use]
pub fn plans_between(before: &Addons, after: &Addons) -> (Vec<PlanName>, Vec<PlanName>) {
    let plans = |addons: &Addons| -> BTreeSet<PlanName> {
        addons.values().map(|addon| addon.plan.clone()).collect()
    };
    let (before, after) = (plans(before), plans(after));
    let only = |a: &BTreeSet<PlanName>, b: &BTreeSet<PlanName>| a.difference(b).cloned().collect();
    (only(&after, &before), only(&before, &after))
}

impl State {
    /// The tier that tracks the app's releases (S9).
    #[must_use]
    pub fn tier(&self) -> Option<&PlanName> {
        self.addons
            .get(&ServiceName::tier())
            .map(|addon| &addon.plan)
    }
}
