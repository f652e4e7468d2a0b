//! When the tier of an app was last asked what it keeps. It must not know when it is to be asked
//! again.

use rusqlite::{Connection, params};
use slugline_core::app::AppName;
use slugline_core::port::Asked;
use slugline_core::time::Timestamp;

use crate::connection::{commit, reading, writing};
use crate::decode::{self, integer, text};
use crate::fault::Result;
use crate::{apps, sql};

/// See [`slugline_core::port::Ledger::asked`].
pub(crate) fn get(db: &Connection, app: &AppName) -> Result<Option<Asked>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::ASKED)?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Asked {
        tier: text(row, 0, "asked.tier", |plan| plan.parse().ok())?,
        last: decode::version(row, 1, "asked.last")?,
        kept: integer(row, 2, "asked.kept")?,
        at: Timestamp(integer(row, 3, "asked.at")?),
    }))
}

/// See [`slugline_core::port::Ledger::set_asked`].
pub(crate) fn set(db: &Connection, app: &AppName, asked: Option<&Asked>) -> Result<()> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    match asked {
        Some(asked) => tx.prepare_cached(sql::SET_ASKED)?.execute(params![
            id,
            asked.tier.to_string(),
            decode::number(asked.last),
            i64::try_from(asked.kept).unwrap_or(i64::MAX),
            asked.at.0
        ])?,
        None => tx.prepare_cached(sql::FORGET_ASKED)?.execute([id])?,
    };
    commit(tx)
}
