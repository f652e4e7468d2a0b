//! What clients of Heroku ask for and there is one of here, or none: stacks, regions, certificates that are
//! chosen for a host, pipelines, teams, spaces, keys. It must not know an app's state.

use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use slugline_core::access::Permission;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::wire::app::{REGION, STACK};
use crate::wire::error::Errors;

/// What apps run on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stack {
    id: Uuid,
    #[schema(example = "slugline")]
    name: &'static str,
    state: &'static str,
    default: bool,
}

impl Stack {
    fn only() -> Self {
        Self {
            id: ids::of("stack", STACK),
            name: STACK,
            state: "public",
            default: true,
        }
    }
}

/// Where apps run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Region {
    id: Uuid,
    #[schema(example = "us")]
    name: &'static str,
    description: &'static str,
    private_capable: bool,
    default: bool,
}

impl Region {
    fn only() -> Self {
        Self {
            id: ids::of("region", REGION),
            name: REGION,
            description: "This machine",
            private_capable: false,
            default: true,
        }
    }
}

/// Something that there is none of here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nothing {}

type None = Json<[Nothing; 0]>;

/// The one stack there is
#[utoipa::path(get, path = "/stacks", tag = "surroundings",
    responses((status = 200, body = Vec<Stack>), Errors))]
pub(crate) async fn stacks(_: Desk) -> Json<[Stack; 1]> {
    Json([Stack::only()])
}

/// The one stack there is
#[utoipa::path(get, path = "/stacks/{stack}", tag = "surroundings",
    params(("stack" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Stack), Errors))]
pub(crate) async fn stack(_: Desk, Path(stack): Path<String>) -> Result<Json<Stack>, ApiError> {
    let only = Stack::only();
    match stack == only.name || stack.parse() == Ok(only.id) {
        true => Ok(Json(only)),
        false => Err(ApiError::no_such("stack")),
    }
}

/// The one region there is
#[utoipa::path(get, path = "/regions", tag = "surroundings",
    responses((status = 200, body = Vec<Region>), Errors))]
pub(crate) async fn regions(_: Desk) -> Json<[Region; 1]> {
    Json([Region::only()])
}

/// The one region there is
#[utoipa::path(get, path = "/regions/{region}", tag = "surroundings",
    params(("region" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Region), Errors))]
pub(crate) async fn region(_: Desk, Path(region): Path<String>) -> Result<Json<Region>, ApiError> {
    let only = Region::only();
    match region == only.name || region.parse() == Ok(only.id) {
        true => Ok(Json(only)),
        false => Err(ApiError::no_such("region")),
    }
}

/// None: a certificate is chosen by the name that a visitor asks for, and not set for a host
#[utoipa::path(get, path = "/apps/{app}/sni-endpoints", tag = "surroundings",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn sni_endpoints(desk: Desk, Path(app): Path<String>) -> Result<None, ApiError> {
    desk.of_app((app, Permission::Read), |_, _| Ok(Json([])))
        .await
}

/// None: there are no pipelines
#[utoipa::path(get, path = "/pipelines", tag = "surroundings",
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn pipelines(_: Desk) -> None {
    Json([])
}

/// None of this app: there are no pipelines
#[utoipa::path(get, path = "/apps/{app}/pipeline-couplings", tag = "surroundings",
    params(("app" = String, Path, description = "Its name or id")), responses(Errors))]
pub(crate) async fn pipeline_coupling(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<None, ApiError> {
    desk.of_app((app, Permission::Read), |_, _| {
        Err(ApiError::no_such("pipeline coupling"))
    })
    .await
}

/// None: apps belong to people
#[utoipa::path(get, path = "/teams", tag = "surroundings",
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn teams(_: Desk) -> None {
    Json([])
}

/// None: apps run on one machine
#[utoipa::path(get, path = "/spaces", tag = "surroundings",
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn spaces(_: Desk) -> None {
    Json([])
}

/// None: what can be turned on is turned on for an app
#[utoipa::path(get, path = "/account/features", tag = "surroundings",
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn account_features(_: Desk) -> None {
    Json([])
}

/// None: git is spoken over HTTP
#[utoipa::path(get, path = "/account/keys", tag = "surroundings",
    responses((status = 200, body = Vec<Nothing>), Errors))]
pub(crate) async fn keys(_: Desk) -> None {
    Json([])
}

/// Refused: git is spoken over HTTP, with a token as the password
#[utoipa::path(post, path = "/account/keys", tag = "surroundings", responses(Errors))]
pub(crate) async fn add_key(_: Desk) -> ApiError {
    no_keys()
}

/// Why nobody adds a key.
pub(crate) fn no_keys() -> ApiError {
    let text = "No key is needed: git is spoken over HTTP here, with a token as the password.";
    ApiError::new(Kind::InvalidParams, text)
}
