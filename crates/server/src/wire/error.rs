//! The body of an error. It must not know what happened.

use serde::Serialize;
use slugline_core::app::AppName;
use utoipa::{IntoResponses, ToSchema};

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// A word for programs.
    #[schema(example = "not_found")]
    id: &'static str,
    /// A text for people.
    #[schema(example = "Couldn't find that app.")]
    message: String,
    /// The app it is about, where a client may need to name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<NamedApp>,
}

/// An app by its name alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamedApp {
    name: String,
}

impl ErrorBody {
    pub(crate) fn new(id: &'static str, message: String, app: Option<AppName>) -> Self {
        let app = app.map(|app| NamedApp {
            name: app.to_string(),
        });
        Self { id, message, app }
    }
}

/// The errors that any request may meet.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "they are only described, for the document")]
pub(crate) enum Errors {
    /// What was sent cannot be read.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// There is no token, or it is good for nothing.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// The token or its person may not do this.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// There is no such thing, or none that the token may see.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// Somebody else is changing the app.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// It is not any more what `If-Match` says.
    #[response(status = 412)]
    PreconditionFailed(ErrorBody),
    /// What was sent is larger than it may be.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The `Range` cannot be read, or is of a field that there is not.
    #[response(status = 416)]
    NoSuchRange(ErrorBody),
    /// The rules, a check or the app itself forbid it.
    #[response(status = 422)]
    InvalidParams(ErrorBody),
    /// Too many requests.
    #[response(status = 429)]
    RateLimit(ErrorBody),
    /// Something that the request depends on does not answer.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}
