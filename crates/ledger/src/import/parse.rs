//! From bytes to the form of a document: size, syntax, keys that are there twice, format, types. It
//! must not let a value of the document into an error, since it may be a secret: what is named is
//! where it is wrong, and what is expected there.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::form::{Document, FORMAT};

/// The largest document, in bytes: some half a million releases.
pub const MAX_BYTES: usize = 256 << 20;

/// Why bytes are no history that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocument {
    /// There are too many of them.
    #[error("it is larger than {} MB", MAX_BYTES >> 20)]
    TooLarge,
    /// They are no JSON.
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1; 0 at the end of a line.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// They are of another format.
    #[error("it is of format {0}; this Slugline reads format {FORMAT}")]
    Format(u64),
    /// Something is wrong in one place.
    #[error("{path}: {what}")]
    At {
        /// Where, such as `releases[3].config.set.A`.
        path: String,
        /// What is wrong, or what is expected; no value of a config var.
        what: String,
    },
    /// The values of the config vars were left out.
    #[error("the values of its config vars were left out when it was exported")]
    WithoutValues,
}

/// Reads the form of a document.
pub(crate) fn form(bytes: &[u8]) -> Result<Document, InvalidDocument> {
    if bytes.len() > MAX_BYTES {
        return Err(InvalidDocument::TooLarge);
    }
    read::<Unique>(bytes)?;
    let found = read::<Format>(bytes)?.format;
    if found != FORMAT {
        return Err(InvalidDocument::Format(found));
    }
    read(bytes)
}

/// What is looked at first: another format may have other fields.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, InvalidDocument> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        invalid(path, error.inner())
    })?;
    json.end().map_err(|error| invalid(String::new(), &error))?;
    Ok(read)
}

fn invalid(path: String, error: &serde_json::Error) -> InvalidDocument {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let text = text.strip_suffix(&place).unwrap_or(&text);
    if !error.is_data() {
        let what = text.to_owned();
        return InvalidDocument::Syntax { line, column, what };
    }
    let path = match path.as_str() {
        "" | "." => "the document".to_owned(),
        _ => path,
    };
    // "invalid type: string \"hush\", expected u64" quotes what is there.
    let what = match text.rsplit_once(", expected ") {
        Some((_, expected)) if text.starts_with("invalid ") => match expected {
            "u64" | "usize" => "expected a whole number, not negative".to_owned(),
            "i64" => "expected a whole number".to_owned(),
            _ if expected.starts_with("struct ") => "expected an object".to_owned(),
            _ => format!("expected {expected}"),
        },
        _ => text.to_owned(),
    };
    InvalidDocument::At { path, what }
}

/// Anything in which no object has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Self)
    }
}

macro_rules! scalars {
    ($($visit:ident($type:ty)),* $(,)?) => {$(
        fn $visit<E>(self, _: $type) -> Result<Self, E> {
            Ok(Self)
        }
    )*};
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    scalars!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_str(&str)
    );

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(Self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                map.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(format_args!(
                    "the key {key:?} is there twice"
                )));
            }
            map.next_value::<Self>()?;
            seen.insert(key);
        }
        Ok(Self)
    }
}
