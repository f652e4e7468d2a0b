//! What goes over the wire: types of the API's own, and how what the engine knows becomes them. It must
//! not know who may see them.

pub(crate) mod account;
pub(crate) mod addon;
pub(crate) mod app;
pub(crate) mod domain;
pub(crate) mod error;
pub(crate) mod log;
pub(crate) mod people;
pub(crate) mod process;
pub(crate) mod release;
pub(crate) mod webhook;

use serde::Serialize;
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
