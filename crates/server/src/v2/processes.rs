//! Processes, commands that are run once, and logs, as of 2012. It must not know how a process is started.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Extension, Json};
use serde_json::{Value, json};
use slugline_core::access::Permission;

use super::form::{field, fields};
use crate::backend::Process;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::rendezvous::{Rendezvous, wait};
use crate::v3;
use crate::wire::log::NewLogSession;
use crate::wire::process::{EnvValue, NewDyno, Quantity, Update};

pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let now = reading.clock().now();
        let one = |one: &Process| {
            json!({
                "process": one.name,
                "state": one.state,
                "elapsed": now.seconds_since(one.since),
                "command": one.command,
            })
        };
        let all = reading.processes(&app.name)?;
        Ok(all.iter().filter(|one| !one.server).map(one).collect())
    });
    Ok(Json(read.await?))
}

pub(crate) async fn restart(
    desk: Desk,
    Path(app): Path<String>,
    form: Bytes,
) -> Result<StatusCode, ApiError> {
    let _ = match which(&form) {
        Some(which) => v3::dynos::restart(desk, Path((app, which))).await?,
        None => v3::dynos::restart_all(desk, Path(app)).await?,
    };
    Ok(StatusCode::OK)
}

pub(crate) async fn stop(
    desk: Desk,
    Path(app): Path<String>,
    form: Bytes,
) -> Result<StatusCode, ApiError> {
    let which = which(&form).ok_or_else(|| invalid("Say which: ps=web.1 or type=web"))?;
    let _ = v3::dynos::stop(desk, Path((app, which))).await?;
    Ok(StatusCode::OK)
}

fn which(form: &[u8]) -> Option<String> {
    field(form, "ps").or_else(|| field(form, "type"))
}

fn invalid(text: &str) -> ApiError {
    ApiError::new(Kind::InvalidParams, text)
}

/// How many processes of the type `web` there are to be.
pub(crate) async fn dynos(desk: Desk, app: Path<String>, form: Bytes) -> Result<String, ApiError> {
    scaled(desk, app.0, ("web".to_owned(), field(&form, "dynos"))).await
}

/// How many processes of the type `worker` there are to be.
pub(crate) async fn workers(
    desk: Desk,
    app: Path<String>,
    form: Bytes,
) -> Result<String, ApiError> {
    scaled(desk, app.0, ("worker".to_owned(), field(&form, "workers"))).await
}

/// Answers how many there are to be now.
pub(crate) async fn scale(
    desk: Desk,
    Path(app): Path<String>,
    form: Bytes,
) -> Result<String, ApiError> {
    let kind = field(&form, "type").ok_or_else(|| invalid("Say what: type=web&qty=2"))?;
    scaled(desk, app, (kind, field(&form, "qty"))).await
}

async fn scaled(
    desk: Desk,
    app: String,
    (kind, quantity): (String, Option<String>),
) -> Result<String, ApiError> {
    let quantity = quantity.ok_or_else(|| invalid("Say how many."))?;
    let update = Update {
        r#type: None,
        quantity: Some(Quantity::Text(quantity)),
        size: None,
    };
    let set = v3::formation::change_one(desk, Path((app, kind)), body::Json(update)).await?;
    Ok(set.quantity().to_string())
}

pub(crate) async fn run(
    desk: Desk,
    Path(app): Path<String>,
    Extension(rendezvous): Extension<Arc<Rendezvous>>,
    (uri, headers): (Uri, HeaderMap),
    form: Bytes,
) -> Result<Json<Value>, ApiError> {
    let place = v3::one_offs::place(&headers, &uri)?;
    let env = fields(&form, "ps_env").into_iter();
    let new = NewDyno {
        command: field(&form, "command").unwrap_or_default(),
        attach: Some(field(&form, "attach").as_deref() == Some("true")),
        env: Some(
            env.map(|(key, value)| (key, EnvValue::Text(value)))
                .collect(),
        ),
        force_no_tty: None,
        time_to_live: None,
    };
    let (dyno, waiting) = v3::one_offs::started(desk, app, new).await?;
    let url = waiting.map(|waiting| {
        let secret = wait(&rendezvous, waiting);
        format!("rendezvous://{place}/{secret}")
    });
    Ok(Json(json!({"process": dyno.name(), "rendezvous_url": url})))
}

/// Answers where they can be read.
pub(crate) async fn logs(
    desk: Desk,
    Path(app): Path<String>,
    Extension(sessions): Extension<Arc<v3::LogSessions>>,
    (uri, headers): (Uri, HeaderMap),
) -> Result<String, ApiError> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let new = NewLogSession {
        lines: field(query, "num").and_then(|number| number.parse().ok()),
        tail: Some(field(query, "tail").as_deref() == Some("1")),
        source: field(query, "source"),
        dyno: field(query, "ps"),
        ..NewLogSession::default()
    };
    let standing = desk.standing((app, Permission::Read)).await?;
    v3::log_sessions::begun((&sessions, &uri, &headers), standing, &new)
}
