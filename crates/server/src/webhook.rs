//! What webhooks are told: the things of the API, as they were when something happened to them. It must
//! not know how it is sent.

use serde::Serialize;
use serde_json::{Value, json};
use slugline_core::access::Collaborator as Known;
use slugline_core::addon::Addon as Held;
use slugline_core::app::App;
use slugline_core::build::BuildStatus;
use slugline_core::release::{Release as Recorded, Status};
use slugline_core::settings::Formation as Set;
use slugline_core::webhook::{Due, Happened, Happening};

use crate::backend::{Reading, Unavailable};
use crate::error::ApiError;
use crate::had::Had;
use crate::here::Here;
use crate::v3;
use crate::wire::addon::Addon;
use crate::wire::build::Build;
use crate::wire::domain::Domain;
use crate::wire::people::Collaborator;
use crate::wire::process::Formation;
use crate::wire::release::{Beside, Release};
use crate::wire::webhook::{attempt_id, delivery_id, event_id, webhook_id};
use crate::wire::{UserRef, time};

/// What a version 3 of the API calls itself.
const VERSION: &str = "application/vnd.heroku+json; version=3";

/// The body that is posted for a delivery.
///
/// # Errors
/// Where the app cannot be read, or is gone.
pub fn body(reading: &dyn Reading, due: &Due) -> Result<String, Unavailable> {
    let told = || -> Result<Value, ApiError> {
        let app = reading.ledger().outline(&due.app)?.app;
        let (delivery, event) = (&due.delivery, &due.delivery.event);
        let mut payload = payload(reading, &app, event)?;
        payload["webhook_metadata"] = json!({
            "attempt": {"id": attempt_id(&app, delivery.place, delivery.attempts + 1)},
            "delivery": {"id": delivery_id(&app, delivery.place)},
            "event": {"id": event_id(&app, event.place), "include": event.what.include().word()},
            "webhook": {"id": webhook_id(&delivery.webhook)},
        });
        Ok(payload)
    };
    match told() {
        Ok(payload) => Ok(payload.to_string()),
        Err(error) => Err(Unavailable(error.message().to_owned())),
    }
}

/// What is told of an event, whoever it is told to.
pub(crate) fn payload(
    reading: &dyn Reading,
    app: &App,
    event: &Happened,
) -> Result<Value, ApiError> {
    let (resource, data, before) = told(reading, app, event)?;
    let at = time(event.by.at);
    Ok(json!({
        "id": event_id(app, event.place),
        "action": event.what.action().word(),
        "resource": resource,
        "version": VERSION,
        "actor": UserRef::from(&event.by.actor),
        "data": data,
        "previous_data": before,
        "sequence": null,
        "created_at": at,
        "updated_at": at,
        "published_at": at,
    }))
}

type Told = (&'static str, Value, Value);

/// What it is about, how that is now, and what of it was otherwise before.
fn told(reading: &dyn Reading, app: &App, event: &Happened) -> Result<Told, ApiError> {
    let none = json!({});
    Ok(match &event.what {
        Happening::Release { succeeded, .. } => {
            let before = succeeded.map_or(none, |_| json!({"status": "pending"}));
            ("release", release(app, &event.what)?, before)
        }
        Happening::Addon { was, .. } => {
            let was = was.as_ref().map(|plan| json!({"plan": {"name": plan}}));
            ("addon", addon(reading, app, event)?, was.unwrap_or(none))
        }
        Happening::Build(build) => {
            let before = match build.status {
                BuildStatus::Pending => none,
                _ => json!({"status": BuildStatus::Pending.word()}),
            };
            ("build", value(&Build::new(app, build, None))?, before)
        }
        Happening::Maintenance { on } => {
            let outline = reading.ledger().outline(&app.name)?;
            let mut data = value(&v3::described(reading, &outline, &Here(None))?)?;
            data["maintenance"] = json!(on);
            ("app", data, json!({"maintenance": !on}))
        }
        Happening::Collaborator {
            user, role, since, ..
        } => {
            let known = Known {
                user: user.clone(),
                role: *role,
                since: *since,
            };
            let data = value(&Collaborator::new(app, &known))?;
            ("collaborator", data, none)
        }
        Happening::Domain { host, .. } => {
            let own = v3::own_host(reading, app);
            ("domain", value(&Domain::custom(app, host, &own))?, none)
        }
        Happening::Formation { kind, count, was } => {
            let command = v3::command_of(reading, app, kind)?;
            let set = Set {
                count: *count,
                ..reading.ledger().settings(&app.name)?.of_type(kind)
            };
            let data = value(&Formation::new(app, (kind, &command), &set))?;
            ("formation", data, json!({"quantity": was}))
        }
    })
}

fn value(of: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(of).map_err(|_| ApiError::no_such("event"))
}

fn release(app: &App, what: &Happening) -> Result<Value, ApiError> {
    let Happening::Release {
        version,
        change,
        actor,
        at,
        succeeded,
        slug,
        plans,
    } = what
    else {
        return Err(ApiError::no_such("release"));
    };
    let recorded = Recorded {
        version: *version,
        change: change.clone(),
        actor: actor.clone(),
        created_at: *at,
        status: match succeeded {
            None => Status::Pending,
            Some(true) => Status::Succeeded,
            Some(false) => Status::Failed(String::new()),
        },
        slug: slug.clone(),
        pinned: false,
    };
    let good = *succeeded == Some(true);
    let beside = Beside {
        current: good,
        eligible: good,
        plans: plans.iter().map(ToString::to_string).collect(),
        output: None,
        brought: None,
    };
    let mut data = value(&Release::new(app, &recorded, beside))?;
    if let Some(slug) = slug {
        data["slug"]["commit"] = json!(slug.commit);
    }
    Ok(data)
}

fn addon(reading: &dyn Reading, app: &App, event: &Happened) -> Result<Value, ApiError> {
    let Happening::Addon {
        action,
        plan,
        price,
        resource,
        ..
    } = &event.what
    else {
        return Err(ApiError::no_such("add-on"));
    };
    let known = reading.ledger().resources(&app.name)?;
    let had = Had {
        app: app.clone(),
        resource: known
            .into_iter()
            .find(|one| Some(&one.id) == resource.as_ref()),
        addon: Held {
            plan: plan.clone(),
            price: *price,
            resource: resource.clone(),
        },
        since: event.by.at,
    };
    let addon = Addon::new(&had);
    match action {
        slugline_core::webhook::Action::Destroy => value(&addon.gone()),
        _ => value(&addon),
    }
}
