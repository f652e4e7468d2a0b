//! Webhooks, what they are told of, and what became of that. It must not know how anything is sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use slugline_core::app::App;
use slugline_core::webhook::{self, Progress};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppRef, time};
use crate::ids;

/// The id of a webhook: the digits of its name.
pub(crate) fn webhook_id(id: &webhook::WebhookId) -> Uuid {
    Uuid::parse_str(id.as_str()).unwrap_or_default()
}

/// The id of an event.
pub(crate) fn event_id(app: &App, place: i64) -> Uuid {
    ids::of("webhook-event", &format!("{}:{place}", ids::app(app)))
}

/// The id of a delivery.
pub(crate) fn delivery_id(app: &App, place: i64) -> Uuid {
    ids::of("webhook-delivery", &format!("{}:{place}", ids::app(app)))
}

/// The id of a try.
pub(crate) fn attempt_id(app: &App, place: i64, attempt: u32) -> Uuid {
    let name = format!("{}:{attempt}", delivery_id(app, place));
    ids::of("webhook-attempt", &name)
}

/// Who is told of what happens to an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    id: Uuid,
    app: AppRef,
    /// What it is told of.
    #[schema(example = json!(["api:release"]))]
    include: Vec<&'static str>,
    /// `notify` is tried once, `sync` until it succeeds.
    #[schema(example = "sync")]
    level: &'static str,
    #[schema(example = "https://ci.example.com/hook")]
    url: String,
    created_at: String,
    updated_at: String,
}

impl Webhook {
    pub(crate) fn new(app: &App, webhook: &webhook::Webhook) -> Self {
        Self {
            id: webhook_id(&webhook.id),
            app: app.into(),
            include: webhook.include.iter().map(|one| one.word()).collect(),
            level: webhook.level.word(),
            url: webhook.target.url.clone(),
            created_at: time(webhook.created_at),
            updated_at: time(webhook.updated_at),
        }
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => format!("{} {}", self.created_at, self.id),
        }
    }
}

/// Somebody who is to be told of what happens to an app.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// `api:addon`, `api:app`, `api:build`, `api:collaborator`, `api:domain`, `api:formation`, `api:release`.
    pub(crate) include: Vec<String>,
    /// `notify` or `sync`.
    pub(crate) level: String,
    #[schema(example = "https://ci.example.com/hook")]
    pub(crate) url: String,
    /// The key of the signature; one is made where there is none, and told once.
    pub(crate) secret: Option<String>,
    /// What stands in `Authorization`.
    pub(crate) authorization: Option<String>,
}

/// What a webhook is to be; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WebhookChange {
    pub(crate) include: Option<Vec<String>>,
    pub(crate) level: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) authorization: Option<String>,
}

/// An event, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventRef {
    id: Uuid,
    #[schema(example = "api:release")]
    include: &'static str,
}

/// A webhook, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookRef {
    id: Uuid,
    level: &'static str,
}

/// How a try ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    id: Uuid,
    /// The status that was answered.
    code: Option<u16>,
    /// Why none was.
    error_class: Option<String>,
    /// `succeeded` or `failed`.
    status: &'static str,
    created_at: String,
    updated_at: String,
}

/// One event on its way to one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    id: Uuid,
    event: EventRef,
    webhook: WebhookRef,
    /// `pending`, `retrying`, `succeeded` or `failed`.
    #[schema(example = "succeeded")]
    pub(crate) status: &'static str,
    num_attempts: u32,
    next_attempt_at: Option<String>,
    last_attempt: Option<Attempt>,
    created_at: String,
    updated_at: String,
    #[serde(skip)]
    place: i64,
}

impl Delivery {
    pub(crate) fn new(app: &App, one: &webhook::Delivery) -> Self {
        let waits = matches!(one.progress, Progress::Pending | Progress::Retrying);
        let made = time(one.event.by.at);
        let attempt = |tried: &webhook::Tried| Attempt {
            id: attempt_id(app, one.place, one.attempts),
            code: tried.code,
            error_class: tried.error.clone(),
            status: match tried.is_taken() {
                true => "succeeded",
                false => "failed",
            },
            created_at: time(tried.at),
            updated_at: time(tried.at),
        };
        Self {
            id: delivery_id(app, one.place),
            event: EventRef {
                id: event_id(app, one.event.place),
                include: one.event.what.include().word(),
            },
            webhook: WebhookRef {
                id: webhook_id(&one.webhook),
                level: one.level.word(),
            },
            status: one.progress.word(),
            num_attempts: one.attempts,
            next_attempt_at: waits.then(|| time(one.due)),
            last_attempt: one.last.as_ref().map(attempt),
            updated_at: one
                .last
                .as_ref()
                .map_or(made.clone(), |tried| time(tried.at)),
            created_at: made,
            place: one.place,
        }
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => format!("{:020}", self.place),
        }
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    id: Uuid,
    #[schema(example = "api:release")]
    include: &'static str,
    /// What webhooks are told.
    #[schema(value_type = Object)]
    payload: Value,
    created_at: String,
    updated_at: String,
    #[serde(skip)]
    place: i64,
}

impl Event {
    pub(crate) fn new(app: &App, event: &webhook::Happened, payload: Value) -> Self {
        Self {
            id: event_id(app, event.place),
            include: event.what.include().word(),
            payload,
            created_at: time(event.by.at),
            updated_at: time(event.by.at),
            place: event.place,
        }
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => format!("{:020}", self.place),
        }
    }
}
