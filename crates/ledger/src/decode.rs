//! From columns to words. It must not let a stored value into an error: a column that cannot be
//! read is named, and that is all.

use rusqlite::Row;
use serde::de::DeserializeOwned;
use slugline_core::actor::Actor;
use slugline_core::release::{Release, Status, Version};
use slugline_core::slug::Slug;
use slugline_core::time::Timestamp;

use crate::fault::{Result, corrupt};

/// A text column that `parse` understands.
pub(crate) fn text<T>(
    row: &Row<'_>,
    index: usize,
    place: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    text_or_null(row, index, place, parse)?.ok_or_else(|| corrupt(place))
}

/// A text column that may be NULL.
pub(crate) fn text_or_null<T>(
    row: &Row<'_>,
    index: usize,
    place: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let text = row.get_ref(index)?.as_str_or_null();
    match text.map_err(|_| corrupt(place))? {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| corrupt(place)),
    }
}

/// A column of bytes.
pub(crate) fn blob<'a>(row: &'a Row<'_>, index: usize, place: &str) -> Result<&'a [u8]> {
    row.get_ref(index)?.as_blob().map_err(|_| corrupt(place))
}

/// A column of bytes that may be NULL.
pub(crate) fn blob_or_null<'a>(
    row: &'a Row<'_>,
    index: usize,
    place: &str,
) -> Result<Option<&'a [u8]>> {
    row.get_ref(index)?
        .as_blob_or_null()
        .map_err(|_| corrupt(place))
}

/// An integer column that fits `T`.
pub(crate) fn integer<T: TryFrom<i64>>(row: &Row<'_>, index: usize, place: &str) -> Result<T> {
    integer_or_null(row, index, place)?.ok_or_else(|| corrupt(place))
}

/// An integer column that may be NULL.
pub(crate) fn integer_or_null<T: TryFrom<i64>>(
    row: &Row<'_>,
    index: usize,
    place: &str,
) -> Result<Option<T>> {
    let number = row.get_ref(index)?.as_i64_or_null();
    match number.map_err(|_| corrupt(place))? {
        None => Ok(None),
        Some(number) => T::try_from(number).map(Some).map_err(|_| corrupt(place)),
    }
}

/// A column with the number of a release; 0 before the first.
pub(crate) fn version(row: &Row<'_>, index: usize, place: &str) -> Result<Version> {
    integer(row, index, place).map(Version::new)
}

/// Reads JSON; what is wrong with it is not told, since that would quote it.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// The number of a release as SQLite stores it. What does not fit stands past every number.
pub(crate) fn number(version: Version) -> i64 {
    i64::try_from(version.number()).unwrap_or(i64::MAX)
}

/// A release whose columns, from `first` on, are version, change, actor, `created_at`, status,
/// reason and pinned.
pub(crate) fn release(row: &Row<'_>, first: usize, slug: Option<Slug>) -> Result<Release> {
    let word = text(row, first + 4, "release.status", |word| {
        Some(word.to_owned())
    })?;
    let reason = text_or_null(row, first + 5, "release.reason", |why| Some(why.to_owned()))?;
    Ok(Release {
        version: version(row, first, "release.version")?,
        change: text(row, first + 1, "release.change", json)?,
        actor: text(row, first + 2, "release.actor", |name| {
            Actor::new(name).ok()
        })?,
        created_at: Timestamp(integer(row, first + 3, "release.created_at")?),
        status: status(&word, reason).ok_or_else(|| corrupt("release.status"))?,
        slug,
        pinned: integer::<i64>(row, first + 6, "release.pinned")? != 0,
    })
}

fn status(word: &str, reason: Option<String>) -> Option<Status> {
    match (word, reason) {
        ("pending", None) => Some(Status::Pending),
        ("succeeded", None) => Some(Status::Succeeded),
        ("failed", Some(reason)) => Some(Status::Failed(reason)),
        _ => None,
    }
}
