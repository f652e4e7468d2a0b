//! Builds, and slugs that were brought. It must not know where their bytes are.

use rusqlite::{Connection, OptionalExtension, Row, params};
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::build::{Brought, Build, BuildId, BuildStatus, KEPT};
use slugline_core::port::{Builds, LedgerError};
use slugline_core::release::Version;
use slugline_core::slug::SlugId;
use slugline_core::time::Timestamp;
use slugline_core::webhook::{By, Happening};

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, integer, integer_or_null, json, number, text, text_or_null};
use crate::fault::Result;
use crate::sealing::{Keys, Place};
use crate::slugs::{self, Slugs};
use crate::{SqliteLedger, apps, sql, webhooks};

type Answer<T> = std::result::Result<T, LedgerError>;

impl Builds for SqliteLedger {
    fn brought(&self, app: &AppName) -> Answer<Vec<Brought>> {
        Ok(brought(&self.db, app)?)
    }

    fn put_brought(&self, app: &AppName, brought: &Brought) -> Answer<()> {
        Ok(put_brought(&self.db, app, brought)?)
    }

    fn builds(&self, app: &AppName) -> Answer<Vec<Build>> {
        Ok(builds(&self.db, app)?)
    }

    fn put_build(&self, app: &AppName, build: &Build, output: Option<&str>) -> Answer<()> {
        Ok(put_build(&self.db, &self.keys, app, build, output)?)
    }

    fn build_output(&self, app: &AppName, id: &BuildId) -> Answer<Option<String>> {
        Ok(output(&self.db, &self.keys, app, id)?)
    }

    fn fail_builds(&self, at: Timestamp) -> Answer<usize> {
        Ok(fail(&self.db, at)?)
    }
}

fn id_of(text: &str) -> Option<BuildId> {
    BuildId::new(text).ok()
}

fn brought(db: &Connection, app: &AppName) -> Result<Vec<Brought>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut known = Slugs::default();
    let mut statement = tx.prepare_cached(sql::BROUGHT)?;
    let rows = statement.query_and_then([app], |row| {
        Ok(Brought {
            id: text(row, 0, "brought.id", id_of)?,
            created_at: Timestamp(integer(row, 1, "brought.created_at")?),
            updated_at: Timestamp(integer(row, 2, "brought.updated_at")?),
            said: text(row, 3, "brought.said", json)?,
            slug: known.get(&tx, row.get(4)?)?,
        })
    })?;
    rows.collect()
}

fn put_brought(db: &Connection, app: &AppName, brought: &Brought) -> Result<()> {
    let tx = writing(db)?;
    let app = apps::id(&tx, app)?;
    let body = slugs::body(brought.slug.as_ref())?;
    let slug = match (&brought.slug, &body) {
        (Some(slug), Some(body)) => Some(slugs::intern(&tx, slug, body)?),
        _ => None,
    };
    tx.prepare_cached(sql::PUT_BROUGHT)?.execute(params![
        brought.id.as_str(),
        app,
        brought.created_at.0,
        brought.updated_at.0,
        serde_json::to_string(&brought.said)?,
        slug
    ])?;
    let dropped = drop_older(&tx, app)?;
    slugs::drop_unused(&tx, dropped.into_iter().flatten())?;
    commit(tx)
}

/// Forgets all but the newest, and answers their slugs.
fn drop_older(tx: &Connection, app: i64) -> Result<Vec<Option<i64>>> {
    let mut statement = tx.prepare_cached(sql::DROP_BROUGHT)?;
    let dropped = statement.query_map(params![app, KEPT], |row| row.get(0))?;
    Ok(dropped.collect::<std::result::Result<_, _>>()?)
}

fn builds(db: &Connection, app: &AppName) -> Result<Vec<Build>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::BUILDS)?;
    let rows = statement.query_and_then([app], build_of)?;
    rows.collect()
}

/// The first columns of [`sql::BUILDS`] and [`sql::FAIL_BUILDS`].
fn build_of(row: &Row<'_>) -> Result<Build> {
    let release: Option<u64> = integer_or_null(row, 6, "build.release")?;
    Ok(Build {
        id: text(row, 0, "build.id", id_of)?,
        created_at: Timestamp(integer(row, 1, "build.created_at")?),
        updated_at: Timestamp(integer(row, 2, "build.updated_at")?),
        actor: text(row, 3, "build.actor", |it| Actor::new(it).ok())?,
        said: text(row, 4, "build.said", json)?,
        status: text(row, 5, "build.status", BuildStatus::of_word)?,
        release: release.map(Version::new),
        slug: text_or_null(row, 7, "build.slug", |it| SlugId::new(it).ok())?,
    })
}

/// Tells the webhooks of its app of a build that was asked for, or has ended.
fn announce(tx: &Connection, app: i64, build: &Build) -> Result<()> {
    let by = By {
        actor: build.actor.clone(),
        at: build.updated_at,
    };
    webhooks::announce(tx, app, [Happening::Build(build.clone())], &by)
}

fn put_build(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    build: &Build,
    output: Option<&str>,
) -> Result<()> {
    let tx = writing(db)?;
    let app = apps::id(&tx, app)?;
    let place = Place::Build(build.id.as_str());
    let sealed = match output {
        Some(output) => Some(keys.fresh(&tx)?.seal(place, output.as_bytes())?),
        None => None,
    };
    let before = tx
        .prepare_cached(sql::BUILD_STATUS)?
        .query_row([build.id.as_str()], |row| row.get::<_, String>(0))
        .optional()?;
    tx.prepare_cached(sql::PUT_BUILD)?.execute(params![
        build.id.as_str(),
        app,
        build.created_at.0,
        build.updated_at.0,
        build.actor.as_str(),
        serde_json::to_string(&build.said)?,
        build.status.word(),
        build.release.map(number),
        build.slug.as_ref().map(SlugId::as_str),
        sealed
    ])?;
    tx.prepare_cached(sql::DROP_BUILDS)?
        .execute(params![app, KEPT])?;
    if before.as_deref() != Some(build.status.word()) {
        announce(&tx, app, build)?;
    }
    commit(tx)
}

fn output(db: &Connection, keys: &Keys, app: &AppName, id: &BuildId) -> Result<Option<String>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::BUILD_OUTPUT)?;
    let mut rows = statement.query(params![id.as_str(), app])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let place = Place::Build(id.as_str());
    keys.open(&tx, place, blob(row, 0, "build.output")?)
        .map(Some)
}

fn fail(db: &Connection, at: Timestamp) -> Result<usize> {
    // Most often there is none, and nothing is written then.
    let mut any = db.prepare_cached(sql::PENDING_BUILD)?;
    if any.query_row([], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    drop(any);
    let tx = writing(db)?;
    let failed = {
        let mut statement = tx.prepare_cached(sql::FAIL_BUILDS)?;
        let rows = statement.query_and_then([at.0], |row| Ok((row.get(8)?, build_of(row)?)))?;
        rows.collect::<Result<Vec<(i64, Build)>>>()?
    };
    for (app, build) in &failed {
        announce(&tx, *app, build)?;
    }
    commit(tx)?;
    Ok(failed.len())
}
