//! Add-ons, as of 2012. It must not know what a provider does for them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::Uri;
use serde_json::{Value, json};
use slugline_core::access::Permission;
use slugline_core::addon::{PlanSpec, ServiceName};

use super::form::{field, fields};
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::had;
use crate::v3;
use crate::wire::addon::{Addon, AddonEnd};

pub(crate) async fn catalogue(desk: Desk) -> Result<Json<Vec<Value>>, ApiError> {
    let read = desk.of_plugins(|asking| {
        let all = &asking.catalogue().0;
        let plans = all
            .iter()
            .flat_map(|(service, spec)| spec.plans.iter().map(move |plan| (service, plan)));
        let one = |(service, (plan, spec)): (&ServiceName, (&String, &PlanSpec))| {
            json!({
                "name": format!("{service}:{plan}"),
                "description": spec.summary,
                "state": "public",
                "beta": false,
                "price_cents": spec.price.cents(),
                "price_unit": "month",
            })
        };
        Ok(plans.map(one).collect())
    });
    Ok(Json(read.await?))
}

pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let all = had::of_app(reading, app)?;
        let one = |one: &had::Had| {
            let plan = one.addon.plan.to_string();
            json!({"name": plan, "description": plan, "configured": true, "attachment_name": one.attached_as()})
        };
        Ok(all.iter().map(one).collect())
    });
    Ok(Json(read.await?))
}

pub(crate) async fn add(
    desk: Desk,
    Path((app, addon)): Path<(String, String)>,
    form: Bytes,
) -> Result<Json<Value>, ApiError> {
    let config: serde_json::Map<_, _> = fields(&form, "config")
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    let asked = json!({"plan": addon, "config": config, "confirm": field(&form, "confirm")});
    let (_, made) = v3::addons::create(desk, Path(app), body::Json(meant(asked)?)).await?;
    Ok(told(&made, "Installed"))
}

pub(crate) async fn change(
    desk: Desk,
    Path((app, addon)): Path<(String, String)>,
    form: Bytes,
) -> Result<Json<Value>, ApiError> {
    let service = addon.split(':').next().unwrap_or_default().to_owned();
    let asked = json!({"plan": addon, "confirm": field(&form, "confirm")});
    let changed = v3::addons::change(desk, Path((app, service)), body::Json(meant(asked)?));
    let Json(addon) = changed.await?;
    Ok(told(&addon, "Updated"))
}

pub(crate) async fn remove(
    desk: Desk,
    path: Path<(String, String)>,
    uri: Uri,
) -> Result<Json<Value>, ApiError> {
    let confirm = field(uri.query().unwrap_or_default().as_bytes(), "confirm");
    let end = AddonEnd {
        confirm,
        force: None,
    };
    let query = Ok(axum::extract::Query(AddonEnd::default()));
    let gone = v3::addons::remove(desk, path, query, body::Json(end)).await?;
    Ok(told(&gone, "Uninstalled"))
}

fn meant<T: serde::de::DeserializeOwned>(asked: Value) -> Result<T, ApiError> {
    serde_json::from_value(asked).map_err(|_| {
        ApiError::new(
            Kind::InvalidParams,
            "The form is not what is expected here.",
        )
    })
}

fn told(addon: &Addon, status: &str) -> Json<Value> {
    let (price, message) = addon.told();
    Json(json!({"status": status, "price": price, "message": message}))
}
