//! From format 4 to 5: what was kept as text is sealed. It must not be needed for anything else:
//! its statements are about tables that only a migration sees.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::fault::Result;
use crate::keys::{self, KeySource};
use crate::resources::Body;
use crate::sealing::{self, Keys, Place, Ring};

/// Makes the ledger's keys, and seals what the `_plain` tables hold.
pub(crate) fn convert(tx: &Connection, home: &Path, source: &KeySource) -> Result<()> {
    sealing::begin(tx, &keys::master_of_new(home, source)?)?;
    let ring = Keys::new(home.to_owned(), source.clone()).ring(tx)?;
    config_now(tx, &ring)?;
    config_past(tx, &ring)?;
    resources(tx, &ring)?;
    plugin_store(tx, &ring)?;
    Ok(tx.execute_batch(
        "DROP TABLE config_now_plain; DROP TABLE config_past_plain; DROP TABLE resource_plain;
        DROP TABLE plugin_store_plain;",
    )?)
}

fn config_now(tx: &Connection, ring: &Ring) -> Result<()> {
    let mut all =
        tx.prepare("SELECT app_id, key, from_version, value, owner FROM config_now_plain")?;
    let mut add = tx.prepare("INSERT INTO config_now VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (app, key, from): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (value, owner): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let place = Place::Config {
            app,
            key: &key,
            from,
        };
        let sealed = ring.seal(place, value.as_bytes())?;
        add.execute(params![app, key, from, sealed, owner])?;
    }
    Ok(())
}

fn config_past(tx: &Connection, ring: &Ring) -> Result<()> {
    let mut all = tx.prepare(
        "SELECT app_id, key, from_version, value, owner, to_version FROM config_past_plain",
    )?;
    let mut add = tx.prepare("INSERT INTO config_past VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (app, key, from): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (value, owner): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let to: i64 = row.get(5)?;
        let place = Place::Config {
            app,
            key: &key,
            from,
        };
        let sealed = ring.seal(place, value.as_bytes())?;
        add.execute(params![app, key, to, from, sealed, owner])?;
    }
    Ok(())
}

fn resources(tx: &Connection, ring: &Ring) -> Result<()> {
    let mut all =
        tx.prepare("SELECT id, app, plan, port, options, config, process FROM resource_plain")?;
    let mut add = tx.prepare("INSERT INTO resource VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (id, app, plan): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let port: Option<u16> = row.get(3)?;
        let (options, config): (String, String) = (row.get(4)?, row.get(5)?);
        let process: Option<String> = row.get(6)?;
        let config: BTreeMap<String, String> = serde_json::from_str(&config)?;
        let body = Body {
            options: serde_json::from_str(&options)?,
            config,
            process: process
                .map(|text| serde_json::from_str(&text))
                .transpose()?,
        };
        let sealed = ring.seal(
            Place::Resource(&id),
            serde_json::to_string(&body)?.as_bytes(),
        )?;
        add.execute(params![id, app, plan, port, sealed])?;
    }
    Ok(())
}

fn plugin_store(tx: &Connection, ring: &Ring) -> Result<()> {
    let mut all = tx.prepare("SELECT plugin, key, value FROM plugin_store_plain")?;
    let mut add = tx.prepare("INSERT INTO plugin_store VALUES (?1, ?2, ?3)")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (plugin, key, value): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let place = Place::Store {
            plugin: &plugin,
            key: &key,
        };
        let sealed = ring.seal(place, value.as_bytes())?;
        add.execute(params![plugin, key, sealed])?;
    }
    Ok(())
}
