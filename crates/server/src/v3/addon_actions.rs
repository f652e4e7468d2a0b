//! What partners say of their add-ons: that one is provisioned, or will not be, or lends other values. It must not
//! know a partner: one that provisions later says so at the address that it is told then.

use axum::Json;
use axum::extract::Path;
use slugline_core::access::Permission;

use super::addons::{app_of, find};
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::wire::addon::Addon;
use crate::wire::error::Errors;

/// An add-on as it is, which is provisioned: before that there is none
#[utoipa::path(post, path = "/addons/{addon}/actions/provision", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name")),
    responses((status = 200, body = Addon), Errors))]
pub(crate) async fn provision(
    desk: Desk,
    Path(addon): Path<String>,
) -> Result<Json<Addon>, ApiError> {
    let app = app_of(&desk, &addon).await?;
    let read = desk.of_app((app, Permission::Admin), move |reading, app| {
        Ok(Addon::new(&find(reading, app, &addon)?))
    });
    Ok(Json(read.await?))
}

/// Refused: what is provisioned is removed by `DELETE`, which has to be confirmed
#[utoipa::path(post, path = "/addons/{addon}/actions/deprovision", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name")),
    responses(Errors))]
pub(crate) async fn deprovision(desk: Desk, Path(addon): Path<String>) -> Result<(), ApiError> {
    let app = app_of(&desk, &addon).await?;
    desk.of_app((app, Permission::Admin), move |reading, app| {
        let had = find(reading, app, &addon)?;
        let text = format!(
            "{} is provisioned, and can only be removed: DELETE /apps/{}/addons/{}",
            had.name(),
            app.name,
            had.service()
        );
        Err(ApiError::new(Kind::InvalidParams, text).of(&app.name))
    })
    .await
}

/// Refused: what an add-on lends is what its provider answers, when it is added and when its plan changes
#[utoipa::path(patch, path = "/addons/{addon}/config", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name")),
    responses(Errors))]
pub(crate) async fn configure(desk: Desk, Path(addon): Path<String>) -> Result<(), ApiError> {
    let app = app_of(&desk, &addon).await?;
    desk.of_app((app, Permission::Config), move |reading, app| {
        let had = find(reading, app, &addon)?;
        let text = format!(
            "What {} lends is what its provider answers, and nobody else sets it. Set a config var of another name: \
             PATCH /apps/{}/config-vars",
            had.name(),
            app.name
        );
        Err(ApiError::new(Kind::Forbidden, text).of(&app.name))
    })
    .await
}
