//! What is kept as intervals of release numbers: config vars and add-ons alike. It must not know
//! which of the two it has at hand, nor which release is current.
//!
//! Intervals follow the numbers, whatever becomes of the releases: each number's state is compared
//! with that of the number before, a failed one's included.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, ToSql, params};

use crate::fault::Result;
use crate::sealing::{Keys, Ring};

/// The statements of one kind; their parameters are given in `sql.rs`.
pub(crate) struct Statements {
    pub(crate) now: &'static str,
    pub(crate) one: &'static str,
    pub(crate) at: &'static str,
    pub(crate) keys_past: &'static str,
    pub(crate) close: &'static str,
    pub(crate) drop: &'static str,
    pub(crate) open: &'static str,
    pub(crate) change: &'static str,
    pub(crate) gap: &'static str,
    pub(crate) sweep: &'static str,
}

/// One kind of thing that is kept as intervals.
pub(crate) trait Kind {
    /// What names it; at most one of a name at a time.
    type Key: Ord + Clone;
    /// What it is.
    type Value: PartialEq;
    /// How it is stored.
    const SQL: Statements;
    /// The column of a row of `now` that holds the first number of the interval.
    const FROM: usize;

    /// The name as it is stored.
    fn key(key: &Self::Key) -> &str;

    /// From a row of `now` or `at`.
    fn read(row: &Row<'_>, from: &Whence<'_>) -> Result<(Self::Key, Self::Value)>;

    /// Hands the columns that come after the key and the number to `write`.
    fn columns<T>(
        value: &Self::Value,
        place: &Interval<'_>,
        write: impl FnOnce(&[&dyn ToSql]) -> Result<T>,
    ) -> Result<T>;
}

/// Where rows are read, and what opens them.
pub(crate) struct Whence<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) keys: &'a Keys,
    pub(crate) app: i64,
}

/// The interval that a value is written for, and what seals it.
pub(crate) struct Interval<'a> {
    pub(crate) ring: &'a Ring,
    pub(crate) app: i64,
    pub(crate) key: &'a str,
    pub(crate) from: i64,
}

/// All there is at the newest number.
pub(crate) fn now<K: Kind>(from: &Whence<'_>) -> Result<BTreeMap<K::Key, K::Value>> {
    let mut statement = from.db.prepare_cached(K::SQL.now)?;
    let rows = statement.query_and_then([from.app], |row| K::read(row, from))?;
    rows.collect()
}

/// All there was at a number.
pub(crate) fn at<K: Kind>(from: &Whence<'_>, version: i64) -> Result<BTreeMap<K::Key, K::Value>> {
    let mut statement = from.db.prepare_cached(K::SQL.at)?;
    let rows = statement.query_and_then([from.app, version], |row| K::read(row, from))?;
    rows.collect()
}

/// A number that is about to be used, of which an interval may begin or before which one may end.
#[derive(Clone, Copy)]
pub(crate) struct Next {
    pub(crate) app: i64,
    pub(crate) version: i64,
    /// The newest number before it that is kept; `None` where none is.
    pub(crate) newest_kept: Option<i64>,
}

impl Next {
    fn place<'a>(&self, ring: &'a Ring, key: &'a str, from: i64) -> Interval<'a> {
        let app = self.app;
        Interval {
            ring,
            app,
            key,
            from,
        }
    }
}

/// Writes what the next number changes, and nothing of what it leaves as it is. `before` is what the
/// newest number holds, where that is known: then only rows that end are read, and opened.
pub(crate) fn advance<'a, K: Kind + 'a>(
    whence: &Whence<'_>,
    ring: &Ring,
    next: Next,
    before: Option<impl Iterator<Item = (&'a K::Key, &'a K::Value)>>,
    after: impl Iterator<Item = (&'a K::Key, &'a K::Value)>,
) -> Result<()> {
    let db = whence.db;
    let (changed, mut begin) = match before {
        Some(before) => differing::<K>(before, after),
        None => (None, after.collect()),
    };
    let mut ended = Vec::new();
    let mut compare = |row: &Row<'_>| -> Result<()> {
        let (key, value) = K::read(row, whence)?;
        match begin.get(&key) {
            Some(same) if **same == value => drop(begin.remove(&key)),
            _ => ended.push((key, value, row.get::<_, i64>(K::FROM)?)),
        }
        Ok(())
    };
    match changed {
        None => each(db, K::SQL.now, params![next.app], &mut compare)?,
        Some(changed) => {
            for key in changed {
                each(db, K::SQL.one, params![next.app, K::key(key)], &mut compare)?;
            }
        }
    }
    for (key, value, from) in ended {
        end::<K>(db, ring, next, (&key, &value, from))?;
        match begin.remove(&key) {
            Some(value) => write::<K>(db, K::SQL.change, ring, next, (&key, value))?,
            None => {
                db.prepare_cached(K::SQL.drop)?
                    .execute(params![next.app, K::key(&key)])?;
            }
        }
    }
    for (key, value) in begin {
        write::<K>(db, K::SQL.open, ring, next, (key, value))?;
    }
    Ok(())
}

/// The names whose present rows end, and all that begins.
type Differing<'a, K> = (
    Option<Vec<&'a <K as Kind>::Key>>,
    BTreeMap<&'a <K as Kind>::Key, &'a <K as Kind>::Value>,
);

/// What differs between two that are sorted by name.
fn differing<'a, K: Kind + 'a>(
    before: impl Iterator<Item = (&'a K::Key, &'a K::Value)>,
    after: impl Iterator<Item = (&'a K::Key, &'a K::Value)>,
) -> Differing<'a, K> {
    let (mut changed, mut begin) = (Vec::new(), BTreeMap::new());
    let (mut before, mut after) = (before.peekable(), after.peekable());
    while let Some((key, value)) = after.peek().copied() {
        match before.peek().copied() {
            Some((old, _)) if old < key => changed.extend(before.next().map(|(old, _)| old)),
            Some((old, was)) if old == key => {
                if was != value {
                    changed.push(old);
                    begin.insert(key, value);
                }
                before.next();
                after.next();
            }
            _ => {
                begin.insert(key, value);
                after.next();
            }
        }
    }
    changed.extend(before.map(|(old, _)| old));
    (Some(changed), begin)
}

/// Ends an interval before the next number. What nobody can ask for any more is not kept: all
/// releases that had it were pruned.
fn end<K: Kind>(
    db: &Connection,
    ring: &Ring,
    next: Next,
    (key, value, from): (&K::Key, &K::Value, i64),
) -> Result<()> {
    if next.newest_kept < Some(from) {
        return Ok(());
    }
    let name = K::key(key);
    let interval: [&dyn ToSql; 4] = [&next.app, &name, &next.version, &from];
    insert::<K>(
        db,
        K::SQL.close,
        &interval,
        &next.place(ring, name, from),
        value,
    )
}

/// Writes what holds from the next number on.
fn write<K: Kind>(
    db: &Connection,
    sql: &str,
    ring: &Ring,
    next: Next,
    (key, value): (&K::Key, &K::Value),
) -> Result<()> {
    let name = K::key(key);
    let interval: [&dyn ToSql; 3] = [&next.app, &name, &next.version];
    let place = next.place(ring, name, next.version);
    insert::<K>(db, sql, &interval, &place, value)
}

fn each(
    db: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    read: &mut impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        read(row)?;
    }
    Ok(())
}

/// Writes one interval, by a statement of its kind.
pub(crate) fn insert<K: Kind>(
    db: &Connection,
    sql: &str,
    interval: &[&dyn ToSql],
    place: &Interval<'_>,
    value: &K::Value,
) -> Result<()> {
    K::columns(value, place, |columns| {
        db.prepare_cached(sql)?
            .execute([interval, columns].concat().as_slice())?;
        Ok(())
    })
}

/// A stretch of numbers of which none is kept any more, without its ends, which are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) after: i64,
    pub(crate) before: i64,
}

/// Drops the intervals that no release which is kept needs: those that lie whole inside a gap. The
/// gaps are sorted.
///
/// Either each gap is sought for each key, or each key's intervals around all gaps are looked at,
/// whichever is less; there is about one interval for each number.
pub(crate) fn forget<K: Kind>(db: &Connection, app: i64, gaps: &[Gap]) -> Result<()> {
    let (Some(first), Some(last)) = (gaps.first(), gaps.last()) else {
        return Ok(());
    };
    let mut keys = db.prepare_cached(K::SQL.keys_past)?;
    let keys: Vec<String> = keys
        .query_map([app], |row| row.get(0))?
        .collect::<std::result::Result<_, _>>()?;
    let around = usize::try_from(last.after.saturating_sub(first.after)).unwrap_or(usize::MAX);
    if gaps.len() > 1 && gaps.len().saturating_mul(keys.len()) > around {
        let mut statement = db.prepare_cached(K::SQL.sweep)?;
        for key in &keys {
            statement.execute(params![app, key, first.after, last.before])?;
        }
        return Ok(());
    }
    let mut statement = db.prepare_cached(K::SQL.gap)?;
    for gap in gaps {
        for key in &keys {
            statement.execute(params![app, key, gap.after, gap.before])?;
        }
    }
    Ok(())
}
