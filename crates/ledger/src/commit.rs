//! The two writes that make a release: recorded as pending, then settled. It must not know why a
//! release failed or what its events say.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::port::{LedgerError, NewRelease, Outcome, Settlement};
use slugline_core::release::Version;
use slugline_core::state::State;

use crate::addons::InstalledAddons;
use crate::config::Config;
use crate::connection::writing;
use crate::decode::{self, integer_or_null, json, number, text};
use crate::fault::Result;
use crate::interval::Next;
use crate::newest::Newest;
use crate::origins::Origin;
use crate::sealing::Keys;
use crate::{chain, interval, journal, origins, plugin_sets, slugs, sql, usage};

/// What an app's row counts and points at.
pub(crate) struct Counters {
    pub(crate) id: i64,
    pub(crate) last: Version,
    pub(crate) current: Option<i64>,
    deploy: Option<i64>,
    deploy_slug: Option<i64>,
}

/// The counters of an app.
pub(crate) fn counters(db: &Connection, app: &AppName) -> Result<Counters> {
    let mut statement = db.prepare_cached(sql::COUNTERS)?;
    let mut rows = statement.query([app.as_str()])?;
    let Some(row) = rows.next()? else {
        return Err(LedgerError::NoApp(app.clone()).into());
    };
    Ok(Counters {
        id: row.get(0)?,
        last: decode::version(row, 1, "app.last_version")?,
        current: integer_or_null(row, 2, "app.current_version")?,
        deploy: integer_or_null(row, 3, "app.deploy_version")?,
        deploy_slug: integer_or_null(row, 4, "app.deploy_slug")?,
    })
}

/// See [`slugline_core::port::Ledger::record`].
pub(crate) fn record(
    db: &Connection,
    keys: &Keys,
    newest: &Newest,
    origin: Option<&Origin>,
    app: &AppName,
    new: &NewRelease<'_>,
) -> Result<Version> {
    let tx = writing(db)?;
    let Counters { id, last, .. } = counters(&tx, app)?;
    let version = last.next();
    let stored = number(version);
    advance(&tx, keys, newest, (id, stored, number(last)), new.state)?;
    let slug = match &new.state.slug {
        Some(slug) => Some(slugs::intern(&tx, slug)?),
        None => None,
    };
    let plugins = plugin_sets::text(new.plugins)?;
    let made = chain::Made {
        app: id,
        version: stored,
        actor: new.actor.as_str(),
        at: new.at.0,
        plugins: plugins.as_deref(),
    };
    let content = chain::content(&*keys.fresh(&tx)?, &made, new.state)?;
    tx.prepare_cached(sql::ADD_RELEASE)?.execute(params![
        id,
        stored,
        serde_json::to_string(new.change)?,
        made.actor,
        made.at,
        slug,
        plugin_sets::intern(&tx, plugins.as_deref())?,
        origin
            .map(|origin| origins::intern(&tx, origin))
            .transpose()?,
        content
    ])?;
    tx.prepare_cached(sql::SET_LAST)?.execute([id, stored])?;
    tx.commit()?;
    let State { config, addons, .. } = new.state.clone();
    newest.put(id, content, config, addons);
    Ok(version)
}

/// Writes what the next number changes of what the one before it, the last, held.
fn advance(
    tx: &Connection,
    keys: &Keys,
    newest: &Newest,
    (app, version, last): (i64, i64, i64),
    state: &State,
) -> Result<()> {
    let kept: Option<(i64, Option<Vec<u8>>)> = tx
        .prepare_cached(sql::NEWEST_KEPT)?
        .query_row([app], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let next = Next {
        app,
        version,
        newest_kept: kept.as_ref().map(|(kept, _)| *kept),
    };
    // What the tables of the present hold is the last number's, whether or not that is kept.
    let content = kept.filter(|(kept, _)| *kept == last);
    let content = content.and_then(|(_, content)| content);
    let known = newest.take(app, content.as_deref());
    let known = known.as_ref();
    let (config, addons) = (
        known.map(|(config, _)| config.iter().collect()),
        known.map(|(_, addons)| addons.iter().collect()),
    );
    let (after, addons_after) = (state.config.iter().collect(), state.addons.iter().collect());
    interval::advance::<Config>(tx, keys, next, config.as_ref(), after)?;
    interval::advance::<InstalledAddons>(tx, keys, next, addons.as_ref(), addons_after)
}

/// See [`slugline_core::port::Ledger::settle`].
pub(crate) fn settle(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    version: Version,
    settlement: &Settlement,
) -> Result<()> {
    let tx = writing(db)?;
    let counters = counters(&tx, app)?;
    let (id, stored) = (counters.id, number(version));
    let deployed = pending(&tx, app, id, version)?;
    let (word, reason) = match &settlement.outcome {
        Outcome::Succeeded { .. } => ("succeeded", None),
        Outcome::Failed(reason) => ("failed", Some(reason)),
    };
    tx.prepare_cached(sql::SETTLE)?
        .execute(params![id, stored, word, reason])?;
    if let Outcome::Succeeded { code_pinned } = settlement.outcome {
        succeed(&tx, &counters, stored, code_pinned, deployed)?;
        usage::account(&tx, keys, app, settlement.at)?;
    }
    let succeeded = matches!(settlement.outcome, Outcome::Succeeded { .. });
    journal::settle(&tx, id, succeeded)?;
    chain::extend(&tx, &*keys.fresh(&tx)?, id, stored, number(counters.last))?;
    let mut add = tx.prepare_cached(sql::ADD_EVENT)?;
    for event in &settlement.events {
        add.execute(params![id, serde_json::to_string(event)?, settlement.at.0])?;
    }
    drop(add);
    Ok(tx.commit()?)
}

/// The slug of a pending release if it is a deploy.
fn pending(db: &Connection, app: &AppName, id: i64, version: Version) -> Result<Option<i64>> {
    let mut statement = db.prepare_cached(sql::TO_SETTLE)?;
    let mut rows = statement.query([id, number(version)])?;
    let Some(row) = rows.next()? else {
        return Err(LedgerError::NoRelease(app.clone(), version).into());
    };
    if !text(row, 0, "release.status", |word| Some(word == "pending"))? {
        return Err(LedgerError::NotPending(app.clone(), version).into());
    }
    let change: Change = text(row, 1, "release.change", json)?;
    let slug = integer_or_null(row, 2, "release.slug")?;
    Ok(slug.filter(|_| change.is_deploy()))
}

/// Moves what points at the newest release that succeeded, and at the newest deploy. A release
/// that is settled after a newer one succeeded moves nothing (S3).
fn succeed(
    tx: &Transaction<'_>,
    counters: &Counters,
    version: i64,
    pinned: bool,
    deployed: Option<i64>,
) -> Result<()> {
    let id = counters.id;
    if counters.current < Some(version) {
        tx.prepare_cached(sql::SET_CURRENT)?
            .execute(params![id, version, pinned])?;
    }
    tx.prepare_cached(sql::DROP_FIRST_TIER)?
        .execute([id, version])?;
    if let Some(slug) = deployed.filter(|_| counters.deploy < Some(version)) {
        tx.prepare_cached(sql::SET_DEPLOY)?
            .execute([id, version, slug])?;
        slugs::drop_unused(tx, counters.deploy_slug)?;
    }
    Ok(())
}
