//! Resources, as long as their providers have them. It must not know what one is, nor print the
//! config vars that it lends.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use slugline_core::app::AppName;
use slugline_core::config::{ConfigKey, ConfigValue};
use slugline_core::resource::{Options, Resource, ResourceId};

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, integer_or_null, json, text};
use crate::fault::{Result, corrupt};
use crate::sealing::{Keys, Place};
use crate::{apps, sql};

/// What is sealed of a resource: what the person said, and what the provider answered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) options: Options,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) process: Option<Vec<String>>,
}

/// See [`slugline_core::port::Ledger::put_resource`].
pub(crate) fn put(db: &Connection, keys: &Keys, app: &AppName, resource: &Resource) -> Result<()> {
    let tx = writing(db)?;
    apps::id(&tx, app)?;
    write(&tx, keys, app, resource)?;
    commit(tx)
}

/// Writes a resource, new or changed, within a transaction.
pub(crate) fn write(
    tx: &Connection,
    keys: &Keys,
    app: &AppName,
    resource: &Resource,
) -> Result<()> {
    let named = |(key, value): (&ConfigKey, &ConfigValue)| {
        (key.as_str().to_owned(), value.reveal().to_owned())
    };
    let body = Body {
        options: resource.options.clone(),
        config: resource.config.iter().map(named).collect(),
        process: resource.process.clone(),
    };
    let id = resource.id.as_str();
    let body = serde_json::to_string(&body)?;
    let sealed = keys.fresh(tx)?.seal(Place::Resource(id), body.as_bytes())?;
    tx.prepare_cached(sql::PUT_RESOURCE)?.execute(params![
        id,
        app.as_str(),
        resource.plan.to_string(),
        resource.port,
        sealed
    ])?;
    Ok(())
}

/// See [`slugline_core::port::Ledger::resources`].
pub(crate) fn list(db: &Connection, keys: &Keys, app: &AppName) -> Result<Vec<Resource>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::RESOURCES)?;
    let rows = statement.query_and_then([app.as_str()], |row| read(&tx, keys, row))?;
    rows.collect()
}

fn read(db: &Connection, keys: &Keys, row: &Row<'_>) -> Result<Resource> {
    let id = text(row, 0, "resource.id", |id| ResourceId::new(id).ok())?;
    let sealed = blob(row, 3, "resource.body")?;
    let body = keys.open(db, Place::Resource(id.as_str()), sealed)?;
    let damaged = || corrupt("resource.body");
    let body: Body = json(&body).ok_or_else(damaged)?;
    let mut config = BTreeMap::new();
    for (key, value) in body.config {
        let key = ConfigKey::new(&key).map_err(|_| damaged())?;
        let value = ConfigValue::new(&key, value).map_err(|_| damaged())?;
        config.insert(key, value);
    }
    Ok(Resource {
        id,
        plan: text(row, 1, "resource.plan", |plan| plan.parse().ok())?,
        options: body.options,
        config,
        process: body.process,
        port: integer_or_null(row, 2, "resource.port")?,
    })
}

/// See [`slugline_core::port::Ledger::ownerless`].
pub(crate) fn ownerless(db: &Connection, keys: &Keys) -> Result<Vec<(AppName, Resource)>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::OWNERLESS)?;
    let rows = statement.query_and_then([], |row| {
        let app = text(row, 4, "resource.app", |name| AppName::new(name).ok())?;
        Ok((app, read(&tx, keys, row)?))
    })?;
    rows.collect()
}

/// See [`slugline_core::port::Ledger::remove_resource`].
pub(crate) fn remove(db: &Connection, id: &ResourceId) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::REMOVE_RESOURCE)?
        .execute([id.as_str()])?;
    commit(tx)
}

/// See [`slugline_core::port::Ledger::ports_in_use`].
pub(crate) fn ports(db: &Connection) -> Result<Vec<u16>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::PORTS)?;
    let ports = statement.query_and_then([], |row| {
        integer_or_null(row, 0, "resource.port")?.ok_or_else(|| corrupt("resource.port"))
    })?;
    ports.collect()
}
