//! `/apps/{app}/domains`. It must not know how a host is routed.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::corridor::{Failure, Silent};
use slugline_core::port::Moment;
use slugline_core::settings::{Host, Settings};

use super::settled;
use crate::backend::Reading;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::range::{Part, Range};
use crate::wire::domain::{Domain, NewDomain};
use crate::wire::error::Errors;

/// `domain` is what older clients call the host.
const FIELDS: &[&str] = &["hostname", "domain", "id"];

/// The hosts that an app answers under, its own among them
#[utoipa::path(get, path = "/apps/{app}/domains", tag = "domains",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "hostname ..; max=200")),
    responses((status = 200, body = Vec<Domain>),
        (status = 206, body = Vec<Domain>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Domain>, ApiError> {
    desk.of_app((app, Permission::Read), move |reading, app| {
        let own = own(reading, app);
        let settings = reading.ledger().settings(&app.name)?;
        let custom = settings
            .domains
            .iter()
            .map(|host| Domain::custom(app, host, &own));
        let all = std::iter::once(Domain::own(app, &own))
            .chain(custom)
            .collect();
        range.of(FIELDS, all, Domain::key)
    })
    .await
}

/// One host of an app
#[utoipa::path(get, path = "/apps/{app}/domains/{domain}", tag = "domains",
    params(("app" = String, Path, description = "Its name or id"), ("domain" = String, Path, description = "The host or its id")),
    responses((status = 200, body = Domain), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, domain)): Path<(String, String)>,
) -> Result<Json<Domain>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let own = own(reading, app);
        if domain == own || domain == Domain::id_of(app, &own).to_string() {
            return Ok(Domain::own(app, &own));
        }
        let settings = reading.ledger().settings(&app.name)?;
        let host = find(app, &settings, &domain).ok_or_else(|| ApiError::no_such("domain"))?;
        Ok(Domain::custom(app, &host, &own))
    });
    Ok(Json(read.await?))
}

/// Lets an app answer under a host
#[utoipa::path(post, path = "/apps/{app}/domains", tag = "domains",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewDomain,
    responses((status = 201, body = Domain), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewDomain>,
) -> Result<(StatusCode, Json<Domain>), ApiError> {
    let host = Host::new(&new.hostname);
    let host = host.map_err(|error| ApiError::new(Kind::InvalidParams, error.to_string()))?;
    let made = desk.change((app, Permission::Admin), move |changing, app, request| {
        let mut set = |_: &Moment, settings: &mut Settings| {
            settings.domains.insert(host.clone());
            Ok(())
        };
        let engine = changing.engine();
        match engine.change_settings(request, &format!("Add {host}"), &mut set, &mut Silent) {
            Ok(_) => {}
            Err(Failure::Nothing(_)) => {
                let text = format!("{host} is a domain of {} already.", app.name);
                return Err(ApiError::new(Kind::InvalidParams, text));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Domain::custom(app, &host, &own(changing.reading(), app)))
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Lets an app answer under a host no more
#[utoipa::path(delete, path = "/apps/{app}/domains/{domain}", tag = "domains",
    params(("app" = String, Path, description = "Its name or id"), ("domain" = String, Path, description = "The host or its id")),
    responses((status = 200, body = Domain, description = "What it was"), Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path((app, domain)): Path<(String, String)>,
) -> Result<Json<Domain>, ApiError> {
    let gone = desk.change((app, Permission::Admin), move |changing, app, request| {
        let settings = changing.ledger().settings(&app.name)?;
        let host = find(app, &settings, &domain).ok_or_else(|| ApiError::no_such("domain"))?;
        let mut set = |_: &Moment, settings: &mut Settings| {
            settings.domains.remove(&host);
            Ok(())
        };
        let what = format!("Remove {host}");
        changing
            .engine()
            .change_settings(request, &what, &mut set, &mut Silent)?;
        Ok(Domain::custom(app, &host, &own(changing.reading(), app)))
    });
    Ok(Json(gone.await?))
}

/// Lets an app answer under its own host alone: one change.
pub(crate) async fn remove_all(desk: Desk, Path(app): Path<String>) -> Result<(), ApiError> {
    desk.change((app, Permission::Admin), move |changing, app, request| {
        let settings = changing.ledger().settings(&app.name)?;
        let hosts: Vec<_> = settings.domains.iter().map(Host::as_str).collect();
        let what = format!("Remove {}", hosts.join(", "));
        let mut set = |_: &Moment, settings: &mut Settings| {
            settings.domains.clear();
            Ok(())
        };
        let engine = changing.engine();
        settled(
            changing,
            engine.change_settings(request, &what, &mut set, &mut Silent),
        )
    })
    .await
}

fn find(app: &App, settings: &Settings, reference: &str) -> Option<Host> {
    let id = reference.parse::<uuid::Uuid>().ok();
    let meant =
        |host: &&Host| host.as_str() == reference || id == Some(Domain::id_of(app, host.as_str()));
    settings.domains.iter().find(meant).cloned()
}

/// The host that every app has.
pub(crate) fn own(reading: &dyn Reading, app: &App) -> String {
    let url = reading.url(&app.name);
    let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    host.split([':', '/']).next().unwrap_or_default().to_owned()
}
