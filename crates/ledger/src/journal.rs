//! The journal of each app, and what is left to do. It must not know what an effect is, nor which
//! stage follows which.

use rusqlite::{Connection, Row, params};
use slugline_core::app::AppName;
use slugline_core::journal::{Effect, Entry, Stage};
use slugline_core::port::ResourceChange;
use slugline_core::time::Timestamp;

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, integer, json, text};
use crate::fault::{Result, corrupt};
use crate::sealing::{Keys, Place};
use crate::{apps, resources, sql};

/// See [`slugline_core::port::Ledger::begin_effects`].
pub(crate) fn begin(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    effects: &[Effect],
) -> Result<Vec<i64>> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    let ring = keys.fresh(&tx)?;
    let mut add = tx.prepare_cached(sql::BEGIN_EFFECT)?;
    let mut places = Vec::new();
    for effect in effects {
        let sealed = ring.seal(
            Place::Journal(id),
            serde_json::to_string(effect)?.as_bytes(),
        )?;
        places.push(add.insert(params![id, sealed])?);
    }
    drop(add);
    commit(tx)?;
    Ok(places)
}

/// See [`slugline_core::port::Ledger::step_effect`].
pub(crate) fn step(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    place: i64,
    to: Option<Stage>,
    change: ResourceChange<'_>,
) -> Result<()> {
    let tx = writing(db)?;
    apps::id(&tx, app)?;
    match to {
        Some(stage) => tx
            .prepare_cached(sql::STEP_EFFECT)?
            .execute(params![place, stage.word()])?,
        None => tx.prepare_cached(sql::END_EFFECT)?.execute([place])?,
    };
    match change {
        ResourceChange::None => {}
        ResourceChange::Put(resource) => resources::write(&tx, keys, app, resource)?,
        ResourceChange::Remove(id) => {
            tx.prepare_cached(sql::REMOVE_RESOURCE)?
                .execute([id.as_str()])?;
        }
    }
    commit(tx)
}

/// With the release that they are for, the effects of an app are done with, or all to be undone.
/// Part of the transaction that settles it.
pub(crate) fn settle(tx: &Connection, app: i64, succeeded: bool) -> Result<()> {
    let sql = if succeeded {
        sql::END_EFFECTS
    } else {
        sql::UNDO_EFFECTS
    };
    tx.prepare_cached(sql)?.execute([app])?;
    Ok(())
}

/// See [`slugline_core::port::Ledger::delay_effect`].
pub(crate) fn delay(db: &Connection, place: i64, due: Timestamp) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::DELAY_EFFECT)?
        .execute(params![place, due.0])?;
    commit(tx)
}

/// See [`slugline_core::port::Ledger::journal`].
pub(crate) fn list(db: &Connection, keys: &Keys, app: &AppName) -> Result<Vec<Entry>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::JOURNAL)?;
    let rows = statement.query_and_then([id], |row| read(&tx, keys, id, row))?;
    rows.collect()
}

fn read(db: &Connection, keys: &Keys, app: i64, row: &Row<'_>) -> Result<Entry> {
    let effect = keys.open(db, Place::Journal(app), blob(row, 2, "journal.effect")?)?;
    let stage = |word: &str| Stage::ALL.into_iter().find(|stage| stage.word() == word);
    Ok(Entry {
        place: row.get(0)?,
        stage: text(row, 1, "journal.stage", stage)?,
        effect: json(&effect).ok_or_else(|| corrupt("journal.effect"))?,
        attempts: integer(row, 3, "journal.attempts")?,
        due: Timestamp(integer(row, 4, "journal.due_at")?),
    })
}

/// See [`slugline_core::port::Ledger::unfinished`].
pub(crate) fn unfinished(db: &Connection, now: Timestamp) -> Result<Vec<AppName>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::UNFINISHED)?;
    let apps = statement.query_and_then([now.0], |row| {
        text(row, 0, "app.name", |name| AppName::new(name).ok())
    })?;
    apps.collect()
}
