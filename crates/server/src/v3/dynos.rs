//! `/apps/{app}/dynos`: the processes that run. It must not know how one is started or ended.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::corridor::Silent;
use utoipa::ToSchema;

use crate::backend::{Changing, Process, Reading};
use crate::desk::Desk;
use crate::error::ApiError;
use crate::wire::error::Errors;
use crate::wire::process::Dyno;

/// Nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Empty {}

type Accepted = (StatusCode, Json<Empty>);

/// The processes that run, without the servers of add-ons
#[utoipa::path(get, path = "/apps/{app}/dynos", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Dyno>), Errors))]
pub(crate) async fn list(desk: Desk, Path(app): Path<String>) -> Result<Json<Vec<Dyno>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let processes = processes(reading, app)?;
        Ok(processes.iter().map(|one| Dyno::new(app, one)).collect())
    });
    Ok(Json(read.await?))
}

/// One process
#[utoipa::path(get, path = "/apps/{app}/dynos/{dyno}", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id"), ("dyno" = String, Path, example = "web.1")),
    responses((status = 200, body = Dyno), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, dyno)): Path<(String, String)>,
) -> Result<Json<Dyno>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let mut all = processes(reading, app)?.into_iter();
        let found = all.find(|one| one.name == dyno);
        let found = found.ok_or_else(|| ApiError::no_such("dyno"))?;
        Ok(Dyno::new(app, &found))
    });
    Ok(Json(read.await?))
}

/// Restarts all processes: the old ones serve until the new ones are healthy
#[utoipa::path(delete, path = "/apps/{app}/dynos", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 202, body = Empty), Errors))]
pub(crate) async fn restart_all(desk: Desk, Path(app): Path<String>) -> Result<Accepted, ApiError> {
    let done = desk.change((app, Permission::Operate), |changing, _, request| {
        changing.engine().restart(request, &mut Silent)?;
        Ok(())
    });
    done.await?;
    Ok((StatusCode::ACCEPTED, Json(Empty {})))
}

/// Restarts one process
#[utoipa::path(delete, path = "/apps/{app}/dynos/{dyno}", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id"), ("dyno" = String, Path, example = "web.1")),
    responses((status = 202, body = Empty), Errors))]
pub(crate) async fn restart(
    desk: Desk,
    path: Path<(String, String)>,
) -> Result<Accepted, ApiError> {
    each(desk, path, |changing, app, which| {
        changing.restart_some(app, which)
    })
    .await
}

/// Restarts the processes of one type
#[utoipa::path(delete, path = "/apps/{app}/formations/{type}", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id"), ("type" = String, Path, example = "web")),
    responses((status = 202, body = Empty), Errors))]
pub(crate) async fn restart_type(
    desk: Desk,
    path: Path<(String, String)>,
) -> Result<Accepted, ApiError> {
    each(desk, path, |changing, app, which| {
        changing.restart_some(app, which)
    })
    .await
}

/// Stops one process until it is restarted
#[utoipa::path(post, path = "/apps/{app}/dynos/{dyno}/actions/stop", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id"), ("dyno" = String, Path, example = "web.1")),
    responses((status = 202, body = Empty), Errors))]
pub(crate) async fn stop(desk: Desk, path: Path<(String, String)>) -> Result<Accepted, ApiError> {
    each(desk, path, |changing, app, which| {
        changing.stop_some(app, which)
    })
    .await
}

/// Stops the processes of one type until they are restarted
#[utoipa::path(post, path = "/apps/{app}/formations/{type}/actions/stop", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id"), ("type" = String, Path, example = "web")),
    responses((status = 202, body = Empty), Errors))]
pub(crate) async fn stop_type(
    desk: Desk,
    path: Path<(String, String)>,
) -> Result<Accepted, ApiError> {
    each(desk, path, |changing, app, which| {
        changing.stop_some(app, which)
    })
    .await
}

async fn each(
    desk: Desk,
    Path((app, which)): Path<(String, String)>,
    act: fn(&dyn Changing, &App, &str) -> Result<usize, crate::backend::Unavailable>,
) -> Result<Accepted, ApiError> {
    let done = desk.change(
        (app, Permission::Operate),
        move |changing, app, _| match act(changing, app, &which)? {
            0 => Err(ApiError::no_such("dyno")),
            _ => Ok(()),
        },
    );
    done.await?;
    Ok((StatusCode::ACCEPTED, Json(Empty {})))
}

fn processes(reading: &dyn Reading, app: &App) -> Result<Vec<Process>, ApiError> {
    let mut all = reading.processes(&app.name)?;
    all.retain(|process| !process.server);
    Ok(all)
}
