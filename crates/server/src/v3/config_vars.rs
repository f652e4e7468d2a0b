//! `/apps/{app}/config-vars`, and those of a release. It must not know what a config var is for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVars, InvalidConfig};
use slugline_core::corridor::Silent;
use slugline_core::operation::config::Edit;
use slugline_core::port::Ledger;
use slugline_core::query;

use super::settled;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::wire::error::Errors;

use super::releases::version;

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
#[utoipa::path(patch, path = "/apps/{app}/config-vars", tag = "config-vars",
    params(("app" = String, Path, description = "Its name or id")),
    request_body = BTreeMap<String, Option<String>>,
    responses((status = 200, body = BTreeMap<String, String>, description = "All of them, as they are now"), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(vars): body::Json<BTreeMap<String, Option<String>>>,
) -> Result<Json<Vars>, ApiError> {
    let edit = edit(vars).map_err(|error| ApiError::new(Kind::InvalidParams, error.to_string()))?;
    let changed = desk.change((app, Permission::Config), move |changing, app, request| {
        let changed = changing.engine().change(request, &edit, &mut Silent);
        settled(changing, changed)?;
        now(changing.ledger(), app)
    });
    Ok(Json(changed.await?))
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
