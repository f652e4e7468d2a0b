//! `/addon-services` and `/plans`: what can be added. It must not know which plugins provide it.

use axum::Json;
use axum::extract::Path;
use slugline_core::addon::{Catalogue, ServiceName, ServiceSpec};

use crate::desk::Desk;
use crate::error::ApiError;
use crate::range::{Part, Range};
use crate::wire::addon::{AddonService, Plan, service_id};
use crate::wire::error::Errors;

const FIELDS: &[&str] = &["name", "id"];

/// The services that add-ons are plans of
#[utoipa::path(get, path = "/addon-services", tag = "addons",
    params(("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<AddonService>),
        (status = 206, body = Vec<AddonService>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(desk: Desk, range: Range) -> Result<Part<AddonService>, ApiError> {
    desk.of_plugins(move |asking| {
        let all = &asking.catalogue().0;
        let all = all.iter().map(|(name, spec)| AddonService::new(name, spec));
        range.of(FIELDS, all.collect(), AddonService::key)
    })
    .await
}

/// One service
#[utoipa::path(get, path = "/addon-services/{service}", tag = "addons",
    params(("service" = String, Path, description = "Its name or id")),
    responses((status = 200, body = AddonService), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path(service): Path<String>,
) -> Result<Json<AddonService>, ApiError> {
    let read = desk.of_plugins(move |asking| {
        let (name, spec) = find(asking.catalogue(), &service)?;
        Ok(AddonService::new(name, spec))
    });
    Ok(Json(read.await?))
}

/// The plans of a service
#[utoipa::path(get, path = "/addon-services/{service}/plans", tag = "addons",
    params(("service" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Plan>),
        (status = 206, body = Vec<Plan>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn plans(
    desk: Desk,
    Path(service): Path<String>,
    range: Range,
) -> Result<Part<Plan>, ApiError> {
    desk.of_plugins(move |asking| {
        let (name, spec) = find(asking.catalogue(), &service)?;
        range.of(FIELDS, Plan::all(name, spec), Plan::key)
    })
    .await
}

/// One plan of a service
#[utoipa::path(get, path = "/addon-services/{service}/plans/{plan}", tag = "addons",
    params(("service" = String, Path, description = "Its name or id"),
        ("plan" = String, Path, description = "Its name, with or without the service, or its id")),
    responses((status = 200, body = Plan), Errors))]
pub(crate) async fn plan_of_service(
    desk: Desk,
    Path((service, plan)): Path<(String, String)>,
) -> Result<Json<Plan>, ApiError> {
    let read = desk.of_plugins(move |asking| {
        let (name, spec) = find(asking.catalogue(), &service)?;
        let mut all = Plan::all(name, spec).into_iter();
        let found = all.find(|one| one.is_meant(&plan, true));
        found.ok_or_else(|| ApiError::no_such("plan"))
    });
    Ok(Json(read.await?))
}

/// One plan
#[utoipa::path(get, path = "/plans/{plan}", tag = "addons",
    params(("plan" = String, Path, description = "Such as `memcache:free`, or its id")),
    responses((status = 200, body = Plan), Errors))]
pub(crate) async fn plan(desk: Desk, Path(plan): Path<String>) -> Result<Json<Plan>, ApiError> {
    let read = desk.of_plugins(move |asking| {
        let all = &asking.catalogue().0;
        let mut all = all.iter().flat_map(|(name, spec)| Plan::all(name, spec));
        let found = all.find(|one| one.is_meant(&plan, false));
        found.ok_or_else(|| ApiError::no_such("plan"))
    });
    Ok(Json(read.await?))
}

fn find<'a>(
    catalogue: &'a Catalogue,
    words: &str,
) -> Result<(&'a ServiceName, &'a ServiceSpec), ApiError> {
    let id = words.parse::<uuid::Uuid>().ok();
    let mut all = catalogue.0.iter();
    let found = all.find(|(name, _)| {
        name.as_str() == words || id.is_some_and(|id| id == service_id(name.as_str()))
    });
    found.ok_or_else(|| ApiError::no_such("add-on service"))
}
