//! Going back (S10, S16 to S22). It must not know what a tier says of it.

use std::collections::BTreeSet;

use super::wish::{Make, Wish};
use super::{Answer, App, Half, Says, keep};

fn refused(text: String) -> Answer {
    Answer::refused([Says::Exactly(text)])
}

impl App {
    /// The plans of a release that are compared: one from before the first tier is compared without
    /// it (S18).
    fn plans(&self, target: u64) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let then = self.releases.get(&target).map(|release| &release.state);
        let untracked = then.is_some_and(|state| state.tier().is_none());
        let now = self.state.addons.iter();
        let now = now.filter(|(service, _)| !(untracked && *service == "releases"));
        let then = then.into_iter().flat_map(|state| state.addons.values());
        (
            now.map(|(_, (plan, _))| plan.as_str()).collect(),
            then.map(|(plan, _)| plan.as_str()).collect(),
        )
    }

    /// Where a rollback goes that names no release: what failed or went bad is passed over, and behind
    /// one that went bad also what is the same as now (S16).
    fn good_before(&self, current: u64, half: Option<Half>) -> Option<u64> {
        let mut behind_bad = false;
        self.before(current).find(|version| {
            let Some(release) = self.releases.get(version) else {
                return false;
            };
            behind_bad |= release.bad;
            let code = half == Some(Half::Config) || release.state.code == self.state.code;
            let config = half == Some(Half::Code) || release.state.own() == self.state.own();
            !(release.bad || (behind_bad && code && config))
        })
    }

    /// Why the rules forbid going back to a release that is kept.
    fn forbidden(&self, target: u64) -> Option<String> {
        let release = self.releases.get(&target)?;
        if self.current == Some(target) {
            return Some(format!("v{target} is the current release"));
        }
        if let Some(why) = release.failed {
            return Some(format!("v{target} failed and never ran: {why}"));
        }
        if release.state.code.is_none() && self.state.code.is_some() {
            return Some(format!(
                "v{target} has no code: it is from before the first deploy"
            ));
        }
        let (now, then) = self.plans(target);
        if now == then {
            return None;
        }
        let added = now.difference(&then).map(|plan| format!("\n+ {plan}"));
        let removed = then.difference(&now).map(|plan| format!("\n- {plan}"));
        let lines: String = added.chain(removed).collect();
        Some(format!(
            "Cannot rollback to a release that had a different set of addons installed{lines}"
        ))
    }
}

pub(super) fn rollback(
    app: &App,
    target: Option<u64>,
    half: Option<Half>,
    pin: bool,
) -> Result<Wish, Answer> {
    if app.state.tier().is_none() {
        return Err(Answer::refused([keep::no_tier()]));
    }
    let current = app.current.unwrap_or_default();
    let named = target.is_some();
    let target = match target {
        Some(target) => target,
        None => app
            .good_before(current, half)
            .ok_or_else(|| refused("There is no earlier release to roll back to".to_owned()))?,
    };
    app.kept(target)?;
    if let Some(why) = app.forbidden(target) {
        return Err(refused(why));
    }
    let text = match half {
        None => format!("Rollback to v{target}"),
        Some(Half::Code) => format!("Rollback to v{target} (code)"),
        Some(Half::Config) => format!("Rollback to v{target} (config)"),
    };
    let mut wish = Wish::unchanged(app, text);
    let then = app.releases.get(&target).map(|release| &release.state);
    let then = then.ok_or_else(|| Answer::new("no release"))?;
    if half != Some(Half::Config) {
        wish.code = then.code.clone().map(Make::Take);
        // What is pinned is this code, and no other that was pinned before.
        wish.code_pinned = pin;
    }
    if half != Some(Half::Code) {
        wish.own = then.own();
    }
    let same_code = half == Some(Half::Config) || then.code == app.state.code;
    if same_code && wish.own == app.state.own() && wish.code_pinned == app.code_pinned {
        return Err(Answer::nothing(Says::Something));
    }
    if !named {
        // Each that was skipped is named, with its reason (S16).
        wish.warnings = app.releases.range(target + 1..current).count();
    } else if app.releases.get(&target).is_some_and(|it| it.bad) {
        wish.warnings = 1;
    }
    let steps = app
        .before(current)
        .filter(|version| *version >= target)
        .count();
    wish.back = Some((target, steps as u64));
    Ok(wish)
}
