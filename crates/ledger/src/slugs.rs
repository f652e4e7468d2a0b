//! Slugs, each stored once however many releases hold it. It must not know where a packed slug
//! lies, nor remove one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::slug::Slug;

use crate::connection::reading;
use crate::decode::{json, text};
use crate::fault::{Result, corrupt};
use crate::sql;

/// A slug as it is stored.
pub(crate) fn body(slug: Option<&Slug>) -> Result<Option<String>> {
    Ok(slug.map(serde_json::to_string).transpose()?)
}

/// The row of a slug with its text, added where it is not there yet.
pub(crate) fn intern(db: &Connection, slug: &Slug, body: &str) -> Result<i64> {
    let digest = slug.id.as_str();
    let mut find = db.prepare_cached(sql::FIND_SLUG)?;
    if let Some(id) = find
        .query_row(params![digest, body], |row| row.get(0))
        .optional()?
    {
        return Ok(id);
    }
    Ok(db
        .prepare_cached(sql::ADD_SLUG)?
        .insert(params![digest, body])?)
}

/// Slugs by row, each read once.
#[derive(Default)]
pub(crate) struct Slugs(HashMap<i64, Slug>);

impl Slugs {
    /// The slug of a row; `None` where there is no row.
    pub(crate) fn get(&mut self, db: &Connection, id: Option<i64>) -> Result<Option<Slug>> {
        let Some(id) = id else { return Ok(None) };
        match self.0.entry(id) {
            Entry::Occupied(known) => Ok(Some(known.get().clone())),
            Entry::Vacant(place) => Ok(Some(place.insert(read(db, id)?).clone())),
        }
    }
}

fn read(db: &Connection, id: i64) -> Result<Slug> {
    let mut statement = db.prepare_cached(sql::SLUG)?;
    let mut rows = statement.query_and_then([id], |row| text(row, 0, "slug.body", json))?;
    rows.next().ok_or_else(|| corrupt("release.slug"))?
}

/// See [`slugline_core::port::Ledger::slugs_in_use`]: the table holds no others.
pub(crate) fn in_use(db: &Connection) -> Result<Vec<Slug>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::SLUGS)?;
    let slugs = statement.query_and_then([], |row| text(row, 0, "slug.body", json))?;
    slugs.collect()
}

/// The rows that an app's releases and its newest deploy refer to.
pub(crate) fn of_app(db: &Connection, app: i64) -> Result<BTreeSet<i64>> {
    let mut statement = db.prepare_cached(sql::SLUGS_OF_APP)?;
    let ids = statement.query_map([app], |row| row.get(0))?;
    Ok(ids.collect::<std::result::Result<_, _>>()?)
}

/// Forgets those of `ids` that nothing refers to any more.
pub(crate) fn drop_unused(db: &Connection, ids: impl IntoIterator<Item = i64>) -> Result<()> {
    let mut statement = db.prepare_cached(sql::DROP_UNUSED_SLUG)?;
    for id in ids {
        statement.execute([id])?;
    }
    Ok(())
}
