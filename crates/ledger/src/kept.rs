//! What is kept of a release beside its content. It must not know what it is for.

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::app::AppName;
use slugline_core::port::{Kept, LedgerError};
use slugline_core::release::Version;

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, number};
use crate::fault::Result;
use crate::sealing::{Keys, Place};
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
    let (id, version) = (apps::id(&tx, app)?, number(version));
    let mut statement = tx.prepare_cached(sql::KEPT)?;
    let mut rows = statement.query(params![id, version, what.word()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let what = what.word();
    let place = Place::Kept {
        app: id,
        version,
        what,
    };
    keys.open(&tx, place, blob(row, 0, "kept.body")?).map(Some)
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
    let (id, stored, what) = (apps::id(&tx, app)?, number(version), what.word());
    let mut release = tx.prepare_cached(sql::IS_KEPT)?;
    let found = release.query_row([id, stored], |_| Ok(())).optional()?;
    drop(release);
    if found.is_none() {
        return Err(LedgerError::NoRelease(app.clone(), version).into());
    }
    let place = Place::Kept {
        app: id,
        version: stored,
        what,
    };
    let sealed = keys.fresh(&tx)?.seal(place, text.as_bytes())?;
    tx.prepare_cached(sql::KEEP)?
        .execute(params![id, stored, what, sealed])?;
    commit(tx)
}
