//! What is kept (S10 to S15), and what is said of a release that is not. It must not know why a tier
//! keeps what it keeps.

use std::collections::BTreeSet;

use super::{Answer, App, Command, Model, Says, Wish};
use crate::world::{Fails, tiers};

/// Without a tier there is no history to see (S10).
pub(super) fn no_tier() -> Says {
    Says::Hinted(
        "Please install the Release Management add-on to access release history".to_owned(),
        "slugline addons:add releases:basic".to_owned(),
    )
}

impl App {
    /// Refuses a release that is not kept, or an app without a tier (S10, S20).
    pub(super) fn kept(&self, version: u64) -> Result<(), Answer> {
        let Some(tier) = self.state.tier() else {
            return Err(Answer::refused([no_tier()]));
        };
        if self.releases.contains_key(&version) {
            return Ok(());
        }
        let last = self.last;
        let text = if last == 0 {
            return Err(Answer::refused([Says::Something]));
        } else if version > last || version == 0 {
            format!("There is no release v{version}; the newest is v{last}")
        } else {
            format!("v{version} is no longer kept: {tier} has pruned it")
        };
        Err(Answer::refused([Says::Exactly(text)]))
    }

    /// What stays of the history under a tier, or without one.
    fn stays(&self, tier: Option<&str>) -> BTreeSet<u64> {
        let current = self.current.unwrap_or_default();
        let all: BTreeSet<u64> = self.releases.keys().copied().collect();
        let seen = self.releases.iter().rev();
        let seen: Vec<_> = seen
            .map(|(version, it)| (*version, it.failed.is_none()))
            .collect();
        let mut stays = match tier {
            Some(plan) => {
                let tier = plan.split(':').nth(1).unwrap_or_default();
                let mut kept = tiers::keeps(tier, &seen).unwrap_or_else(|| all.clone());
                kept.extend(self.before(current).next());
                kept
            }
            None => BTreeSet::new(),
        };
        stays.extend(self.releases.range(current..).map(|(version, _)| *version));
        let pinned = self.releases.iter().filter(|(_, release)| release.pinned);
        stays.extend(pinned.map(|(version, _)| *version));
        &stays & &all
    }
}

impl Model {
    /// Prunes, and answers what is gone (S15).
    pub(super) fn prune(&mut self, name: &'static str) -> Vec<u64> {
        let Some(app) = self.apps.get_mut(name) else {
            return Vec::new();
        };
        let tier = app.state.tier().map(str::to_owned);
        let stays = app.stays(tier.as_deref());
        let gone = app
            .releases
            .keys()
            .filter(|version| !stays.contains(version));
        let gone = gone.copied().collect();
        app.releases.retain(|version, _| stays.contains(version));
        gone
    }

    /// What the tier and the checks say: all their reasons (S14, S20, S26).
    pub(super) fn check(&mut self, command: &Command, wish: &Wish) -> Result<(), Answer> {
        let mut says = Vec::new();
        let app = self.app(command.app);
        let tier = app.state.tier().unwrap_or_default();
        if let Some((target, steps)) = wish.back {
            let name = tier.split(':').nth(1).unwrap_or_default();
            says.extend(tiers::permits(name, target, steps).err().map(Says::Exactly));
        }
        let fails = command.fails == Some(Fails::Keep);
        if !command.confirmed && asks(app, wish, fails) {
            says.push(Says::Something);
        }
        if command.fails == Some(Fails::Check) {
            says.push(Says::Exactly(format!("cap: no {}", wish.change)));
        }
        if says.is_empty() {
            Ok(())
        } else {
            Err(Answer::refused(says))
        }
    }
}

fn tier_after(wish: &Wish) -> Option<&str> {
    wish.addons.get("releases").map(|(plan, _)| plan.as_str())
}

/// Whether a change of the tier loses releases that would stay without it (S14). A tier that cannot
/// say what it keeps loses nothing where it is left (S13), and is not moved to unheard.
fn asks(app: &App, wish: &Wish, fails: bool) -> bool {
    let after = tier_after(wish);
    if app.state.tier().is_none() || app.state.tier() == after {
        return false;
    }
    if fails && after.is_some() && !app.releases.is_empty() {
        return true;
    }
    // The release that the change makes is there by then.
    let mut then = app.clone();
    then.last += 1;
    then.current = Some(then.last);
    let release = super::Release {
        change: String::new(),
        actor: "",
        at: 0,
        failed: None,
        bad: false,
        state: super::State::default(),
        pinned: false,
    };
    then.releases.insert(then.last, release);
    let anyway = match fails {
        true => then.releases.keys().copied().collect(),
        false => then.stays(app.state.tier()),
    };
    !anyway.is_subset(&then.stays(after))
}
