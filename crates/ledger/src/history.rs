//! An app's moment, its releases, what each was a snapshot of, and which are pinned. It must not
//! change anything else.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use slugline_core::actor::Actor;
use slugline_core::addon::Addons;
use slugline_core::app::{App, AppName};
use slugline_core::config::ConfigVars;
use slugline_core::port::{Deployed, LedgerError, Moment, Outline};
use slugline_core::release::{Release, Version};
use slugline_core::slug::Slug;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use crate::addons::{InstalledAddons, read_addon};
use crate::chain::of_bytes;
use crate::config::Config;
use crate::connection::{commit, reading, writing};
use crate::decode::{
    self, blob_or_null, integer, integer_or_null, json, number, text, text_or_null,
};
use crate::fault::{Result, corrupt};
use crate::interval::{Kind, Whence};
use crate::newest::Newest;
use crate::sealing::Keys;
use crate::slugs::Slugs;
use crate::{apps, interval, sql};

/// See [`slugline_core::port::Ledger::moment`].
pub(crate) fn moment(
    db: &Connection,
    keys: &Keys,
    newest: &Newest,
    app: &AppName,
) -> Result<Moment> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::MOMENT)?;
    let mut rows = statement.query([app.as_str()])?;
    let Some(row) = rows.next()? else {
        return Err(LedgerError::NoApp(app.clone()).into());
    };
    let from = Whence {
        db: &tx,
        keys,
        app: row.get(0)?,
    };
    let Outline {
        app,
        last,
        current,
        addons,
        pending,
    } = sketch(&from, row)?;
    let config = match &current {
        Some(release) => {
            let config = number_of::<Config>(&from, release.version, last)?;
            let config: ConfigVars = config.into_iter().collect();
            // A first tier is in no release, and so not in what the newest holds.
            if release.version == last
                && read_addon(row, 10)?.is_none()
                && let Some(content) = blob_or_null(row, 22, "release.content")?
            {
                let content = of_bytes(content, "release.content")?;
                newest.put(from.app, content, config.clone(), addons.clone());
            }
            config
        }
        None => ConfigVars::default(),
    };
    let slug = current.as_ref().and_then(|release| release.slug.clone());
    Ok(Moment {
        app,
        last,
        state: State {
            slug,
            config,
            addons,
        },
        current,
        newest_deploy: newest_deploy(row)?,
        code_pinned: integer::<i64>(row, 6, "app.code_pinned")? != 0,
        pending,
    })
}

/// See [`slugline_core::port::Ledger::outline`].
pub(crate) fn outline(db: &Connection, keys: &Keys, app: &AppName) -> Result<Outline> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::MOMENT)?;
    let mut rows = statement.query([app.as_str()])?;
    let Some(row) = rows.next()? else {
        return Err(LedgerError::NoApp(app.clone()).into());
    };
    sketch_of(&tx, keys, row)
}

/// See [`slugline_core::port::Ledger::outlines`].
pub(crate) fn outlines(db: &Connection, keys: &Keys) -> Result<Vec<Outline>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::MOMENTS)?;
    let all = statement.query_and_then([], |row| sketch_of(&tx, keys, row))?;
    all.collect()
}

/// The add-ons that an app has: a first tier that is in no release among them.
pub(crate) fn addons_now(tx: &Connection, keys: &Keys, app: &AppName) -> Result<Addons> {
    let mut statement = tx.prepare_cached(sql::MOMENT)?;
    let mut rows = statement.query([app.as_str()])?;
    match rows.next()? {
        Some(row) => Ok(sketch_of(tx, keys, row)?.addons),
        None => Err(LedgerError::NoApp(app.clone()).into()),
    }
}

fn sketch_of(db: &Connection, keys: &Keys, row: &Row<'_>) -> Result<Outline> {
    let app = row.get(0)?;
    sketch(&Whence { db, keys, app }, row)
}

/// What a row tells of an app, and its add-ons.
fn sketch(from: &Whence<'_>, row: &Row<'_>) -> Result<Outline> {
    let last = decode::version(row, 4, "app.last_version")?;
    let current = current(row)?;
    let mut addons = match &current {
        Some(release) => number_of::<InstalledAddons>(from, release.version, last)?,
        None => Addons::new(),
    };
    if let Some(tier) = read_addon(row, 10)? {
        addons.insert(tier.plan.service().clone(), tier);
    }
    let status = text_or_null(row, 7, "release.status", |word| Some(word == "pending"))?;
    Ok(Outline {
        app: App {
            name: text(row, 21, "app.name", |name| AppName::new(name).ok())?,
            owner: text(row, 1, "app.owner", |name| Actor::new(name).ok())?,
            created_at: Timestamp(integer(row, 2, "app.created_at")?),
            branch: text_or_null(row, 3, "app.branch", |name| Some(name.to_owned()))?,
        },
        last,
        current,
        addons,
        pending: (status == Some(true)).then_some(last),
    })
}

/// What a number held, of which the newest is at hand.
fn number_of<K: Kind>(
    from: &Whence<'_>,
    version: Version,
    last: Version,
) -> Result<BTreeMap<K::Key, K::Value>> {
    match version == last {
        true => interval::now::<K>(from),
        false => interval::at::<K>(from, number(version)),
    }
}

fn current(row: &Row<'_>) -> Result<Option<Release>> {
    let named: Option<u64> = integer_or_null(row, 5, "app.current_version")?;
    let found: Option<u64> = integer_or_null(row, 13, "release.version")?;
    match (named, found) {
        (None, _) => Ok(None),
        (Some(_), None) => Err(corrupt("app.current_version")),
        (Some(_), Some(_)) => {
            let slug = text_or_null(row, 20, "slug.body", json)?;
            decode::release(row, 13, slug).map(Some)
        }
    }
}

fn newest_deploy(row: &Row<'_>) -> Result<Option<Deployed>> {
    let version = integer_or_null(row, 8, "app.deploy_version")?.map(Version::new);
    let slug: Option<Slug> = text_or_null(row, 9, "slug.body", json)?;
    match (version, slug) {
        (None, None) => Ok(None),
        (Some(version), Some(slug)) => Ok(Some(Deployed { version, slug })),
        _ => Err(corrupt("app.deploy_slug")),
    }
}

/// See [`slugline_core::port::Ledger::release`].
pub(crate) fn release(db: &Connection, app: &AppName, version: Version) -> Result<Option<Release>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::RELEASE)?;
    let mut rows = statement.query(params![id, number(version)])?;
    match rows.next()? {
        Some(row) => read(&tx, row, &mut Slugs::default()).map(Some),
        None => Ok(None),
    }
}

/// The release of this number of the app in this row.
pub(crate) fn of_number(db: &Connection, app: i64, version: i64) -> Result<Release> {
    let mut statement = db.prepare_cached(sql::RELEASE)?;
    let mut rows = statement.query([app, version])?;
    let row = rows.next()?.ok_or_else(|| corrupt("release.version"))?;
    read(db, row, &mut Slugs::default())
}

/// See [`slugline_core::port::Ledger::history`].
pub(crate) fn history(
    db: &Connection,
    app: &AppName,
    before: Option<Version>,
    limit: usize,
) -> Result<Vec<Release>> {
    let bound = before.map_or(i64::MAX, number);
    rows(db, app, sql::HISTORY, (bound, limit))
}

/// See [`slugline_core::port::Ledger::history_after`].
pub(crate) fn history_after(
    db: &Connection,
    app: &AppName,
    after: Option<Version>,
    limit: usize,
) -> Result<Vec<Release>> {
    let bound = after.map_or(0, number);
    rows(db, app, sql::HISTORY_AFTER, (bound, limit))
}

fn rows(
    db: &Connection,
    app: &AppName,
    sql: &str,
    (bound, limit): (i64, usize),
) -> Result<Vec<Release>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut slugs = Slugs::default();
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_and_then([id, bound, limit], |row| read(&tx, row, &mut slugs))?;
    rows.collect()
}

/// See [`slugline_core::port::Ledger::set_release_pinned`].
pub(crate) fn set_pinned(
    db: &Connection,
    app: &AppName,
    version: Version,
    pinned: bool,
) -> Result<()> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    let changed =
        tx.prepare_cached(sql::PIN_RELEASE)?
            .execute(params![id, number(version), pinned])?;
    if changed == 0 {
        return Err(LedgerError::NoRelease(app.clone(), version).into());
    }
    commit(tx)
}

fn read(db: &Connection, row: &Row<'_>, slugs: &mut Slugs) -> Result<Release> {
    let slug = slugs.get(db, integer_or_null(row, 7, "release.slug")?)?;
    decode::release(row, 0, slug)
}

/// See [`slugline_core::port::Ledger::state_at`].
pub(crate) fn state_at(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    version: Version,
) -> Result<State> {
    let tx = reading(db)?;
    let (id, slug) = kept(&tx, app, version)?;
    let from = Whence {
        db: &tx,
        keys,
        app: id,
    };
    let config = interval::at::<Config>(&from, number(version))?;
    Ok(State {
        slug: Slugs::default().get(&tx, slug)?,
        config: config.into_iter().collect(),
        addons: interval::at::<InstalledAddons>(&from, number(version))?,
    })
}

/// See [`slugline_core::port::Ledger::addons_at`].
pub(crate) fn addons_at(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    version: Version,
) -> Result<Addons> {
    let tx = reading(db)?;
    let (app, _) = kept(&tx, app, version)?;
    let from = Whence { db: &tx, keys, app };
    interval::at::<InstalledAddons>(&from, number(version))
}

/// The rows of an app and of the slug of a release that is kept.
fn kept(db: &Connection, app: &AppName, version: Version) -> Result<(i64, Option<i64>)> {
    let id = apps::id(db, app)?;
    let mut statement = db.prepare_cached(sql::IS_KEPT)?;
    let slug = statement
        .query_row([id, number(version)], |row| row.get(0))
        .optional()?;
    let slug = slug.ok_or_else(|| LedgerError::NoRelease(app.clone(), version))?;
    Ok((id, slug))
}
