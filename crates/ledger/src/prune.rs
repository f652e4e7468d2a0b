//! Pruning: releases go, and with them whatever only they needed (S15). It must not decide which
//! ones go.
//!
//! An interval is still needed as long as a release that is kept lies in it. Only intervals that
//! lie whole between two neighbours that are kept can have lost their last one, so it is enough to
//! look there; what the history holds elsewhere costs nothing.

use std::collections::BTreeSet;

use rusqlite::Connection;
use slugline_core::app::AppName;
use slugline_core::release::Version;
use slugline_core::time::Timestamp;

use crate::addons::InstalledAddons;
use crate::commit::counters;
use crate::config::Config;
use crate::connection::{commit, writing};
use crate::decode::number;
use crate::fault::Result;
use crate::interval::{Gap, forget};
use crate::{slugs, sql};

/// See [`slugline_core::port::Ledger::prune`].
pub(crate) fn prune(
    db: &Connection,
    app: &AppName,
    versions: &[Version],
    at: Timestamp,
) -> Result<()> {
    let tx = writing(db)?;
    let counters = counters(&tx, app)?;
    let id = counters.id;
    // No release has the number 0: without a current one, none is spared for it.
    let current = counters.current.unwrap_or(0);
    let wanted: BTreeSet<i64> = versions.iter().map(|version| number(*version)).collect();
    let (mut pruned, mut slugs) = (Vec::new(), BTreeSet::new());
    for stretch in stretches(wanted) {
        for (version, slug) in drop_releases(&tx, id, stretch, current, at)? {
            pruned.push(version);
            slugs.extend(slug);
        }
    }
    pruned.sort_unstable();
    let gaps = gaps(&tx, id, &pruned)?;
    forget::<Config>(&tx, id, &gaps)?;
    forget::<InstalledAddons>(&tx, id, &gaps)?;
    slugs::drop_unused(&tx, slugs)?;
    commit(tx)
}

/// Numbers without a hole between them, first and last: most of what goes follows each other, and
/// one statement for a thousand is far cheaper than a thousand.
fn stretches(numbers: BTreeSet<i64>) -> Vec<(i64, i64)> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match stretches.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => stretches.push((number, number)),
        }
    }
    stretches
}

/// Removes those releases of a stretch that may be removed, and answers their numbers, each with
/// the slug that it had.
fn drop_releases(
    db: &Connection,
    app: i64,
    (first, last): (i64, i64),
    current: i64,
    at: Timestamp,
) -> Result<Vec<(i64, Option<i64>)>> {
    db.prepare_cached(sql::ADD_RECEIPTS)?
        .execute([app, first, last, current, at.0])?;
    let mut releases = db.prepare_cached(sql::DROP_RELEASES)?;
    let gone = releases.query_map([app, first, last, current], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(gone.collect::<std::result::Result<_, _>>()?)
}

/// The stretches without a release around the numbers that were pruned, sorted as these are.
fn gaps(db: &Connection, app: i64, pruned: &[i64]) -> Result<Vec<Gap>> {
    let mut neighbours = db.prepare_cached(sql::NEIGHBOURS)?;
    let mut gaps: Vec<Gap> = Vec::new();
    for version in pruned {
        if gaps.last().is_some_and(|gap| *version < gap.before) {
            continue;
        }
        gaps.push(neighbours.query_row([app, *version], |row| {
            let (below, above): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok(Gap {
                after: below.unwrap_or(0),
                before: above.unwrap_or(i64::MAX),
            })
        })?);
    }
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::stretches;

    #[test]
    fn numbers_that_follow_each_other_are_one_stretch() {
        let check = |numbers: &[i64], expected: &[(i64, i64)]| {
            assert_eq!(stretches(numbers.iter().copied().collect()), expected);
        };
        check(&[], &[]);
        check(&[5], &[(5, 5)]);
        check(&[3, 1, 2, 7, 9, 8, 5], &[(1, 3), (5, 5), (7, 9)]);
        check(&[i64::MAX, i64::MAX - 1], &[(i64::MAX - 1, i64::MAX)]);
    }
}
