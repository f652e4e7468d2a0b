//! Pruning: releases go, and with them whatever only they needed (S15). It must not decide which
//! ones go.
//!
//! An interval is still needed as long as a release that is kept lies in it. Only intervals that
//! lie whole between two neighbours that are kept can have lost their last one, so it is enough to
//! look there; what the history holds elsewhere costs nothing.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::app::AppName;
use slugline_core::release::Version;
use slugline_core::time::Timestamp;

use crate::addons::InstalledAddons;
use crate::commit::counters;
use crate::config::Config;
use crate::connection::writing;
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
    for version in wanted {
        if let Some(slug) = drop_release(&tx, id, version, at, current)? {
            pruned.push(version);
            slugs.extend(slug);
        }
    }
    let gaps = gaps(&tx, id, &pruned)?;
    forget::<Config>(&tx, id, &gaps)?;
    forget::<InstalledAddons>(&tx, id, &gaps)?;
    slugs::drop_unused(&tx, slugs)?;
    Ok(tx.commit()?)
}

/// Removes one release where it may be removed, and answers the slug that it had.
fn drop_release(
    db: &Connection,
    app: i64,
    version: i64,
    at: Timestamp,
    current: i64,
) -> Result<Option<Option<i64>>> {
    let mut receipt = db.prepare_cached(sql::ADD_RECEIPT)?;
    if receipt.execute(params![app, version, at.0, current])? == 0 {
        return Ok(None);
    }
    let mut release = db.prepare_cached(sql::DROP_RELEASE)?;
    Ok(release
        .query_row([app, version], |row| row.get(0))
        .optional()?)
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
