//! `/apps/{app}/config-vars`, and those of a release. It must not know what a config var is for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Response};
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVars, InvalidConfig};
use slugline_core::corridor::Request;
use slugline_core::operation::config::Edit;
use slugline_core::port::Ledger;
use slugline_core::query;

use crate::backend::Changing;
use crate::body;
use crate::desk::{Desk, Tell};
use crate::error::{ApiError, Kind};
use crate::wire::error::Errors;

use super::releases::{Begins, version};
use super::settled;

type Vars = BTreeMap<String, String>;

/// The config vars of an app, those that add-ons lend among them
#[utoipa::path(get, path = "/apps/{app}/config-vars", tag = "config-vars",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = BTreeMap<String, String>), Errors))]
pub(crate) async fn list(desk: Desk, Path(app): Path<String>) -> Result<Json<Vars>, ApiError> {
    let read = desk.of_app((app, Permission::Config), |reading, app| {
        now(reading.ledger(), app)
    });
    Ok(Json(read.await?))
}

/// Sets the config vars that are named, and removes those that are null: one release, which restarts the app
///
/// Where the code has a release command it is answered as that begins, with `Warning-Message`: until the command
/// has ended well, the app runs with what it had.
#[utoipa::path(patch, path = "/apps/{app}/config-vars", tag = "config-vars",
    params(("app" = String, Path, description = "Its name or id")),
    request_body = BTreeMap<String, Option<String>>,
    responses((status = 200, body = BTreeMap<String, String>, description = "All of them, as they are in the release",
        headers(("Warning-Message" = Option<String>, description = "That the release command runs"))), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(vars): body::Json<BTreeMap<String, Option<String>>>,
) -> Result<Response, ApiError> {
    let edited = edited(desk, app, vars, true).await?;
    let mut response = Json(edited.vars).into_response();
    if edited.begun {
        let told = HeaderValue::from_static(BEGUN);
        response.headers_mut().insert(WARNING, told);
    }
    Ok(response)
}

/// The same for those who wait for the end of a release command.
pub(crate) async fn set(
    desk: Desk,
    app: String,
    vars: BTreeMap<String, Option<String>>,
) -> Result<Json<Vars>, ApiError> {
    Ok(Json(edited(desk, app, vars, false).await?.vars))
}

/// Where clients look for what they are to print beside the answer.
const WARNING: &str = "warning-message";
const BEGUN: &str = "The release command runs: the change takes effect once that has ended well. \
                     `heroku releases:output` shows what it writes.";

/// Config vars as a change has made them.
struct Edited {
    vars: Vars,
    /// Whether its release command has only begun.
    begun: bool,
}

async fn edited(
    desk: Desk,
    app: String,
    vars: BTreeMap<String, Option<String>>,
    early: bool,
) -> Result<Edited, ApiError> {
    let edit = edit(vars).map_err(|error| ApiError::new(Kind::InvalidParams, error.to_string()))?;
    let work =
        move |changing: &dyn Changing, app: &App, request: &Request<'_>, tell: Tell<'_, Edited>| {
            let mut told = |version| {
                let found = query::inspect(changing.ledger(), &app.name, version);
                // Whoever cannot be told now is told at the end.
                if let (true, Ok(found)) = (early, found) {
                    let vars = plain(&found.state.config);
                    tell(Edited { vars, begun: true });
                }
            };
            let engine = changing.engine();
            let changed = engine.change(request, &edit, &mut Begins(&mut told));
            settled(changing, changed)?;
            let vars = now(changing.ledger(), app)?;
            Ok(Edited { vars, begun: false })
        };
    desk.change_telling((app, Permission::Config), work).await
}

/// The config vars that a release was made with
#[utoipa::path(get, path = "/apps/{app}/releases/{release}/config-vars", tag = "config-vars",
    params(("app" = String, Path, description = "Its name or id"),
        ("release" = String, Path, description = "Its id, `40` or `v40`")),
    responses((status = 200, body = BTreeMap<String, String>), Errors))]
pub(crate) async fn of_release(
    desk: Desk,
    Path((app, release)): Path<(String, String)>,
) -> Result<Json<Vars>, ApiError> {
    let read = desk.of_app((app, Permission::Config), move |reading, app| {
        let version = version(app, &release)?;
        let found = query::inspect(reading.ledger(), &app.name, version)?;
        Ok(plain(&found.state.config))
    });
    Ok(Json(read.await?))
}

fn edit(vars: BTreeMap<String, Option<String>>) -> Result<Edit, InvalidConfig> {
    let mut edit = Edit::default();
    for (key, value) in vars {
        let key = ConfigKey::new(&key)?;
        match value {
            Some(value) => {
                let value = ConfigValue::new(&key, value)?;
                edit.set.insert(key, value);
            }
            None => {
                edit.remove.insert(key);
            }
        }
    }
    Ok(edit)
}

fn now(ledger: &dyn Ledger, app: &App) -> Result<Vars, ApiError> {
    Ok(plain(&ledger.moment(&app.name)?.state.config))
}

fn plain(vars: &ConfigVars) -> Vars {
    let one = |(key, var): (&ConfigKey, &slugline_core::config::ConfigVar)| {
        (key.to_string(), var.value.reveal().to_owned())
    };
    vars.iter().map(one).collect()
}
