//! Landlock: rules of the kernel that need no rights. They name what is allowed, so that everything
//! but what is hidden is named; and no process signals one that was not started by it. It must not know
//! what is hidden.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

/// The newest version that is made use of; an older kernel gives what it has.
const NEWEST: ABI = ABI::V6;

/// Rules by which files beneath `hidden` cannot be reached, but for those beneath `own`.
///
/// # Errors
/// Where the kernel has no Landlock.
pub(crate) fn hide(hidden: &[PathBuf], own: &Path) -> Result<RulesetCreated, RulesetError> {
    let mut allowed = beside(hidden);
    allowed.push(own.to_owned());
    let rules = path_beneath_rules(&allowed, AccessFs::from_all(NEWEST));
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(rules)
}

/// A rule by which no process signals one that was not started by it, and no more.
///
/// # Errors
/// Where the kernel has no such rule.
pub(crate) fn no_signals() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::Signal)?
        .create()
}

/// Everything that is beside some folders and what they are in: with them, it would be all.
fn beside(hidden: &[PathBuf]) -> Vec<PathBuf> {
    let above: BTreeSet<&Path> = hidden.iter().flat_map(|path| path.ancestors()).collect();
    let opened = above
        .iter()
        .filter(|path| !hidden.iter().any(|hidden| path.starts_with(hidden)));
    let entries = opened.flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
    let entries = entries.map(|entry| entry.path());
    entries
        .filter(|path| !above.contains(path.as_path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_beside_but_what_is_hidden_and_above_it() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/home/x", "a/other", "b/home2", "c"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let hidden = ["a/home", "b/home2"].map(|path| dir.path().join(path));
        let beside = beside(&hidden);
        let has = |path: &str| beside.contains(&dir.path().join(path));
        assert!(has("a/other") && has("c"));
        for path in ["a", "b", "a/home", "a/home/x", "b/home2"] {
            assert!(!has(path), "{path}");
        }
        assert!(beside.contains(&PathBuf::from("/usr")));
        assert!(!beside.contains(&PathBuf::from("/")));
    }
}
