//! What goes over the wire: types of the API's own, and how what the engine knows becomes them. It must
//! not know who may see them.

pub(crate) mod account;
pub(crate) mod addon;
pub(crate) mod app;
pub(crate) mod build;
pub(crate) mod domain;
pub(crate) mod error;
pub(crate) mod log;
pub(crate) mod people;
pub(crate) mod process;
pub(crate) mod release;
pub(crate) mod webhook;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use slugline_core::actor::Actor;
use slugline_core::app::App;
use slugline_core::time::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids;

/// An app, named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AppRef {
    id: Uuid,
    #[schema(example = "shop")]
    name: String,
}

impl From<&App> for AppRef {
    fn from(app: &App) -> Self {
        Self {
            id: ids::app(app),
            name: app.name.to_string(),
        }
    }
}

/// A person, named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct UserRef {
    id: Uuid,
    #[schema(example = "jim@example.com")]
    email: String,
}

impl From<&Actor> for UserRef {
    fn from(actor: &Actor) -> Self {
        Self {
            id: ids::user(actor),
            email: actor.to_string(),
        }
    }
}

/// An instant in ISO 8601, in UTC, to the second.
pub(crate) fn time(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether something is so: `true` or `false`, or 1 or 0, as some clients write it.
pub(crate) fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(bool),
        Number(u8),
    }
    match Written::deserialize(from)? {
        Written::Word(word) => Ok(word),
        Written::Number(number @ (0 | 1)) => Ok(number == 1),
        Written::Number(_) => Err(D::Error::custom("neither true nor false")),
    }
}

/// The same of what may be left out.
pub(crate) fn perhaps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    struct Truth(#[serde(deserialize_with = "truth")] bool);
    Ok(Option::<Truth>::deserialize(from)?.map(|truth| truth.0))
}
