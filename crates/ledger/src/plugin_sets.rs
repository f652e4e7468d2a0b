//! The plugins that were asked for a release, each set stored once however many releases name it.
//! It must not know what a plugin does.

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::app::AppName;
use slugline_core::port::LedgerError;
use slugline_core::release::{PluginsUsed, Version};

use crate::connection::reading;
use crate::decode::{json, number, text_or_null};
use crate::fault::Result;
use crate::{apps, sql};

/// A set as it is stored; `None` for the empty one.
pub(crate) fn text(plugins: &PluginsUsed) -> Result<Option<String>> {
    Ok(match plugins.is_empty() {
        true => None,
        false => Some(serde_json::to_string(plugins)?),
    })
}

/// The row of a set, added where it is not there yet; `None` for the empty one.
pub(crate) fn intern(db: &Connection, text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let mut find = db.prepare_cached(sql::FIND_PLUGINS)?;
    if let Some(id) = find.query_row([text], |row| row.get(0)).optional()? {
        return Ok(Some(id));
    }
    Ok(Some(db.prepare_cached(sql::ADD_PLUGINS)?.insert([text])?))
}

/// See [`slugline_core::port::Ledger::plugins_at`].
pub(crate) fn at(db: &Connection, app: &AppName, version: Version) -> Result<PluginsUsed> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::PLUGINS_AT)?;
    let mut rows = statement.query(params![id, number(version)])?;
    let Some(row) = rows.next()? else {
        return Err(LedgerError::NoRelease(app.clone(), version).into());
    };
    let plugins = text_or_null(row, 0, "plugin_set.plugins", json)?;
    Ok(plugins.unwrap_or_default())
}
