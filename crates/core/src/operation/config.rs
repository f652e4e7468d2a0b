//! `config:add` and `config:remove` (S2, S5, S7, S8).

use std::collections::{BTreeMap, BTreeSet};

use super::recompile::recompile;
use super::{NotPlanned, Operation, Plan, View};
use crate::change::Change;
use crate::config::{ConfigKey, ConfigValue, ConfigVar, ConfigVars, Owner};
use crate::refusal::Refusal;
use crate::suggest::nearest;

/// Sets config vars, in one release however many they are.
#[derive(Clone, Debug)]
pub struct Add {
    /// The vars; of a key that is named twice, the later value counts.
    pub vars: BTreeMap<ConfigKey, ConfigValue>,
}

/// Removes config vars, in one release however many they are.
#[derive(Clone, Debug)]
pub struct Remove {
    /// Their keys.
    pub keys: BTreeSet<ConfigKey>,
}

/// Sets some config vars and removes others, in one release. What is not set already is removed
/// without a word, and what is as it is to be is left alone, also where an add-on lends it: editors
/// send back all that they were shown.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The vars to set.
    pub set: BTreeMap<ConfigKey, ConfigValue>,
    /// The keys to remove; one that is also set is set.
    pub remove: BTreeSet<ConfigKey>,
}

impl Operation for Add {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        refuse_lent(&view.moment.state.config, self.vars.keys())?;
        edited(view, &self.vars, &BTreeSet::new())?.ok_or_else(|| {
            let text = match self.vars.len() {
                1 => "It has that value already; nothing has been changed.",
                _ => "They have those values already; nothing has been changed.",
            };
            NotPlanned::Nothing(text.to_owned())
        })
    }

    fn describe(&self) -> String {
        Change::ConfigAdd {
            keys: self.vars.keys().cloned().collect(),
        }
        .to_string()
    }
}

impl Operation for Remove {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let now = &view.moment.state.config;
        refuse_lent(now, self.keys.iter())?;
        let is_set = |key: &&ConfigKey| now.get(key).is_some();
        let unset: BTreeSet<_> = self
            .keys
            .iter()
            .filter(|key| !is_set(key))
            .cloned()
            .collect();
        let missing = (!unset.is_empty()).then(|| not_set(now, &unset));
        match edited(view, &BTreeMap::new(), &self.keys)? {
            None => Err(NotPlanned::Nothing(missing.unwrap_or_default())),
            Some(mut plan) => {
                plan.warnings.extend(missing);
                Ok(plan)
            }
        }
    }

    fn describe(&self) -> String {
        Change::ConfigRemove {
            keys: self.keys.clone(),
        }
        .to_string()
    }
}

impl Operation for Edit {
    fn plan(&self, view: &View<'_>) -> Result<Plan, NotPlanned> {
        let now = &view.moment.state.config;
        let differs = |key: &ConfigKey, value: &ConfigValue| {
            now.get(key).is_none_or(|var| var.value != *value)
        };
        let mut set = self.set.clone();
        set.retain(|key, value| differs(key, value));
        let mut remove = self.remove.clone();
        remove.retain(|key| !self.set.contains_key(key));
        refuse_lent(now, set.keys().chain(&remove))?;
        let text = "The config vars are like that already; nothing has been changed.";
        edited(view, &set, &remove)?.ok_or_else(|| NotPlanned::Nothing(text.to_owned()))
    }

    fn describe(&self) -> String {
        change(
            self.set.keys().cloned().collect(),
            self.remove.iter().cloned().collect(),
        )
        .to_string()
    }
}

/// The change of these keys.
fn change(added: BTreeSet<ConfigKey>, removed: BTreeSet<ConfigKey>) -> Change {
    match (added.is_empty(), removed.is_empty()) {
        (false, false) => Change::ConfigEdit { added, removed },
        (true, _) => Change::ConfigRemove { keys: removed },
        (_, true) => Change::ConfigAdd { keys: added },
    }
}

/// The plan that sets and removes these; `None` where that changes nothing.
fn edited(
    view: &View<'_>,
    set: &BTreeMap<ConfigKey, ConfigValue>,
    remove: &BTreeSet<ConfigKey>,
) -> Result<Option<Plan>, NotPlanned> {
    let now = &view.moment.state.config;
    let has =
        |key: &ConfigKey, value: &ConfigValue| now.get(key).is_some_and(|var| var.value == *value);
    let added = set.iter().filter(|(key, value)| !has(key, value));
    let added: BTreeSet<_> = added.map(|(key, _)| key.clone()).collect();
    let goes = |key: &&ConfigKey| now.get(key).is_some() && !set.contains_key(key);
    let removed: BTreeSet<_> = remove.iter().filter(goes).cloned().collect();
    if added.is_empty() && removed.is_empty() {
        return Ok(None);
    }
    let mut plan = changed(view, change(added, removed.clone()));
    for key in &removed {
        plan.config.remove(key);
    }
    for (key, value) in set {
        let var = ConfigVar {
            value: value.clone(),
            owner: Owner::User,
        };
        plan.config.insert(key.clone(), var);
    }
    if !set.is_empty() {
        plan.config_with(view.resources.values())?;
    }
    Ok(Some(plan))
}

fn changed(view: &View<'_>, change: Change) -> Plan {
    let mut plan = Plan::unchanged(change, view.moment);
    let (code, warning) = recompile(view.moment);
    plan.code = code;
    plan.warnings.extend(warning);
    plan
}

/// S8: an add-on's var is not the user's to change.
fn refuse_lent<'a>(
    now: &ConfigVars,
    keys: impl Iterator<Item = &'a ConfigKey>,
) -> Result<(), NotPlanned> {
    let lent = |key: &ConfigKey| match now.get(key).map(|var| &var.owner) {
        Some(Owner::Addon(service)) => Some(Refusal::new(format!(
            "{key} belongs to {service}. Remove the add-on to remove it."
        ))),
        _ => None,
    };
    let refusals: Vec<_> = keys.filter_map(lent).collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(NotPlanned::Refused(refusals))
    }
}

fn not_set(now: &ConfigVars, unset: &BTreeSet<ConfigKey>) -> String {
    let lines = unset.iter().map(|key| {
        let known = now.iter().map(|(key, _)| key.as_str());
        match nearest(key.as_str(), known) {
            Some(meant) => format!("{key} is not set. Did you mean {meant}?"),
            None => format!("{key} is not set."),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::super::fixture::{World, key, value};
    use super::*;

    fn add(world: &World, vars: &[(&str, &str)]) -> Result<Plan, NotPlanned> {
        let vars = vars.iter().map(|(k, v)| (key(k), value(v))).collect();
        world.plan(&Add { vars })
    }

    fn remove(world: &World, keys: &[&str]) -> Result<Plan, NotPlanned> {
        world.plan(&Remove {
            keys: keys.iter().map(|k| key(k)).collect(),
        })
    }

    #[test]
    fn many_vars_are_one_change_and_only_what_differs_is_named() {
        let world = World::default().config(&[("A", "1")]);
        let plan = add(&world, &[("C", "3"), ("B", ""), ("A", "1")]).unwrap();
        assert_eq!(plan.change.to_string(), "Config add B, C");
        assert_eq!(plan.config.len(), 3);
    }

    #[test]
    fn what_is_set_and_what_is_removed_are_one_change() {
        let world = World::default().config(&[("A", "1"), ("B", "2"), ("C", "3")]);
        let edit = |set: &[(&str, &str)], remove: &[&str]| {
            world.plan(&Edit {
                set: set.iter().map(|(k, v)| (key(k), value(v))).collect(),
                remove: remove.iter().map(|k| key(k)).collect(),
            })
        };
        let plan = edit(&[("A", "1"), ("B", "x")], &["C", "NONE"]).unwrap();
        assert_eq!(plan.change.to_string(), "Config add B, remove C");
        let keys: Vec<_> = plan.config.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["A", "B"]);
        let text = |set: &[_], remove: &[_]| edit(set, remove).unwrap().change.to_string();
        assert_eq!(text(&[("D", "")], &["NONE"]), "Config add D");
        assert_eq!(text(&[("A", "1")], &["B"]), "Config remove B");
        assert_eq!(text(&[("A", "2")], &["A"]), "Config add A");
        assert!(matches!(
            edit(&[("A", "1")], &["NONE"]),
            Err(NotPlanned::Nothing(_))
        ));
    }

    #[test]
    fn what_would_change_nothing_makes_no_release() {
        let world = World::default().config(&[("RACK_ENV", "x")]);
        let check = |result: Result<Plan, NotPlanned>, text: &str| match result {
            Err(NotPlanned::Nothing(said)) => assert_eq!(said, text),
            other => panic!("{other:?}"),
        };
        let same = "It has that value already; nothing has been changed.";
        check(add(&world, &[("RACK_ENV", "x")]), same);
        check(remove(&world, &["B"]), "B is not set.");
        check(
            remove(&world, &["RAK_ENV"]),
            "RAK_ENV is not set. Did you mean RACK_ENV?",
        );
    }

    #[test]
    fn a_removal_takes_what_is_set_and_tells_of_the_rest() {
        let world = World::default().config(&[("A", "1"), ("B", "2")]);
        let plan = remove(&world, &["A", "X"]).unwrap();
        assert_eq!(plan.change.to_string(), "Config remove A");
        assert_eq!(plan.warnings, ["X is not set."]);
        assert_eq!(plan.config.len(), 1);
    }

    #[test]
    fn an_addons_var_is_not_the_users() {
        let world = World::default().addon("memcache:free", &[("MEMCACHE_SERVERS", "here")]);
        let text = "MEMCACHE_SERVERS belongs to memcache. Remove the add-on to remove it.";
        let set = add(&world, &[("MEMCACHE_SERVERS", "there")]).unwrap_err();
        assert_eq!(set.to_string(), text);
        assert_eq!(
            remove(&world, &["MEMCACHE_SERVERS"])
                .unwrap_err()
                .to_string(),
            text
        );
    }

    #[test]
    fn an_edit_that_sends_back_what_is_lent_leaves_it_alone() {
        let world = World::default().addon("memcache:free", &[("LENT", "here")]);
        let edit = |set: &[(&str, &str)], remove: &[&str]| {
            world.plan(&Edit {
                set: set.iter().map(|(k, v)| (key(k), value(v))).collect(),
                remove: remove.iter().map(|k| key(k)).collect(),
            })
        };
        let plan = edit(&[("A", "1"), ("LENT", "here")], &[]).unwrap();
        assert_eq!(plan.change.to_string(), "Config add A");
        let lent = plan.config.get(&key("LENT"));
        assert!(lent.is_none_or(|var| var.owner != Owner::User));
        let same = edit(&[("LENT", "here")], &["LENT"]);
        assert!(matches!(same, Err(NotPlanned::Nothing(_))));
        for refused in [edit(&[("LENT", "there")], &[]), edit(&[], &["LENT"])] {
            assert!(matches!(refused, Err(NotPlanned::Refused(_))));
        }
    }

    #[test]
    fn the_limit_counts_what_addons_lend() {
        let world = World::default().addon("memcache:free", &[("M", &"x".repeat(40_000))]);
        let error = add(&world, &[("K", &"x".repeat(30_000))]).unwrap_err();
        let text = "config vars would take 70002 bytes together; the limit is 65536";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn rolled_back_code_is_left_unless_pinned() {
        let check = |pinned: bool, commit: char, warned: bool| {
            let world = World::default()
                .deployed('a')
                .deployed('b')
                .running('a')
                .pinned(pinned);
            let plan = add(&world, &[("K", "1")]).unwrap();
            let Code::Compile { commit: taken, .. } = &plan.code else {
                panic!("{plan:?}")
            };
            assert!(taken.as_str().starts_with(commit));
            assert_eq!(!plan.warnings.is_empty(), warned, "{:?}", plan.warnings);
        };
        check(false, 'b', true);
        check(true, 'a', false);
        let world = World::default().deployed('a').deployed('b');
        assert_eq!(add(&world, &[("K", "1")]).unwrap().warnings, [""; 0]);
    }
}
