//! `/apps/{app}/features`: what can be switched on and off. It must not know what that does.

use axum::Json;
use axum::extract::Path;
use serde::{Deserialize, Serialize};
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::corridor::Silent;
use slugline_core::port::Moment;
use slugline_core::settings::Settings;
use utoipa::ToSchema;
use uuid::Uuid;

use super::settled;
use crate::body;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::ids;
use crate::wire::error::Errors;
use crate::wire::time;

const PREBOOT: &str = "preboot";

/// Something of an app that can be switched on and off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Feature {
    id: Uuid,
    #[schema(example = "preboot")]
    name: &'static str,
    enabled: bool,
    description: &'static str,
    display_name: &'static str,
    doc_url: &'static str,
    feedback_email: Option<String>,
    state: &'static str,
    created_at: String,
    updated_at: String,
}

/// Whether it is to be on.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Switch {
    #[serde(deserialize_with = "crate::wire::truth")]
    pub(crate) enabled: bool,
}

fn preboot(app: &App, settings: &Settings) -> Feature {
    let at = time(app.created_at);
    Feature {
        id: ids::of("feature", &format!("{}:{PREBOOT}", ids::app(app))),
        name: PREBOOT,
        enabled: settings.preboot,
        description: "New web processes start beside the old ones, which end once those are healthy.",
        display_name: "Preboot",
        doc_url: "",
        feedback_email: None,
        state: "general",
        created_at: at.clone(),
        updated_at: at,
    }
}

/// What can be switched on and off of an app
#[utoipa::path(get, path = "/apps/{app}/features", tag = "features",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Feature>), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Feature>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        Ok(vec![preboot(app, &reading.ledger().settings(&app.name)?)])
    });
    Ok(Json(read.await?))
}

/// One of it
#[utoipa::path(get, path = "/apps/{app}/features/{feature}", tag = "features",
    params(("app" = String, Path, description = "Its name or id"), ("feature" = String, Path, example = "preboot")),
    responses((status = 200, body = Feature), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, feature)): Path<(String, String)>,
) -> Result<Json<Feature>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let found = preboot(app, &reading.ledger().settings(&app.name)?);
        match feature == PREBOOT || feature == found.id.to_string() {
            true => Ok(found),
            false => Err(ApiError::no_such("feature")),
        }
    });
    Ok(Json(read.await?))
}

/// Switches it
#[utoipa::path(patch, path = "/apps/{app}/features/{feature}", tag = "features",
    params(("app" = String, Path, description = "Its name or id"), ("feature" = String, Path, example = "preboot")),
    request_body = Switch,
    responses((status = 200, body = Feature), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path((app, feature)): Path<(String, String)>,
    body::Json(switch): body::Json<Switch>,
) -> Result<Json<Feature>, ApiError> {
    let changed = desk.change((app, Permission::Operate), move |changing, app, request| {
        let found = preboot(app, &changing.ledger().settings(&app.name)?);
        if feature != PREBOOT && feature != found.id.to_string() {
            return Err(ApiError::no_such("feature"));
        }
        let mut set = |_: &Moment, settings: &mut Settings| {
            settings.preboot = switch.enabled;
            Ok(())
        };
        let what = format!("Preboot {}", if switch.enabled { "on" } else { "off" });
        let engine = changing.engine();
        settled(
            changing,
            engine.change_settings(request, &what, &mut set, &mut Silent),
        )?;
        Ok(preboot(app, &changing.ledger().settings(&app.name)?))
    });
    Ok(Json(changed.await?))
}
