//! What is kept of a release beside its content. It must not know what it is for.

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::app::AppName;
use slugline_core::port::{Kept, LedgerError};
use slugline_core::release::Version;

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, number};
use crate::fault::Result;
use crate::sealing::{Keys, Place, Ring};
use crate::{apps, sql};

/// See [`slugline_core::port::Ledger::kept`].
pub(crate) fn get(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    version: Version,
    what: Kept,
) -> Result<Option<String>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    of_release(&tx, keys, (id, number(version)), what)
}

/// What is kept of a release of the app in this row.
pub(crate) fn of_release(
    db: &Connection,
    keys: &Keys,
    (app, version): (i64, i64),
    what: Kept,
) -> Result<Option<String>> {
    let what = what.word();
    let mut statement = db.prepare_cached(sql::KEPT)?;
    let mut rows = statement.query(params![app, version, what])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let place = Place::Kept { app, version, what };
    keys.open(db, place, blob(row, 0, "kept.body")?).map(Some)
}

/// Keeps something of a release of the app in this row.
pub(crate) fn put(
    tx: &Connection,
    ring: &Ring,
    (app, version): (i64, i64),
    what: Kept,
    text: &str,
) -> Result<()> {
    let what = what.word();
    let place = Place::Kept { app, version, what };
    let sealed = ring.seal(place, text.as_bytes())?;
    tx.prepare_cached(sql::KEEP)?
        .execute(params![app, version, what, sealed])?;
    Ok(())
}

/// See [`slugline_core::port::Ledger::keep`].
pub(crate) fn set(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    version: Version,
    what: Kept,
    text: &str,
) -> Result<()> {
    let tx = writing(db)?;
    let (id, stored) = (apps::id(&tx, app)?, number(version));
    let mut release = tx.prepare_cached(sql::IS_KEPT)?;
    let found = release.query_row([id, stored], |_| Ok(())).optional()?;
    drop(release);
    if found.is_none() {
        return Err(LedgerError::NoRelease(app.clone(), version).into());
    }
    put(&tx, &*keys.fresh(&tx)?, (id, stored), what, text)?;
    commit(tx)
}
