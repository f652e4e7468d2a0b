//! Resources, as long as their providers have them. It must not know what one is, nor print the
//! config vars that it lends.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use slugline_core::app::AppName;
use slugline_core::config::{ConfigKey, ConfigValue};
use slugline_core::resource::{Resource, ResourceId};

use crate::connection::{reading, writing};
use crate::decode::{integer_or_null, json, text, text_or_null};
use crate::fault::{Result, corrupt};
use crate::{apps, sql};

/// See [`slugline_core::port::Ledger::put_resource`].
pub(crate) fn put(db: &Connection, app: &AppName, resource: &Resource) -> Result<()> {
    let tx = writing(db)?;
    apps::id(&tx, app)?;
    let config: BTreeMap<_, _> = resource
        .config
        .iter()
        .map(|(key, value)| (key.as_str(), value.reveal()))
        .collect();
    let process = resource
        .process
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    tx.prepare_cached(sql::PUT_RESOURCE)?.execute(params![
        resource.id.as_str(),
        app.as_str(),
        resource.plan.to_string(),
        serde_json::to_string(&resource.options)?,
        serde_json::to_string(&config)?,
        process,
        resource.port
    ])?;
    Ok(tx.commit()?)
}

/// See [`slugline_core::port::Ledger::resources`].
pub(crate) fn list(db: &Connection, app: &AppName) -> Result<Vec<Resource>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::RESOURCES)?;
    statement.query_and_then([app.as_str()], read)?.collect()
}

fn read(row: &Row<'_>) -> Result<Resource> {
    let lent: BTreeMap<ConfigKey, String> = text(row, 3, "resource.config", json)?;
    let mut config = BTreeMap::new();
    for (key, value) in lent {
        let value = ConfigValue::new(&key, value).map_err(|_| corrupt("resource.config"))?;
        config.insert(key, value);
    }
    Ok(Resource {
        id: text(row, 0, "resource.id", |id| ResourceId::new(id).ok())?,
        plan: text(row, 1, "resource.plan", |plan| plan.parse().ok())?,
        options: text(row, 2, "resource.options", json)?,
        config,
        process: text_or_null(row, 4, "resource.process", json)?,
        port: integer_or_null(row, 5, "resource.port")?,
    })
}

/// See [`slugline_core::port::Ledger::remove_resource`].
pub(crate) fn remove(db: &Connection, id: &ResourceId) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::REMOVE_RESOURCE)?
        .execute([id.as_str()])?;
    Ok(tx.commit()?)
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
