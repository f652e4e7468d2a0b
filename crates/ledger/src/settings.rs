//! What is set of each app, and which app each host belongs to. It must not know what a setting means.

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::app::AppName;
use slugline_core::port::LedgerError;
use slugline_core::settings::{Host, Settings};

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, text};
use crate::fault::{Result, corrupt};
use crate::sealing::{Keys, Place, Ring};
use crate::{apps, sql};

/// See [`slugline_core::port::Ledger::settings`].
pub(crate) fn get(db: &Connection, keys: &Keys, app: &AppName) -> Result<Settings> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    of_app(&tx, keys, id)
}

/// Part of a transaction that reads other things of the app.
pub(crate) fn of_app(tx: &Connection, keys: &Keys, id: i64) -> Result<Settings> {
    let mut statement = tx.prepare_cached(sql::SETTINGS)?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(Settings::default());
    };
    let plain = keys.open(tx, Place::Settings(id), blob(row, 0, "settings.body")?)?;
    serde_json::from_str(&plain).map_err(|_| corrupt("settings.body"))
}

/// See [`slugline_core::port::Ledger::set_settings`].
pub(crate) fn set(db: &Connection, keys: &Keys, app: &AppName, settings: &Settings) -> Result<()> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    write(&tx, &*keys.fresh(&tx)?, id, settings)?;
    commit(tx)
}

/// Part of a transaction that writes other things of the app.
pub(crate) fn write(tx: &Connection, ring: &Ring, id: i64, settings: &Settings) -> Result<()> {
    let body = serde_json::to_string(settings)?;
    let sealed = ring.seal(Place::Settings(id), body.as_bytes())?;
    tx.prepare_cached(sql::SET_SETTINGS)?
        .execute(params![id, sealed])?;
    tx.prepare_cached(sql::DROP_HOSTS)?.execute([id])?;
    for host in &settings.domains {
        let added = tx
            .prepare_cached(sql::ADD_HOST)?
            .execute(params![host.as_str(), id])?;
        if added == 0 {
            return Err(LedgerError::HostTaken(host.clone(), owner(tx, host)?).into());
        }
    }
    Ok(())
}

fn owner(tx: &Connection, host: &Host) -> Result<AppName> {
    let mut statement = tx.prepare_cached(sql::OWNER_OF_HOST)?;
    let owner = statement.query_row([host.as_str()], |row| {
        Ok(text(row, 0, "app.name", |name| AppName::new(name).ok()))
    });
    owner.optional()?.ok_or_else(|| corrupt("host.app_id"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_set_is_as_by_default() {
        let read: Settings = serde_json::from_str(r#"{"maintenance":true,"later":1}"#).unwrap();
        let expected = Settings {
            maintenance: true,
            ..Settings::default()
        };
        assert_eq!(read, expected);
        assert_eq!(read.of_type("worker").count, 1);
        let text = serde_json::to_string(&expected).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), expected);
    }
}
