//! Config vars as intervals. It must not print a value, nor let one into an error.

use rusqlite::{Row, ToSql};
use slugline_core::addon::ServiceName;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVar, Owner};

use crate::decode::{text, text_or_null};
use crate::fault::Result;
use crate::interval::{Kind, Statements};
use crate::sql;

/// The kind that config vars are.
pub(crate) struct Config;

impl Kind for Config {
    type Key = ConfigKey;
    type Value = ConfigVar;
    const SQL: Statements = Statements {
        now: sql::CONFIG_NOW,
        at: sql::CONFIG_AT,
        keys_past: sql::CONFIG_KEYS_PAST,
        close: sql::CONFIG_CLOSE,
        drop: sql::CONFIG_DROP,
        open: sql::CONFIG_OPEN,
        gap: sql::CONFIG_GAP,
        sweep: sql::CONFIG_SWEEP,
    };
    const FROM: usize = 3;

    fn key(key: &ConfigKey) -> &str {
        key.as_str()
    }

    fn read(row: &Row<'_>) -> Result<(ConfigKey, ConfigVar)> {
        let key = text(row, 0, "config.key", |key| ConfigKey::new(key).ok())?;
        let value = text(row, 1, "config.value", |value| {
            ConfigValue::new(&key, value).ok()
        })?;
        let service = text_or_null(row, 2, "config.owner", |name| ServiceName::new(name).ok())?;
        let owner = service.map_or(Owner::User, Owner::Addon);
        Ok((key, ConfigVar { value, owner }))
    }

    fn columns<T>(var: &ConfigVar, write: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        let owner = match &var.owner {
            Owner::User => None,
            Owner::Addon(service) => Some(service.as_str()),
        };
        write(&[&var.value.reveal(), &owner])
    }
}
