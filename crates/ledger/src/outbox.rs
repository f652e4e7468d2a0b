//! The outbox: what is still to be announced, written by a settle. It must not deliver anything.

use rusqlite::{Connection, params};
use slugline_core::app::AppName;
use slugline_core::port::Waiting;
use slugline_core::time::Timestamp;

use crate::connection::{commit, reading, writing};
use crate::decode::{integer, json, text};
use crate::fault::Result;
use crate::sealing::{Keys, Place};
use crate::{apps, sql};

/// See [`slugline_core::port::Ledger::outbox`].
pub(crate) fn list(db: &Connection, app: &AppName) -> Result<Vec<Waiting>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::OUTBOX)?;
    let events = statement.query_and_then([id], |row| {
        Ok(Waiting {
            place: row.get(0)?,
            event: text(row, 1, "outbox.event", json)?,
            attempts: integer(row, 2, "outbox.attempts")?,
            due: Timestamp(integer(row, 3, "outbox.due_at")?),
        })
    })?;
    events.collect()
}

/// See [`slugline_core::port::Ledger::delivered`].
pub(crate) fn delivered(db: &Connection, place: i64) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::DELIVERED)?.execute([place])?;
    commit(tx)
}

/// See [`slugline_core::port::Ledger::undelivered`].
pub(crate) fn undelivered(
    db: &Connection,
    keys: &Keys,
    place: i64,
    why: &str,
    due: Timestamp,
) -> Result<()> {
    let tx = writing(db)?;
    // What a plugin says may hold a value that it was given.
    let why = keys.fresh(&tx)?.seal(Place::Event(place), why.as_bytes())?;
    tx.prepare_cached(sql::UNDELIVERED)?
        .execute(params![place, why, due.0])?;
    commit(tx)
}
