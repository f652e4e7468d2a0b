//! What went wrong, as clients are told: a status, a word for programs, a text for people. It must not
//! hold a value of a config var.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use slugline_core::app::AppName;
use slugline_core::corridor::Failure;
use slugline_core::port::LedgerError;
use slugline_core::refusal::Refusal;

use crate::backend::{NotDone, Unavailable};
use crate::wire::error::ErrorBody;

/// What kind of error it is: its status and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    PreconditionFailed,
    TooLarge,
    NoSuchRange,
    InvalidParams,
    ConfirmationRequired,
    MultipleMatches,
    RateLimit,
    Internal,
    Unavailable,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::NoSuchRange => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "requested_range_not_satisfiable",
            ),
            Self::InvalidParams => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_params"),
            Self::ConfirmationRequired => {
                (StatusCode::UNPROCESSABLE_ENTITY, "confirmation_required")
            }
            Self::MultipleMatches => (StatusCode::UNPROCESSABLE_ENTITY, "multiple_matches"),
            Self::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate_limit"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable"),
        }
    }
}

/// An error of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    kind: Kind,
    message: String,
    app: Option<AppName>,
    begun: bool,
}

impl ApiError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            app: None,
            begun: false,
        }
    }

    /// The same, of what had been begun.
    #[must_use]
    fn begun(self) -> Self {
        Self {
            begun: true,
            ..self
        }
    }

    /// The same, saying which app it is about.
    #[must_use]
    pub(crate) fn of(mut self, app: &AppName) -> Self {
        self.app = Some(app.clone());
        self
    }

    pub(crate) fn no_such(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("Couldn't find that {what}."))
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether nothing was begun.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind.parts().0.is_client_error() && !self.begun
    }

    /// The app it is about, where that was said.
    pub(crate) fn app(&self) -> Option<&AppName> {
        self.app.as_ref()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, id) = self.kind.parts();
        let body = ErrorBody::new(id, self.message.clone(), self.app.clone());
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let ask = axum::http::HeaderValue::from_static("Basic realm=\"Slugline\"");
            let headers = response.headers_mut();
            headers.insert(axum::http::header::WWW_AUTHENTICATE, ask);
        }
        // For whoever tells it in another way.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

/// An error and what lies behind it, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

impl From<NotDone> for ApiError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Failure(failure) => failure.into(),
            NotDone::Unavailable(why) => why.into(),
        }
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        let kind = match &error {
            LedgerError::NoApp(_) => return Self::no_such("app"),
            LedgerError::NoRelease(..) => return Self::no_such("release"),
            LedgerError::NameTaken(_) | LedgerError::HostTaken(..) => Kind::InvalidParams,
            LedgerError::Held(_) | LedgerError::NotPending(..) => Kind::Conflict,
            LedgerError::Busy(_) | LedgerError::Full => Kind::Unavailable,
            _ => Kind::Internal,
        };
        Self::new(kind, chain(&error))
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(all) => Self::new(Kind::InvalidParams, refusals(&all)),
            Failure::Nothing(text) => Self::new(Kind::InvalidParams, text),
            Failure::Unhealthy {
                version,
                reason,
                log,
                current,
            } => {
                let log: String = log.iter().map(|line| format!("\n  {line}")).collect();
                let runs = match current.number() {
                    0 => "Nothing runs.".to_owned(),
                    _ => format!("{current} runs on, unchanged."),
                };
                let text = format!("{version} failed: {reason}{log}\n{runs}");
                Self::new(Kind::InvalidParams, text).begun()
            }
            Failure::Ledger(error) => error.into(),
            Failure::Launch(error) => Self::new(Kind::Unavailable, chain(&error)),
            other => Self::new(Kind::InvalidParams, chain(&other)).begun(),
        }
    }
}

fn refusals(refusals: &[Refusal]) -> String {
    let whole = |refusal: &Refusal| match &refusal.hint {
        Some(hint) => format!("{}\n{hint}", refusal.text),
        None => refusal.text.clone(),
    };
    refusals.iter().map(whole).collect::<Vec<_>>().join("\n")
}

/// Answers what has no route.
pub(crate) async fn no_such_route(method: Method, uri: Uri) -> ApiError {
    let text = format!(
        "There is no {method} {}. The API is described at /openapi.json; \
         its version is named by the Accept header: application/vnd.heroku+json; version=3",
        uri.path()
    );
    ApiError::new(Kind::NotFound, text)
}
