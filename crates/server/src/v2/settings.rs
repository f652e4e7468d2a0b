//! What is set of an app, as of 2012: its people, hosts, log drains and stack. It must not know any rule.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use slugline_core::access::Permission;

use super::form::field;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::v3;
use crate::wire::domain::NewDomain;
use crate::wire::people::NewCollaborator;

/// What clients of then are told that apps run on: of that one they do not ask for two old types.
pub(crate) const STACK: &str = "cedar";

fn invalid(text: &str) -> ApiError {
    ApiError::new(Kind::InvalidParams, text)
}

pub(crate) async fn add_collaborator(
    desk: Desk,
    Path(app): Path<String>,
    form: Bytes,
) -> Result<String, ApiError> {
    let user = field(&form, "collaborator[email]");
    let user = user.ok_or_else(|| invalid("Say who: collaborator[email]=ann@example.com"))?;
    let told = format!("{user} added as a collaborator on {app}.");
    let new = NewCollaborator {
        user,
        role: None,
        silent: None,
    };
    let _ = v3::collaborators::create(desk, Path(app), body::Json(new)).await?;
    Ok(told)
}

pub(crate) async fn remove_collaborator(
    desk: Desk,
    Path((app, user)): Path<(String, String)>,
) -> Result<String, ApiError> {
    let told = format!("{user} has been removed as collaborator on {app}.");
    let _ = v3::collaborators::remove(desk, Path((app, user))).await?;
    Ok(told)
}

/// The body is the name of the host itself.
pub(crate) async fn add_domain(
    desk: Desk,
    app: Path<String>,
    name: Bytes,
) -> Result<(StatusCode, String), ApiError> {
    let hostname = String::from_utf8_lossy(&name).trim().to_owned();
    let told = format!("{hostname} added to {}", app.0);
    let (status, _) = v3::domains::create(desk, app, body::Json(NewDomain { hostname })).await?;
    Ok((status, told))
}

pub(crate) async fn remove_domain(
    desk: Desk,
    path: Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let _ = v3::domains::remove(desk, path).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn remove_domains(desk: Desk, app: Path<String>) -> Result<StatusCode, ApiError> {
    v3::domains::remove_all(desk, app).await?;
    Ok(StatusCode::OK)
}

/// Nothing waits for it here: what costs something is refused by the operator's checks, and never asked about.
pub(crate) async fn confirm_billing(_: Desk) -> StatusCode {
    StatusCode::OK
}

pub(crate) async fn drains(desk: Desk, app: Path<String>) -> Result<String, ApiError> {
    let Json(all) = v3::log_drains::list(desk, app).await?;
    Ok(all.iter().map(|drain| format!("{}\n", drain.url)).collect())
}

pub(crate) async fn add_drain(
    desk: Desk,
    app: Path<String>,
    form: Bytes,
) -> Result<String, ApiError> {
    let url = field(&form, "url").ok_or_else(|| invalid("Say where: url=syslog://HOST:PORT"))?;
    let new = v3::log_drains::NewLogDrain { url };
    let (_, made) = v3::log_drains::create(desk, app, body::Json(new)).await?;
    Ok(format!("Successfully added drain {}\n", made.url))
}

pub(crate) async fn remove_drain(
    desk: Desk,
    Path(app): Path<String>,
    uri: Uri,
) -> Result<String, ApiError> {
    let url = field(uri.query().unwrap_or_default().as_bytes(), "url");
    let url = url.ok_or_else(|| invalid("Say which: url=syslog://HOST:PORT"))?;
    let gone = v3::log_drains::remove(desk, Path((app, url))).await?;
    Ok(format!("Successfully removed drain {}\n", gone.url))
}

pub(crate) async fn stack(desk: Desk, Path(app): Path<String>) -> Result<Json<Value>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |_, _| {
        Ok(json!([{"name": STACK, "current": true, "requested": false, "beta": false}]))
    });
    Ok(Json(read.await?))
}

/// The body is the name of the stack itself.
pub(crate) async fn set_stack(
    desk: Desk,
    Path(app): Path<String>,
    name: Bytes,
) -> Result<String, ApiError> {
    desk.of_app(
        (app, Permission::Operate),
        move |_, app| match String::from_utf8_lossy(&name).trim() {
            STACK => Ok(format!("{} runs on {STACK} already.\n", app.name)),
            _ => Err(invalid("There is one stack here: cedar.")),
        },
    )
    .await
}

/// None: git is spoken over HTTP.
pub(crate) async fn add_key(_: Desk) -> ApiError {
    v3::surroundings::no_keys()
}

/// There was none.
pub(crate) async fn remove_keys(_: Desk) -> StatusCode {
    StatusCode::OK
}

pub(crate) async fn remove_key(_: Desk) -> ApiError {
    ApiError::no_such("key")
}
