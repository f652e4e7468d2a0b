//! Config vars as intervals. It must not print a value, nor let one into an error.

use rusqlite::{Row, ToSql};
use slugline_core::addon::ServiceName;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVar, Owner};

use crate::decode::{blob, integer, text, text_or_null};
use crate::fault::{Result, corrupt};
use crate::interval::{Interval, Kind, Statements, Whence};
use crate::sealing::Place;
use crate::sql;

/// The kind that config vars are.
pub(crate) struct Config;

impl Kind for Config {
    type Key = ConfigKey;
    type Value = ConfigVar;
    const SQL: Statements = Statements {
        now: sql::CONFIG_NOW,
        one: sql::CONFIG_ONE,
        at: sql::CONFIG_AT,
        keys_past: sql::CONFIG_KEYS_PAST,
        close: sql::CONFIG_CLOSE,
        drop: sql::CONFIG_DROP,
        open: sql::CONFIG_OPEN,
        change: sql::CONFIG_CHANGE,
        gap: sql::CONFIG_GAP,
        sweep: sql::CONFIG_SWEEP,
    };
    const FROM: usize = 3;

    fn key(key: &ConfigKey) -> &str {
        key.as_str()
    }

    fn read(row: &Row<'_>, from: &Whence<'_>) -> Result<(ConfigKey, ConfigVar)> {
        let key = text(row, 0, "config.key", |key| ConfigKey::new(key).ok())?;
        let place = Place::Config {
            app: from.app,
            key: key.as_str(),
            from: integer(row, Self::FROM, "config.from_version")?,
        };
        let sealed = blob(row, 1, "config.value")?;
        let value = from.keys.open(from.db, place, sealed)?;
        let value = ConfigValue::new(&key, value).map_err(|_| corrupt("config.value"))?;
        let service = text_or_null(row, 2, "config.owner", |name| ServiceName::new(name).ok())?;
        let owner = service.map_or(Owner::User, Owner::Addon);
        Ok((key, ConfigVar { value, owner }))
    }

    fn columns<T>(
        var: &ConfigVar,
        at: &Interval<'_>,
        write: impl FnOnce(&[&dyn ToSql]) -> Result<T>,
    ) -> Result<T> {
        let (app, key, from) = (at.app, at.key, at.from);
        let place = Place::Config { app, key, from };
        let sealed = at.ring.seal(place, var.value.reveal().as_bytes())?;
        let owner = match &var.owner {
            Owner::User => None,
            Owner::Addon(service) => Some(service.as_str()),
        };
        write(&[&sealed, &owner])
    }
}
