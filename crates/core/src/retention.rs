//! Applying a tier's answer safely (S10 to S13, S15): whatever a script answers, the current
//! release and its predecessor stay, and what failed after the current one stays until the next
//! one succeeds. A tier that fails prunes nothing.

use crate::addon::PlanName;
use crate::app::AppName;
use crate::corridor::Engine;
use crate::operation::rollback::entry;
use crate::port::{HistoryEntry, Keep, LedgerError, Moment, PolicyError};
use crate::release::{Release, Status, Version};

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

/// One release, as far as keeping it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub version: Version,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// The releases that go, oldest first, given the tier's answer: `None` where there is no tier, and
/// only the current release is kept (S10). `history` is newest first.
#[must_use]
pub fn doomed(history: &[Kept], keep: Option<&Keep>) -> Vec<Version> {
    let mut succeeded = history.iter().filter(|release| release.succeeded);
    let Some(current) = succeeded.next().map(|release| release.version) else {
        return Vec::new();
    };
    let predecessor = succeeded.next().map(|release| release.version);
    let wanted = |version: Version| match keep {
        None => false,
        Some(Keep::All) => true,
        Some(Keep::Only(versions)) => versions.contains(&version) || Some(version) == predecessor,
    };
    let goes = |release: &&Kept| release.version < current && !wanted(release.version);
    history
        .iter()
        .rev()
        .filter(goes)
        .map(|release| release.version)
        .collect()
}

/// Removes what the app's tier does not keep, and answers the numbers.
///
/// # Errors
/// [`NotPruned`]; nothing has been removed then.
pub fn prune(engine: &Engine<'_>, app: &AppName) -> Result<Vec<Version>, NotPruned> {
    let moment = engine.ledger.moment(app)?;
    let lost = ask(engine, app, moment.state.tier(), None)?;
    if !lost.is_empty() {
        engine.ledger.prune(app, &lost, engine.clock.now())?;
    }
    Ok(lost)
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
    ask(engine, app, tier, Some(next))
}

/// Asks the tier about the app's history with, where there is one, a release to come before it.
fn ask(
    engine: &Engine<'_>,
    app: &AppName,
    tier: Option<&PlanName>,
    next: Option<Release>,
) -> Result<Vec<Version>, NotPruned> {
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
        return Ok(Vec::new());
    }
    let releases = loaded.unwrap_or_else(load)?;
    let kept = |release: &Release| Kept {
        version: release.version,
        succeeded: release.status == Status::Succeeded,
    };
    Ok(doomed(
        &releases.iter().map(kept).collect::<Vec<_>>(),
        keep.as_ref(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only<const N: usize>(numbers: [u64; N]) -> Keep {
        Keep::Only(numbers.into_iter().map(Version::new).collect())
    }

    /// `s` succeeded, `f` failed; the oldest is v1.
    fn check(history: &str, keep: Option<&Keep>, expected: &[u64]) {
        let numbered = history.chars().zip(1..).map(|(status, number)| Kept {
            version: Version::new(number),
            succeeded: status == 's',
        });
        let newest_first: Vec<_> = numbered.collect::<Vec<_>>().into_iter().rev().collect();
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
}
