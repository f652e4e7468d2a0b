//! `/apps/{app}/webhooks`, and what they were told. It must not know how anything is sent.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::webhook::{self as core, Include, MOST, Target, WebhookId};
use uuid::Uuid;

use crate::backend::{Changing, Reading};
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::range::{Part, Range};
use crate::webhook::payload;
use crate::wire::error::Errors;
use crate::wire::webhook::{
    Delivery, Event, NewWebhook, Webhook, WebhookChange, delivery_id, event_id,
};

const FIELDS: &[&str] = &["created_at", "id"];
const BY_PLACE: &[&str] = &["seq", "created_at", "id"];
/// In which header a secret that was made is told, once.
const SECRET: &str = "heroku-webhook-secret";

/// The webhooks of an app
#[utoipa::path(get, path = "/apps/{app}/webhooks", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "created_at ..; max=200")),
    responses((status = 200, body = Vec<Webhook>),
        (status = 206, body = Vec<Webhook>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Webhook>, ApiError> {
    desk.of_app((app, Permission::Admin), move |reading, app| {
        let all = reading.webhooks().webhooks(&app.name)?;
        let all = all.iter().map(|one| Webhook::new(app, one)).collect();
        range.of(FIELDS, all, Webhook::key)
    })
    .await
}

/// One webhook of an app
#[utoipa::path(get, path = "/apps/{app}/webhooks/{webhook}", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"), ("webhook" = String, Path, description = "Its id")),
    responses((status = 200, body = Webhook), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, webhook)): Path<(String, String)>,
) -> Result<Json<Webhook>, ApiError> {
    let read = desk.of_app((app, Permission::Admin), move |reading, app| {
        Ok(Webhook::new(app, &find(reading, app, &webhook)?))
    });
    Ok(Json(read.await?))
}

/// Tells somebody of what happens to an app
///
/// Where no secret is sent, one is made, and told once in the header `Heroku-Webhook-Secret`.
#[utoipa::path(post, path = "/apps/{app}/webhooks", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewWebhook,
    responses((status = 201, body = Webhook), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewWebhook>,
) -> Result<Response, ApiError> {
    let given = new.secret.filter(|secret| !secret.is_empty());
    let made = given.is_none().then(secret);
    let target = Target {
        url: new.url,
        secret: given.or_else(|| made.clone()).unwrap_or_default(),
        authorization: new.authorization.filter(|text| !text.is_empty()),
    };
    let include = includes(&new.include)?;
    let level = new.level.parse().map_err(|error| invalid(&error))?;
    let added = desk.change((app, Permission::Admin), move |changing, app, _| {
        acceptable(changing, &target)?;
        let others = changing.webhooks().webhooks(&app.name)?;
        if others.len() >= MOST {
            let text = format!("{} has {MOST} webhooks already.", app.name);
            return Err(ApiError::new(Kind::InvalidParams, text));
        }
        let now = changing.clock().now();
        let webhook = core::Webhook {
            id: WebhookId::new(&Uuid::new_v4().to_string()).map_err(|error| invalid(&error))?,
            include,
            level,
            target,
            created_at: now,
            updated_at: now,
        };
        changing.webhooks().put_webhook(&app.name, &webhook)?;
        Ok(Webhook::new(app, &webhook))
    });
    let mut response = (StatusCode::CREATED, Json(added.await?)).into_response();
    if let Some(Ok(made)) = made.map(|made| HeaderValue::from_str(&made)) {
        response.headers_mut().insert(SECRET, made);
    }
    Ok(response)
}

/// Changes a webhook
#[utoipa::path(patch, path = "/apps/{app}/webhooks/{webhook}", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"), ("webhook" = String, Path, description = "Its id")),
    request_body = WebhookChange, responses((status = 200, body = Webhook), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path((app, webhook)): Path<(String, String)>,
    body::Json(wanted): body::Json<WebhookChange>,
) -> Result<Json<Webhook>, ApiError> {
    let changed = desk.change((app, Permission::Admin), move |changing, app, _| {
        let mut known = find(changing.reading(), app, &webhook)?;
        if let Some(include) = &wanted.include {
            known.include = includes(include)?;
        }
        if let Some(level) = &wanted.level {
            known.level = level.parse().map_err(|error| invalid(&error))?;
        }
        let target = &mut known.target;
        target.url = wanted.url.unwrap_or_else(|| target.url.clone());
        if let Some(secret) = wanted.secret.filter(|secret| !secret.is_empty()) {
            target.secret = secret;
        }
        if let Some(authorization) = wanted.authorization {
            target.authorization = Some(authorization).filter(|text| !text.is_empty());
        }
        acceptable(changing, target)?;
        known.updated_at = changing.clock().now();
        changing.webhooks().put_webhook(&app.name, &known)?;
        Ok(Webhook::new(app, &known))
    });
    Ok(Json(changed.await?))
}

/// Tells somebody no more; what was on its way to them is dropped
#[utoipa::path(delete, path = "/apps/{app}/webhooks/{webhook}", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"), ("webhook" = String, Path, description = "Its id")),
    responses((status = 200, body = Webhook, description = "What it was"), Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path((app, webhook)): Path<(String, String)>,
) -> Result<Json<Webhook>, ApiError> {
    let gone = desk.change((app, Permission::Admin), move |changing, app, _| {
        let known = find(changing.reading(), app, &webhook)?;
        changing.webhooks().remove_webhook(&app.name, &known.id)?;
        Ok(Webhook::new(app, &known))
    });
    Ok(Json(gone.await?))
}

/// Which deliveries are listed.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(rename = "eq[status]")]
    status: Option<String>,
}

/// What is on its way to the webhooks of an app, or was: of its newest thousand events
#[utoipa::path(get, path = "/apps/{app}/webhook-deliveries", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"),
        ("eq[status]" = Option<String>, Query, description = "Those alone that are `pending`, `retrying`, `succeeded` or `failed`"),
        ("Range" = Option<String>, Header, example = "seq ..; order=desc, max=200")),
    responses((status = 200, body = Vec<Delivery>),
        (status = 206, body = Vec<Delivery>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn deliveries(
    desk: Desk,
    Path(app): Path<String>,
    query: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    range: Range,
) -> Result<Part<Delivery>, ApiError> {
    let Query(wanted) =
        query.map_err(|_| ApiError::new(Kind::BadRequest, "The query has eq[status]."))?;
    desk.of_app((app, Permission::Read), move |reading, app| {
        let all = reading.webhooks().deliveries(&app.name)?;
        let mut all: Vec<_> = all.iter().map(|one| Delivery::new(app, one)).collect();
        all.retain(|one| wanted.status.as_deref().is_none_or(|it| it == one.status));
        range.of(BY_PLACE, all, Delivery::key)
    })
    .await
}

/// One delivery
#[utoipa::path(get, path = "/apps/{app}/webhook-deliveries/{delivery}", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"), ("delivery" = String, Path, description = "Its id")),
    responses((status = 200, body = Delivery), Errors))]
pub(crate) async fn delivery(
    desk: Desk,
    Path((app, delivery)): Path<(String, String)>,
) -> Result<Json<Delivery>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let all = reading.webhooks().deliveries(&app.name)?;
        let found = all
            .iter()
            .find(|one| is(&delivery, delivery_id(app, one.place)));
        let found = found.ok_or_else(|| ApiError::no_such("webhook delivery"))?;
        Ok(Delivery::new(app, found))
    });
    Ok(Json(read.await?))
}

/// What happened to an app that its webhooks were told of: the newest thousand events
#[utoipa::path(get, path = "/apps/{app}/webhook-events", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "seq ..; order=desc, max=200")),
    responses((status = 200, body = Vec<Event>),
        (status = 206, body = Vec<Event>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn events(
    desk: Desk,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Event>, ApiError> {
    desk.of_app((app, Permission::Read), move |reading, app| {
        let all = reading.webhooks().happened(&app.name)?;
        let one = |event| Ok(Event::new(app, event, payload(reading, app, event)?));
        let all = all.iter().map(one).collect::<Result<Vec<_>, ApiError>>()?;
        range.of(BY_PLACE, all, Event::key)
    })
    .await
}

/// One event
#[utoipa::path(get, path = "/apps/{app}/webhook-events/{event}", tag = "webhooks",
    params(("app" = String, Path, description = "Its name or id"), ("event" = String, Path, description = "Its id")),
    responses((status = 200, body = Event), Errors))]
pub(crate) async fn event(
    desk: Desk,
    Path((app, event)): Path<(String, String)>,
) -> Result<Json<Event>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let all = reading.webhooks().happened(&app.name)?;
        let found = all.iter().find(|one| is(&event, event_id(app, one.place)));
        let found = found.ok_or_else(|| ApiError::no_such("webhook event"))?;
        Ok(Event::new(app, found, payload(reading, app, found)?))
    });
    Ok(Json(read.await?))
}

fn is(words: &str, id: Uuid) -> bool {
    words.parse::<Uuid>() == Ok(id)
}

fn invalid(error: &dyn std::error::Error) -> ApiError {
    ApiError::new(Kind::InvalidParams, error.to_string())
}

/// A key that nobody guesses.
fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn includes(words: &[String]) -> Result<BTreeSet<Include>, ApiError> {
    let all: Result<BTreeSet<Include>, _> = words.iter().map(|word| word.parse()).collect();
    let all = all.map_err(|error| invalid(&error))?;
    match all.is_empty() {
        true => Err(ApiError::new(
            Kind::InvalidParams,
            "Say what it is to be told of: {\"include\": [\"api:release\"]}",
        )),
        false => Ok(all),
    }
}

/// Refuses what cannot be posted to, or must not be.
fn acceptable(changing: &dyn Changing, target: &Target) -> Result<(), ApiError> {
    changing
        .may_post(target)
        .map_err(|why| ApiError::new(Kind::InvalidParams, why))
}

fn find(reading: &dyn Reading, app: &App, words: &str) -> Result<core::Webhook, ApiError> {
    let id = WebhookId::new(words).ok();
    let mut all = reading.webhooks().webhooks(&app.name)?.into_iter();
    let found = all.find(|one| Some(&one.id) == id.as_ref());
    found.ok_or_else(|| ApiError::no_such("webhook"))
}
