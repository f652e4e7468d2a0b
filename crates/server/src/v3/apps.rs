//! `/apps`. It must not know what an app runs.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use slugline_core::access::{Permission, Token};
use slugline_core::app::{App as Known, AppName};
use slugline_core::corridor::{Request, Silent};
use slugline_core::port::{Moment, Outline};
use slugline_core::settings::Settings;

use super::settled;
use crate::backend::Reading;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::here::Here;
use crate::range::{Part, Range};
use crate::wire::app::{App, AppChange, NewApp, STACK};
use crate::wire::error::Errors;

const FIELDS: &[&str] = &["name", "id"];

/// The apps that the token's person may see
#[utoipa::path(get, path = "/apps", tag = "apps",
    params(("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<App>),
        (status = 206, body = Vec<App>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(desk: Desk, here: Here, range: Range) -> Result<Part<App>, ApiError> {
    desk.read(move |reading, token| {
        let visible = visible(reading, token)?;
        let part = range.of(FIELDS, visible, |outline, field| match field {
            "id" => crate::ids::app(&outline.app).to_string(),
            _ => outline.app.name.to_string(),
        })?;
        part.turned(|rows| {
            rows.iter()
                .map(|outline| described(reading, outline, &here))
                .collect()
        })
    })
    .await
}

/// The apps that the token's person may see, as clients ask for those of one account
#[utoipa::path(get, path = "/users/{user}/apps", tag = "apps",
    params(("user" = String, Path, description = "`~`, or the person's own address or id"),
        ("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<App>),
        (status = 206, body = Vec<App>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn of_account(
    desk: Desk,
    here: Here,
    Path(user): Path<String>,
    range: Range,
) -> Result<Part<App>, ApiError> {
    let own = &desk.token().user;
    if user != "~" && user != own.as_str() && user != crate::ids::user(own).to_string() {
        return Err(ApiError::no_such("user"));
    }
    list(desk, here, range).await
}

/// One app
#[utoipa::path(get, path = "/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = App), Errors))]
pub(crate) async fn info(
    desk: Desk,
    here: Here,
    Path(app): Path<String>,
) -> Result<Json<App>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        described(reading, &reading.ledger().outline(&app.name)?, &here)
    });
    Ok(Json(read.await?))
}

/// Makes an app, which has nothing to run yet
#[utoipa::path(post, path = "/apps", tag = "apps", request_body = NewApp,
    responses((status = 201, body = App), Errors))]
pub(crate) async fn create(
    desk: Desk,
    here: Here,
    body::Json(new): body::Json<NewApp>,
) -> Result<(StatusCode, Json<App>), ApiError> {
    let name = match &new.name {
        Some(name) => AppName::new(name)
            .map_err(|error| ApiError::new(Kind::InvalidParams, error.to_string()))?,
        None => AppName::made_up(
            *uuid::Uuid::new_v4()
                .as_bytes()
                .first_chunk()
                .unwrap_or(&[0; 4]),
        ),
    };
    let about = (Some(name.clone()), Permission::Deploy);
    let made = desk.beyond_apps(about, move |changing, token| {
        let request = Request {
            app: &name,
            actor: &token.user,
            confirmed: false,
            if_current: None,
            wait: true,
        };
        changing.create_app(&request)?;
        described(
            changing.reading(),
            &changing.ledger().outline(&name)?,
            &here,
        )
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Changes what is set of an app
#[utoipa::path(patch, path = "/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "Its name or id")), request_body = AppChange,
    responses((status = 200, body = App), Errors))]
pub(crate) async fn change(
    desk: Desk,
    here: Here,
    Path(app): Path<String>,
    body::Json(wanted): body::Json<AppChange>,
) -> Result<Json<App>, ApiError> {
    let changed = desk.change((app, Permission::Operate), move |changing, app, request| {
        if let Some(refusal) = refused(app, &wanted) {
            return Err(refusal);
        }
        if let Some(on) = wanted.maintenance {
            let what = format!("Maintenance {}", if on { "on" } else { "off" });
            let mut set = |_: &Moment, settings: &mut Settings| {
                settings.maintenance = on;
                Ok(())
            };
            let engine = changing.engine();
            settled(
                changing,
                engine.change_settings(request, &what, &mut set, &mut Silent),
            )?;
        }
        described(
            changing.reading(),
            &changing.ledger().outline(&app.name)?,
            &here,
        )
    });
    Ok(Json(changed.await?))
}

/// Why what is wanted cannot be.
fn refused(app: &Known, wanted: &AppChange) -> Option<ApiError> {
    let name = wanted.name.as_ref();
    if name.is_some_and(|name| name != app.name.as_str()) {
        return Some(no_other_name(&app.name));
    }
    let stack = wanted.build_stack.as_deref()?;
    let id = crate::ids::of("stack", STACK);
    let text = format!("There is one stack here: {STACK}.");
    let same = stack == STACK || stack.parse() == Ok(id);
    (!same).then(|| ApiError::new(Kind::InvalidParams, text))
}

/// Why an app gets no other name.
pub(crate) fn no_other_name(app: &AppName) -> ApiError {
    let text = format!("{app} cannot be renamed: an app keeps its name.");
    ApiError::new(Kind::InvalidParams, text)
}

/// Ends an app, with its add-ons and its history
#[utoipa::path(delete, path = "/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = App, description = "What it was"), Errors))]
pub(crate) async fn destroy(
    desk: Desk,
    here: Here,
    Path(app): Path<String>,
) -> Result<Json<App>, ApiError> {
    let gone = desk.change((app, Permission::Admin), move |changing, app, request| {
        let was = described(
            changing.reading(),
            &changing.ledger().outline(&app.name)?,
            &here,
        )?;
        changing.destroy_app(request)?;
        Ok(was)
    });
    Ok(Json(gone.await?))
}

/// The apps that a token's person has a role in, and that it is for.
pub(crate) fn visible(reading: &dyn Reading, token: &Token) -> Result<Vec<Outline>, ApiError> {
    let mut all = reading.ledger().outlines()?;
    let theirs = reading.access().apps_of(&token.user)?;
    all.retain(|outline| {
        let name = &outline.app.name;
        (token.is_for_machine() || theirs.contains(name)) && token.permits(Permission::Read, name)
    });
    Ok(all)
}

pub(crate) fn described(
    reading: &dyn Reading,
    outline: &Outline,
    here: &Here,
) -> Result<App, ApiError> {
    let name = &outline.app.name;
    let settings = reading.ledger().settings(name)?;
    Ok(App::new(
        outline,
        &settings,
        reading.url(name),
        here.git_url(reading, name),
    ))
}
