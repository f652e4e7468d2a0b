//! Lists in parts: the `Range` that a client sends, in every spelling that clients have, and the
//! `Next-Range` that leads on. It must not know what is listed.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{ApiError, Kind};

/// So many are answered where the client does not say.
const USUAL: usize = 200;
/// So many are answered at most.
const MOST: usize = 1000;

/// Which way a list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// Where a part of a list begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) value: String,
    /// Whether the value itself is left out: it is written `]VALUE` before, `VALUE[` behind.
    pub(crate) exclusive: bool,
}

/// The part of a list that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// What it is sorted by; `None` where the client leaves that to the list.
    pub(crate) field: Option<String>,
    pub(crate) from: Option<Bound>,
    pub(crate) to: Option<Bound>,
    /// At most so many; at least 1.
    pub(crate) max: usize,
    pub(crate) order: Order,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            field: None,
            from: None,
            to: None,
            max: USUAL,
            order: Order::Ascending,
        }
    }
}

fn bad(text: impl Into<String>) -> ApiError {
    ApiError::new(Kind::NoSuchRange, text)
}

impl std::str::FromStr for Range {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let mut range = Self::default();
        let (what, parameters) = text.split_once(';').unwrap_or((text, ""));
        let what = what.trim();
        if !what.is_empty() {
            let (field, bounds) = what.split_once([' ', '\t']).unwrap_or((what, ".."));
            let bounds = bounds.trim();
            let Some((from, to)) = bounds.split_once("..") else {
                return Err(bad("A Range is written: FIELD FROM..TO; max=N, order=desc"));
            };
            range.field = Some(field.to_owned());
            range.from = bound(from.trim(), |text| text.strip_prefix(']'));
            range.to = bound(to.trim(), |text| text.strip_suffix('['));
        }
        for parameter in parameters.split([';', ',']) {
            range.set(parameter.trim())?;
        }
        Ok(range)
    }
}

fn bound(text: &str, exclusive: impl Fn(&str) -> Option<&str>) -> Option<Bound> {
    let (value, exclusive) = match exclusive(text) {
        Some(value) => (value, true),
        None => (text, false),
    };
    (!value.is_empty()).then(|| Bound {
        value: value.to_owned(),
        exclusive,
    })
}

impl Range {
    fn set(&mut self, parameter: &str) -> Result<(), ApiError> {
        let Some((key, value)) = parameter.split_once('=') else {
            return match parameter.is_empty() {
                true => Ok(()),
                false => Err(bad("A Range has max=N and order=asc or order=desc.")),
            };
        };
        match (key.trim(), value.trim()) {
            ("max", number) => {
                let max = number.parse().ok().filter(|max| (1..=MOST).contains(max));
                self.max = max.ok_or_else(|| bad(format!("max is a number from 1 to {MOST}.")))?;
            }
            ("order", "asc") => self.order = Order::Ascending,
            ("order", "desc") => self.order = Order::Descending,
            _ => return Err(bad("A Range has max=N and order=asc or order=desc.")),
        }
        Ok(())
    }

    /// The field, if it is one of those that the list is sorted by; the first where none is said.
    ///
    /// # Errors
    /// 416, with those there are.
    pub(crate) fn field<'a>(&self, fields: &[&'a str]) -> Result<&'a str, ApiError> {
        let wanted = self.field.as_deref();
        let found = fields
            .iter()
            .find(|one| wanted.is_none_or(|it| it == **one));
        found.copied().ok_or_else(|| {
            let known = fields.join(", ");
            bad(format!("This list is sorted by one of: {known}."))
        })
    }

    /// The part that a list held in memory answers; `key` is what the field is of one of it.
    pub(crate) fn of<T>(
        &self,
        fields: &'static [&'static str],
        mut all: Vec<T>,
        key: impl Fn(&T, &str) -> String,
    ) -> Result<Part<T>, ApiError> {
        let field = self.field(fields)?;
        all.sort_by_cached_key(|one| key(one, field));
        all.retain(|one| self.holds(&key(one, field)));
        if self.order == Order::Descending {
            all.reverse();
        }
        let more = all.len() > self.max;
        all.truncate(self.max);
        let last = all.last().filter(|_| more).map(|last| key(last, field));
        Ok(Part {
            next: last.map(|last| self.after(field, &last)),
            bounds: all.first().zip(all.last()).map(|(first, last)| {
                format!(
                    "{field} {}..{}; max={}",
                    key(first, field),
                    key(last, field),
                    self.max
                )
            }),
            fields,
            rows: all,
        })
    }

    /// Whether a value lies between the bounds.
    fn holds(&self, value: &str) -> bool {
        let above = self.from.as_ref().is_none_or(|from| {
            value > from.value.as_str() || (!from.exclusive && value == from.value)
        });
        let below = self
            .to
            .as_ref()
            .is_none_or(|to| value < to.value.as_str() || (!to.exclusive && value == to.value));
        above && below
    }

    /// The range that goes on after `last`.
    pub(crate) fn after(&self, field: &str, last: &str) -> String {
        let written = |bound: &Option<Bound>, before: &str, behind: &str| match bound {
            Some(bound) if bound.exclusive => format!("{before}{}{behind}", bound.value),
            Some(bound) => bound.value.clone(),
            None => String::new(),
        };
        let (from, to, order) = match self.order {
            Order::Ascending => (format!("]{last}"), written(&self.to, "", "["), "asc"),
            Order::Descending => (written(&self.from, "]", ""), format!("{last}["), "desc"),
        };
        format!("{field} {from}..{to}; max={}, order={order}", self.max)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Range {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.headers.get(axum::http::header::RANGE) {
            None => Ok(Self::default()),
            Some(header) => header
                .to_str()
                .map_err(|_| bad("A Range is text."))?
                .parse(),
        }
    }
}

/// A part of a list, as it is answered.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) rows: Vec<T>,
    /// The `Range` that leads on, where there is more.
    pub(crate) next: Option<String>,
    /// What is in it.
    pub(crate) bounds: Option<String>,
    /// What the list can be sorted by.
    pub(crate) fields: &'static [&'static str],
}

impl<T> Part<T> {
    /// The same part, of what its rows become.
    pub(crate) fn turned<U>(
        self,
        change: impl FnOnce(Vec<T>) -> Result<Vec<U>, ApiError>,
    ) -> Result<Part<U>, ApiError> {
        Ok(Part {
            rows: change(self.rows)?,
            next: self.next,
            bounds: self.bounds,
            fields: self.fields,
        })
    }
}

impl<T: Serialize> IntoResponse for Part<T> {
    fn into_response(self) -> Response {
        let status = match self.next {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        };
        let mut response = (status, axum::Json(self.rows)).into_response();
        let mut set = |name: &'static str, value: Option<String>| {
            if let Some(value) = value.and_then(|text| HeaderValue::from_str(&text).ok()) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        };
        set("accept-ranges", Some(self.fields.join(", ")));
        set("content-range", self.bounds);
        set("next-range", self.next);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, field: Option<&str>, max: usize, order: Order) -> Range {
        let range: Range = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(range.field.as_deref(), field, "{text}");
        assert_eq!((range.max, range.order), (max, order), "{text}");
        range
    }

    #[test]
    fn every_spelling_that_clients_have_is_read() {
        use Order::{Ascending, Descending};
        let version = Some("version");
        reads("version ..; max=15, order=desc", version, 15, Descending);
        reads("version ..; order=desc,max=1", version, 1, Descending);
        reads("version ..; order=desc,max=2;", version, 2, Descending);
        reads("version ..; ;", version, USUAL, Ascending);
        reads("id ..; max=1000;", Some("id"), 1000, Ascending);
        reads("id ..; max=1000", Some("id"), 1000, Ascending);
        reads("seq ..;order=desc;max=7", Some("seq"), 7, Descending);
        reads("", None, USUAL, Ascending);
        reads("name", Some("name"), USUAL, Ascending);
        let range = reads("version ]5..9[", version, USUAL, Ascending);
        let bound = |value: &str| {
            Some(Bound {
                value: value.to_owned(),
                exclusive: true,
            })
        };
        assert_eq!((range.from, range.to), (bound("5"), bound("9")));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "version 5",
            "version ..; max=0",
            "version ..; max=1001",
            "version ..; max=many",
            "version ..; order=up",
            "version ..; page=2",
            "version ..; max",
        ] {
            let error = bad.parse::<Range>().unwrap_err();
            assert_eq!(error.kind(), Kind::NoSuchRange, "{bad}");
        }
    }

    #[test]
    fn a_list_is_walked_to_its_end_in_either_order() {
        let all: Vec<String> = ('a'..='g').map(String::from).collect();
        for (first, expected) in [
            ("name ..; max=3", "abc def g"),
            ("name ..; max=3, order=desc", "gfe dcb a"),
            ("name b..f; max=2", "bc de f"),
            ("name ]b..f[; max=2, order=desc", "ed c"),
        ] {
            let (mut walked, mut range) = (Vec::new(), first.to_owned());
            loop {
                let part: Range = range.parse().unwrap();
                let part = part
                    .of(&["name"], all.clone(), |one, _| one.clone())
                    .unwrap();
                walked.push(part.rows.concat());
                match part.next {
                    Some(next) => range = next,
                    None => break,
                }
            }
            assert_eq!(walked.join(" "), expected, "{first}");
        }
    }
}
