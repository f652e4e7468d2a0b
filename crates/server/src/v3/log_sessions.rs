//! `/apps/{app}/log-sessions`, and the streams that they lead to. It must not know where lines are kept.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use slugline_core::access::Permission;
use slugline_core::time::Timestamp;
use uuid::Uuid;

use crate::backend::Lines;
use crate::body;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::here;
use crate::sessions::Sessions;
use crate::standing::Standing;
use crate::stream::{Closing, Way, send};
use crate::wire::error::Errors;
use crate::wire::log::{LogSession, NewLogSession};
use crate::wire::time;

/// Whose lines, and which.
#[derive(Clone)]
pub(crate) struct Asked {
    standing: Standing,
    lines: Lines,
    tail: bool,
}

/// The sessions that may be begun, or gone on with.
pub(crate) type LogSessions = Sessions<Asked>;

/// Makes an address at which lines of an app's log can be read, without a token
#[utoipa::path(post, path = "/apps/{app}/log-sessions", tag = "logs",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewLogSession,
    responses((status = 201, body = LogSession), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    Extension(sessions): Extension<Arc<LogSessions>>,
    (uri, headers): (Uri, HeaderMap),
    body::Json(new): body::Json<NewLogSession>,
) -> Result<(StatusCode, Json<LogSession>), ApiError> {
    let standing = desk.standing((app, Permission::Read)).await?;
    let now = standing.read(|reading, _| Ok(reading.clock().now()));
    let now: Timestamp = now.await?;
    let url = begun((&sessions, &uri, &headers), standing, &new)?;
    let session = LogSession {
        id: Uuid::new_v4(),
        logplex_url: url,
        created_at: time(now),
        updated_at: time(now),
    };
    Ok((StatusCode::CREATED, Json(session)))
}

/// Keeps what was asked for. Answers where it can be read.
pub(crate) fn begun(
    (sessions, uri, headers): (&LogSessions, &Uri, &HeaderMap),
    standing: Standing,
    new: &NewLogSession,
) -> Result<String, ApiError> {
    let base = here::base(headers, uri)?;
    let secret = sessions.put(Asked {
        standing,
        lines: new.wanted(),
        tail: new.tail == Some(true),
    });
    Ok(format!("{base}/streams/{secret}"))
}

/// The lines of a log session, as events where those are accepted, else as text
///
/// It can be read for five minutes after it was made, and after it was read last. Each event has the number
/// of its line; with `Last-Event-ID` those after it are sent.
#[utoipa::path(get, path = "/streams/{secret}", tag = "logs",
    params(("secret" = String, Path), ("Last-Event-ID" = Option<String>, Header, example = "42")),
    responses((status = 200, body = String, content_type = "text/event-stream"), Errors), security(()))]
pub(crate) async fn stream(
    Path(secret): Path<String>,
    Extension(sessions): Extension<Arc<LogSessions>>,
    Extension(closing): Extension<Closing>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = sessions.renew(&secret);
    let asked = asked.ok_or_else(|| ApiError::no_such("log session"))?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let events = text(ACCEPT.as_str()).is_some_and(|kinds| kinds.contains("text/event-stream"));
    let after = text("last-event-id").and_then(|id| id.trim().parse().ok());
    let lines = Lines {
        after: after.filter(|_| asked.tail),
        harmless: events,
        ..asked.lines
    };
    let reader = asked
        .standing
        .read(|reading, app| Ok(reading.log(&app.name, lines)?));
    let reader = reader.await.map_err(|_| ApiError::no_such("log session"))?;
    let (way, kind) = match events {
        true => (Way::Events, "text/event-stream"),
        false => (Way::Plain, "text/plain; charset=utf-8"),
    };
    let following = asked.tail.then_some((asked.standing, closing));
    let body = Body::new(send(reader, way, following));
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], body).into_response())
}
