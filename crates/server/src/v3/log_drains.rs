//! `/apps/{app}/log-drains`: where the lines of an app's log are sent. An address may hold a password, so that
//! it is never told whole. It must not know how lines get there.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::corridor::{Failure, Silent};
use slugline_core::drain;
use slugline_core::port::Moment;
use slugline_core::settings::{Drain, Settings};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::backend::Reading;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::wire::error::Errors;
use crate::wire::time;

/// Where lines are sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogDrain {
    id: Uuid,
    addon: Option<String>,
    /// The name that `slugline drains` has for it.
    #[schema(example = "d0a1b2c3")]
    token: String,
    /// Its address, without what may be secret.
    #[schema(example = "syslog://logs.example.com:514")]
    pub(crate) url: String,
    created_at: String,
    updated_at: String,
}

impl LogDrain {
    fn new(reading: &dyn Reading, app: &App, drain: &Drain) -> Self {
        let at = time(app.created_at);
        Self {
            id: id(app, drain),
            addon: None,
            token: drain.id.clone(),
            url: reading.shown(drain),
            created_at: at.clone(),
            updated_at: at,
        }
    }
}

/// Where lines are to be sent.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewLogDrain {
    /// `syslog://HOST:PORT`, `syslog+tls://HOST:PORT`, or an `http` or `https` address.
    #[schema(example = "syslog://logs.example.com:514")]
    pub(crate) url: String,
}

fn id(app: &App, drain: &Drain) -> Uuid {
    ids::of("drain", &format!("{}:{}", ids::app(app), drain.id))
}

/// Where the lines of an app's log are sent
#[utoipa::path(get, path = "/apps/{app}/log-drains", tag = "logs",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<LogDrain>), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<LogDrain>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let settings = reading.ledger().settings(&app.name)?;
        let one = |drain| LogDrain::new(reading, app, drain);
        Ok(settings.drains.iter().map(one).collect())
    });
    Ok(Json(read.await?))
}

/// One place where the lines of an app's log are sent
#[utoipa::path(get, path = "/apps/{app}/log-drains/{drain}", tag = "logs",
    params(("app" = String, Path, description = "Its name or id"), ("drain" = String, Path, description = "Its id, token or address")),
    responses((status = 200, body = LogDrain), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, drain)): Path<(String, String)>,
) -> Result<Json<LogDrain>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        Ok(LogDrain::new(reading, app, &find(reading, app, &drain)?))
    });
    Ok(Json(read.await?))
}

/// Sends the lines of an app's log there too
#[utoipa::path(post, path = "/apps/{app}/log-drains", tag = "logs",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewLogDrain,
    responses((status = 201, body = LogDrain), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewLogDrain>,
) -> Result<(StatusCode, Json<LogDrain>), ApiError> {
    let made = desk.change((app, Permission::Admin), move |changing, app, request| {
        let invalid = |text| ApiError::new(Kind::InvalidParams, text);
        let address = changing.drain_address(&new.url).map_err(invalid)?;
        let mut random = [0; 4];
        let filled = getrandom::fill(&mut random);
        filled.map_err(|error| ApiError::new(Kind::Unavailable, error.to_string()))?;
        let added = Drain {
            id: drain::name(random),
            url: new.url,
        };
        let mut set = |_: &Moment, settings: &mut Settings| drain::add(&app.name, settings, &added);
        let what = format!("Add the log drain {address}");
        match changing
            .engine()
            .change_settings(request, &what, &mut set, &mut Silent)
        {
            Ok(_) => Ok(LogDrain::new(changing.reading(), app, &added)),
            Err(Failure::Nothing(_)) => Err(invalid(format!(
                "The log of {} goes to {address} already.",
                app.name
            ))),
            Err(error) => Err(error.into()),
        }
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Sends the lines of an app's log there no more
#[utoipa::path(delete, path = "/apps/{app}/log-drains/{drain}", tag = "logs",
    params(("app" = String, Path, description = "Its name or id"), ("drain" = String, Path, description = "Its id, token or address")),
    responses((status = 200, body = LogDrain, description = "What it was"), Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path((app, drain)): Path<(String, String)>,
) -> Result<Json<LogDrain>, ApiError> {
    let gone = desk.change((app, Permission::Admin), move |changing, app, request| {
        let known = find(changing.reading(), app, &drain)?;
        let mut set =
            |_: &Moment, settings: &mut Settings| drain::remove(&app.name, settings, &known.id);
        let engine = changing.engine();
        engine.change_settings(request, "Remove a log drain", &mut set, &mut Silent)?;
        Ok(LogDrain::new(changing.reading(), app, &known))
    });
    Ok(Json(gone.await?))
}

fn find(reading: &dyn Reading, app: &App, words: &str) -> Result<Drain, ApiError> {
    let settings = reading.ledger().settings(&app.name)?;
    let mut all = settings.drains.into_iter();
    let found = all.find(|drain| {
        drain.id == words || drain.url == words || words.parse() == Ok(id(app, drain))
    });
    found.ok_or_else(|| ApiError::no_such("log drain"))
}
