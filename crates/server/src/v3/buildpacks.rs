//! `/apps/{app}/buildpack-installations`: by what the code that runs was built. It must not know how one
//! builds.

use axum::Json;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use slugline_core::access::Permission;
use slugline_core::app::App;
use utoipa::ToSchema;

use crate::backend::Reading;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::wire::error::Errors;

/// A buildpack, named.
#[derive(Debug, Serialize, ToSchema)]
struct Buildpack {
    #[schema(example = "python")]
    name: String,
    #[schema(example = "urn:buildpack:python")]
    url: String,
}

/// The buildpack that has built what runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Installation {
    ordinal: u32,
    buildpack: Buildpack,
}

/// The buildpacks that are to build.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Wanted {
    updates: Vec<BuildpackUpdate>,
}

/// One of them.
#[derive(Debug, Deserialize, ToSchema)]
struct BuildpackUpdate {
    #[expect(dead_code, reason = "whichever it is, it is refused")]
    buildpack: String,
}

/// By what the code that runs was built: each build finds its buildpack by itself
#[utoipa::path(get, path = "/apps/{app}/buildpack-installations", tag = "builds",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Installation>), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Installation>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), installed);
    Ok(Json(read.await?))
}

/// Refused, but for none: each build finds its buildpack by itself
#[utoipa::path(put, path = "/apps/{app}/buildpack-installations", tag = "builds",
    params(("app" = String, Path, description = "Its name or id")), request_body = Wanted,
    responses((status = 200, body = Vec<Installation>), Errors))]
pub(crate) async fn set(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(wanted): body::Json<Wanted>,
) -> Result<Json<Vec<Installation>>, ApiError> {
    let read = desk.of_app((app, Permission::Deploy), move |reading, app| match wanted
        .updates
        .is_empty()
    {
        true => installed(reading, app),
        false => {
            let text = "Buildpacks are not set here: each build asks those that there are which of \
                            them can build the code.";
            Err(ApiError::new(Kind::InvalidParams, text))
        }
    });
    Ok(Json(read.await?))
}

fn installed(reading: &dyn Reading, app: &App) -> Result<Vec<Installation>, ApiError> {
    let current = reading.ledger().outline(&app.name)?.current;
    let slug = current.and_then(|release| release.slug);
    let one = slug.map(|slug| Installation {
        ordinal: 0,
        buildpack: Buildpack {
            url: format!("urn:buildpack:{}", slug.buildpack),
            name: slug.buildpack,
        },
    });
    Ok(one.into_iter().collect())
}
