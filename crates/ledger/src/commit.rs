//! The two writes that make a release: recorded as pending, then settled. It must not know why a
//! release failed or what its events say.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::port::{LedgerError, NewRelease, Outcome, Settlement};
use slugline_core::release::{Release, Status, Version};
use slugline_core::state::State;
use slugline_core::webhook::By;

use crate::addons::InstalledAddons;
use crate::chain::Link;
use crate::config::Config;
use crate::connection::{commit, writing};
use crate::decode::{self, blob_or_null, integer_or_null, json, number, text};
use crate::fault::Result;
use crate::interval::{Next, Whence};
use crate::newest::Newest;
use crate::origins::Origin;
use crate::sealing::{Keys, Ring};
use crate::{chain, history, interval, journal, origins, plugin_sets, slugs, sql, usage, webhooks};

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
    let ring = keys.fresh(&tx)?;
    let whence = Whence {
        db: &tx,
        keys,
        app: id,
    };
    advance(&whence, &ring, newest, (stored, number(last)), new.state)?;
    let code = slugs::body(new.state.slug.as_ref())?;
    let slug = match (&new.state.slug, &code) {
        (Some(slug), Some(text)) => Some(slugs::intern(&tx, slug, text)?),
        _ => None,
    };
    let plugins = plugin_sets::text(new.plugins)?;
    let made = chain::Made {
        app: id,
        version: stored,
        actor: new.actor.as_str(),
        at: new.at.0,
        plugins: plugins.as_deref(),
        slug: code.as_deref(),
    };
    let State { config, addons, .. } = new.state;
    let content = chain::content(&ring, &made, config, addons);
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
    if webhooks::any(&tx, id)? {
        let release = Release {
            version,
            change: new.change.clone(),
            actor: new.actor.clone(),
            created_at: new.at,
            status: Status::Pending,
            slug: new.state.slug.clone(),
            pinned: false,
        };
        let (actor, at) = (new.actor.clone(), new.at);
        let what = webhooks::of_release(&release, addons);
        webhooks::announce(&tx, id, [what], &By { actor, at })?;
    }
    commit(tx)?;
    newest.put(id, content, config.clone(), addons.clone());
    Ok(version)
}

/// Writes what the next number changes of what the one before it, the last, held.
fn advance(
    whence: &Whence<'_>,
    ring: &Ring,
    newest: &Newest,
    (version, last): (i64, i64),
    state: &State,
) -> Result<()> {
    let app = whence.app;
    let kept: Option<(i64, Option<Vec<u8>>)> = whence
        .db
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
    let config = known.as_ref().map(|(config, _)| config.iter());
    let addons = known.as_ref().map(|(_, addons)| addons.iter());
    interval::advance::<Config>(whence, ring, next, config, state.config.iter())?;
    interval::advance::<InstalledAddons>(whence, ring, next, addons, state.addons.iter())
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
    let Pending { deployed, link } = pending(&tx, app, id, version, &settlement.outcome)?;
    let (status, reason) = word(&settlement.outcome);
    let ring = keys.fresh(&tx)?;
    let before = chain::before(&tx, id, stored)?;
    let digest = before
        .zip(link)
        .map(|(before, link)| chain::digest(&ring, &before, &link));
    tx.prepare_cached(sql::SETTLE)?
        .execute(params![id, stored, status, reason, digest])?;
    if let Some(digest) = digest {
        let waiting = stored + 1..=number(counters.last);
        chain::extend(&tx, &ring, digest, id, waiting)?;
    }
    if webhooks::any(&tx, id)? {
        let from = Whence {
            db: &tx,
            keys,
            app: id,
        };
        tell(&from, app, stored, settlement)?;
    }
    if let Outcome::Succeeded { code_pinned } = settlement.outcome {
        succeed(&tx, &counters, stored, code_pinned, deployed)?;
        usage::account(&tx, keys, (id, app), settlement.at)?;
    }
    let succeeded = matches!(settlement.outcome, Outcome::Succeeded { .. });
    journal::settle(&tx, id, succeeded)?;
    let mut add = tx.prepare_cached(sql::ADD_EVENT)?;
    for event in &settlement.events {
        add.execute(params![id, serde_json::to_string(event)?, settlement.at.0])?;
    }
    drop(add);
    commit(tx)
}

/// Tells webhooks how a release ended, and which add-ons changed with it.
fn tell(from: &Whence<'_>, app: &AppName, version: i64, settlement: &Settlement) -> Result<()> {
    let release = history::of_number(from.db, from.app, version)?;
    let after = interval::at::<InstalledAddons>(from, version)?;
    let mut what = vec![webhooks::of_release(&release, &after)];
    if matches!(settlement.outcome, Outcome::Succeeded { .. }) {
        let before = history::addons_now(from.db, from.keys, app)?;
        what.extend(webhooks::of_addons(&before, &after));
    }
    let (actor, at) = (release.actor, settlement.at);
    webhooks::announce(from.db, from.app, what, &By { actor, at })
}

fn word(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Succeeded { .. } => ("succeeded", None),
        Outcome::Failed(reason) => ("failed", Some(reason)),
    }
}

/// A release that is about to be settled.
struct Pending {
    /// Its slug, if it is a deploy.
    deployed: Option<i64>,
    /// What its digest is made of; none for one from before digests were kept.
    link: Option<Link>,
}

fn pending(
    db: &Connection,
    app: &AppName,
    id: i64,
    version: Version,
    outcome: &Outcome,
) -> Result<Pending> {
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
    let (status, reason) = word(outcome);
    let link = |content: &[u8]| -> Result<Link> {
        Ok(Link {
            app: id,
            version: number(version),
            change: row.get(1)?,
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            slug: row.get(3)?,
            content: chain::of_bytes(content, "release.content")?,
        })
    };
    let content = blob_or_null(row, 4, "release.content")?;
    Ok(Pending {
        deployed: slug.filter(|_| change.is_deploy()),
        link: content.map(link).transpose()?,
    })
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
