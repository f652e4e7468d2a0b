//! Apps without their history: created, listed, destroyed. It must not know what a release is.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use slugline_core::actor::Actor;
use slugline_core::app::{App, AppName};
use slugline_core::port::LedgerError;
use slugline_core::time::Timestamp;

use crate::connection::{commit, reading, writing};
use crate::decode::{integer, text, text_or_null};
use crate::fault::Result;
use crate::{audit, slugs, sql, usage};

/// The row of an app.
pub(crate) fn id(db: &Connection, app: &AppName) -> Result<i64> {
    let mut statement = db.prepare_cached(sql::APP_ID)?;
    let id = statement
        .query_row([app.as_str()], |row| row.get(0))
        .optional()?;
    id.ok_or_else(|| LedgerError::NoApp(app.clone()).into())
}

/// See [`slugline_core::port::Ledger::apps`].
pub(crate) fn list(db: &Connection) -> Result<Vec<App>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::APPS)?;
    let apps = statement.query_and_then([], |row| {
        Ok(App {
            name: text(row, 0, "app.name", |name| AppName::new(name).ok())?,
            owner: text(row, 1, "app.owner", |name| Actor::new(name).ok())?,
            created_at: Timestamp(integer(row, 2, "app.created_at")?),
            branch: text_or_null(row, 3, "app.branch", |name| Some(name.to_owned()))?,
        })
    })?;
    apps.collect()
}

/// See [`slugline_core::port::Ledger::create_app`].
pub(crate) fn create(db: &Connection, app: &App) -> Result<()> {
    let tx = writing(db)?;
    let (name, owner) = (app.name.as_str(), app.owner.as_str());
    let created = tx.prepare_cached(sql::CREATE_APP)?.execute(params![
        name,
        owner,
        app.created_at.0,
        app.branch
    ])?;
    if created == 0 {
        return Err(LedgerError::NameTaken(app.name.clone()).into());
    }
    commit(tx)
}

/// See [`slugline_core::port::Ledger::destroy_app`].
pub(crate) fn destroy(db: &Connection, app: &AppName, at: Timestamp) -> Result<()> {
    let tx = writing(db)?;
    let id = id(&tx, app)?;
    let slugs = slugs::of_app(&tx, id)?;
    audit::outlive(&tx, id)?;
    // Whatever refers to the app goes with it, by the foreign keys.
    tx.prepare_cached(sql::DESTROY_APP)?.execute([id])?;
    slugs::drop_unused(&tx, slugs)?;
    usage::close(&tx, app, at)?;
    commit(tx)
}

/// See [`slugline_core::port::Ledger::set_branch`].
pub(crate) fn set_branch(db: &Connection, app: &AppName, branch: Option<&str>) -> Result<()> {
    set(db, app, sql::SET_BRANCH, &branch)
}

/// See [`slugline_core::port::Ledger::set_code_pinned`].
pub(crate) fn set_code_pinned(db: &Connection, app: &AppName, pinned: bool) -> Result<()> {
    set(db, app, sql::SET_PINNED, &pinned)
}

fn set(db: &Connection, app: &AppName, sql: &str, value: &dyn ToSql) -> Result<()> {
    let tx = writing(db)?;
    if tx
        .prepare_cached(sql)?
        .execute(params![app.as_str(), value])?
        == 0
    {
        return Err(LedgerError::NoApp(app.clone()).into());
    }
    commit(tx)
}
