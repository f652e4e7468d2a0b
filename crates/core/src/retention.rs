//! Applying a tier's answer safely (S10 to S13, S15): whatever a script answers, the current
//! release, its predecessor and what is pinned stay, and what failed after the current one stays
//! until the next one succeeds. A tier that fails prunes nothing.
//!
//! A tier sees the whole history each time, which costs the more the longer that is. So the tier of
//! a long history is not asked after every release but after every so many (`LONG`): the cost of a
//! release stays that of looking at 64 others.

use crate::addon::PlanName;
use crate::app::AppName;
use crate::corridor::{Engine, Failure};
use crate::operation::rollback::entry;
use crate::port::{Asked, HistoryEntry, Keep, LedgerError, Moment, Outline, PolicyError};
use crate::refusal::Refusal;
use crate::release::{Release, Status, Version};
use crate::time::Timestamp;

/// Why nothing was pruned.
#[derive(Debug, thiserror::Error)]
pub enum NotPruned {
    /// The tier failed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<NotPruned> for Failure {
    fn from(error: NotPruned) -> Self {
        match error {
            NotPruned::Policy(error) => Refusal::new(error.to_string()).into(),
            NotPruned::Ledger(error) => error.into(),
        }
    }
}

/// One release, as far as keeping it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub version: Version,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Whether it is pinned.
    pub pinned: bool,
}

/// What becomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays(Why),
    /// It goes.
    Goes,
}

/// Why a release stays: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is current.
    Current,
    /// It is newer than the current release, if there is one: it failed or is pending.
    Newer,
    /// It is what a rollback goes to: the newest before the current one that succeeded.
    Predecessor,
    /// It is pinned.
    Pinned,
    /// The tier keeps it.
    Tier,
}

/// What becomes of each release, in the order that they are given in, newest first. `keep` is the
/// tier's answer; `None` where there is no tier, and only the current release is kept (S10).
#[must_use]
pub fn fates(history: &[Standing], keep: Option<&Keep>) -> Vec<Fate> {
    let mut succeeded = history.iter().filter(|release| release.succeeded);
    let Some(current) = succeeded.next().map(|release| release.version) else {
        return vec![Fate::Stays(Why::Newer); history.len()];
    };
    let predecessor = succeeded.next().map(|release| release.version);
    let predecessor = predecessor.filter(|_| keep.is_some());
    let kept = |version: Version| match keep {
        None => false,
        Some(Keep::All) => true,
        Some(Keep::Only(versions)) => versions.contains(&version),
    };
    let fate = |release: &Standing| match release.version {
        version if version == current => Fate::Stays(Why::Current),
        version if version > current => Fate::Stays(Why::Newer),
        version if Some(version) == predecessor => Fate::Stays(Why::Predecessor),
        _ if release.pinned => Fate::Stays(Why::Pinned),
        version if kept(version) => Fate::Stays(Why::Tier),
        _ => Fate::Goes,
    };
    history.iter().map(fate).collect()
}

/// The releases that go, oldest first.
fn doomed(history: &[Standing], keep: Option<&Keep>) -> Vec<Version> {
    let fates = fates(history, keep);
    let all = history.iter().zip(fates).rev();
    let gone = all.filter(|(_, fate)| *fate == Fate::Goes);
    gone.map(|(release, _)| release.version).collect()
}

/// For each so many releases that are kept, the tier is asked one release less often: with fewer
/// than twice as many it is asked after every one.
const LONG: u64 = 64;
/// After so many seconds it is asked in any case, since what it keeps may depend on age.
const DAY: u64 = 86_400;

/// Removes what the app's tier does not keep, and answers the numbers, oldest first.
///
/// # Errors
/// [`NotPruned`]; nothing has been removed then.
pub fn prune(engine: &Engine<'_>, app: &AppName) -> Result<Vec<Version>, NotPruned> {
    let outline = engine.ledger.outline(app)?;
    let before = engine.ledger.asked(app)?;
    prune_now(engine, &outline, before.as_ref())
}

/// As [`prune`] after a release, where nobody waits for what comes of it: the tier of a long history
/// is asked only when enough releases were made since it was asked the last time, or a day has
/// passed.
///
/// # Errors
/// [`NotPruned`]; nothing has been removed then.
pub fn prune_where_due(engine: &Engine<'_>, app: &AppName) -> Result<(), NotPruned> {
    let outline = engine.ledger.outline(app)?;
    let before = engine.ledger.asked(app)?;
    let is_due = |before: &Asked| {
        let tier = outline.tier().is_some_and(|tier| *tier == before.tier);
        !tier || enough(before, outline.last, engine.clock.now())
    };
    if before.as_ref().is_none_or(is_due) {
        prune_now(engine, &outline, before.as_ref())?;
    }
    Ok(())
}

/// Whether a tier that was asked then is to be asked again.
fn enough(before: &Asked, last: Version, now: Timestamp) -> bool {
    let made = last.number().saturating_sub(before.last.number());
    // A clock that was set back says nothing of how much time has passed.
    let odd = now < before.at;
    odd || now.seconds_since(before.at) >= DAY || made >= (before.kept / LONG).max(1)
}

fn prune_now(
    engine: &Engine<'_>,
    outline: &Outline,
    before: Option<&Asked>,
) -> Result<Vec<Version>, NotPruned> {
    let (app, tier) = (&outline.app.name, outline.tier());
    let (kept, lost) = ask(engine, app, tier, None)?;
    let now = engine.clock.now();
    if !lost.is_empty() {
        engine.ledger.prune(app, &lost, now)?;
    }
    let long = tier.filter(|_| kept / LONG > 1).map(|tier| Asked {
        tier: tier.clone(),
        last: outline.last,
        kept,
        at: now,
    });
    if long.is_some() || before.is_some() {
        engine.ledger.set_asked(app, long.as_ref())?;
    }
    Ok(lost)
}

/// What would become of each release under a tier that is asked now, newest first; nothing is
/// changed. The tier need not be the app's, nor one that any app has.
///
/// # Errors
/// [`NotPruned`].
pub fn review(
    engine: &Engine<'_>,
    app: &AppName,
    tier: &PlanName,
) -> Result<Vec<(Release, Fate)>, NotPruned> {
    let now = engine.clock.now();
    let releases = engine.ledger.history(app, None, usize::MAX)?;
    let mut history = || releases.iter().map(|release| entry(release, now)).collect();
    let keep = engine.policies.keep(tier, &mut history)?;
    let standings: Vec<_> = releases.iter().map(standing).collect();
    let fates = fates(&standings, Some(&keep));
    Ok(releases.into_iter().zip(fates).collect())
}

fn standing(release: &Release) -> Standing {
    Standing {
        version: release.version,
        succeeded: release.status == Status::Succeeded,
        pinned: release.pinned,
    }
}

/// What would go under `tier` once one more release has succeeded (S14).
///
/// # Errors
/// [`NotPruned`].
pub fn doomed_after_next(
    engine: &Engine<'_>,
    app: &AppName,
    moment: &Moment,
    tier: Option<&PlanName>,
) -> Result<Vec<Version>, NotPruned> {
    let Some(current) = &moment.current else {
        return Ok(Vec::new());
    };
    let next = Release {
        version: moment.last.next(),
        ..current.clone()
    };
    ask(engine, app, tier, Some(next)).map(|(_, lost)| lost)
}

/// Asks the tier about the app's history with, where there is one, a release to come before it.
/// Answers how many releases it was shown and keeps, and those that go.
fn ask(
    engine: &Engine<'_>,
    app: &AppName,
    tier: Option<&PlanName>,
    next: Option<Release>,
) -> Result<(u64, Vec<Version>), NotPruned> {
    let now = engine.clock.now();
    let mut loaded: Option<Result<Vec<Release>, LedgerError>> = None;
    let mut load = || {
        let all = engine.ledger.history(app, None, usize::MAX);
        all.map(|all| next.clone().into_iter().chain(all).collect::<Vec<_>>())
    };
    let keep = match tier {
        None => None,
        Some(tier) => {
            let mut history = || -> Vec<HistoryEntry> {
                let releases = loaded.get_or_insert_with(&mut load);
                releases
                    .iter()
                    .flatten()
                    .map(|release| entry(release, now))
                    .collect()
            };
            Some(engine.policies.keep(tier, &mut history)?)
        }
    };
    if keep == Some(Keep::All) {
        let shown = loaded.transpose()?.map_or(0, |shown| shown.len());
        return Ok((shown as u64, Vec::new()));
    }
    let releases = loaded.unwrap_or_else(load)?;
    let standings: Vec<_> = releases.iter().map(standing).collect();
    let lost = doomed(&standings, keep.as_ref());
    Ok(((standings.len() - lost.len()) as u64, lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only<const N: usize>(numbers: [u64; N]) -> Keep {
        Keep::Only(numbers.into_iter().map(Version::new).collect())
    }

    /// `s` succeeded, `f` failed, in capitals where it is pinned; the oldest is v1.
    fn standings(history: &str) -> Vec<Standing> {
        let numbered = history.chars().zip(1..).map(|(status, number)| Standing {
            version: Version::new(number),
            succeeded: status.eq_ignore_ascii_case(&'s'),
            pinned: status.is_ascii_uppercase(),
        });
        numbered.collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn check(history: &str, keep: Option<&Keep>, expected: &[u64]) {
        let newest_first = standings(history);
        let lost: Vec<_> = doomed(&newest_first, keep)
            .iter()
            .map(|v| v.number())
            .collect();
        assert_eq!(lost, expected, "{history} {keep:?}");
    }

    #[test]
    fn without_a_tier_only_the_current_release_stays() {
        check("", None, &[]);
        check("s", None, &[]);
        check("sss", None, &[1, 2]);
        check("ssf", None, &[1]);
        check("sfs", None, &[1, 2]);
        check("ff", None, &[]);
    }

    #[test]
    fn whatever_a_tier_answers_current_predecessor_and_new_failures_stay() {
        let nothing = only([]);
        check("ssss", Some(&nothing), &[1, 2]);
        check("ssff", Some(&nothing), &[]);
        check("ssfs", Some(&nothing), &[1, 3]);
        check("ssss", Some(&only([1, 99])), &[2]);
        check("sfss", Some(&Keep::All), &[]);
    }

    #[test]
    fn what_is_pinned_stays_with_and_without_a_tier() {
        check("SsFss", Some(&only([])), &[2]);
        check("SsFss", None, &[2, 4]);
        check("Ssss", Some(&only([2])), &[]);
    }

    #[test]
    fn each_release_that_stays_has_its_reason() {
        let stays = Fate::Stays;
        let found = fates(&standings("sSsfsf"), Some(&only([1, 5, 9])));
        let expected = [
            stays(Why::Newer),
            stays(Why::Current),
            Fate::Goes,
            stays(Why::Predecessor),
            stays(Why::Pinned),
            stays(Why::Tier),
        ];
        assert_eq!(found, expected);
        assert_eq!(fates(&standings("ff"), None), [stays(Why::Newer); 2]);
    }
}
