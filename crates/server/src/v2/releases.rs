//! Config vars, releases and rollbacks, as of 2012. It must not know the rules of a rollback.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};
use slugline_core::access::Permission;
use slugline_core::addon::Addons;
use slugline_core::corridor::Silent;
use slugline_core::operation::rollback::Rollback;
use slugline_core::query;
use slugline_core::release::Release;

use super::form::field;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::v3;

/// Releases that are told of at most.
const MANY: usize = 10_000;

pub(crate) async fn config(
    desk: Desk,
    app: Path<String>,
) -> Result<Json<BTreeMap<String, String>>, ApiError> {
    v3::config_vars::list(desk, app).await
}

pub(crate) async fn set(
    desk: Desk,
    app: Path<String>,
    body::Json(vars): body::Json<BTreeMap<String, String>>,
) -> Result<Json<BTreeMap<String, String>>, ApiError> {
    let vars = vars
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect();
    v3::config_vars::set(desk, app.0, vars).await
}

pub(crate) async fn unset(
    desk: Desk,
    Path((app, key)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let vars = [(key, None)].into();
    let _ = v3::config_vars::set(desk, app, vars).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let ledger = reading.ledger();
        let all = query::history(ledger, &app.name, MANY)?;
        let one = |release: &Release| {
            let addons = ledger.addons_at(&app.name, release.version)?;
            Ok(described(release, &addons))
        };
        // The oldest first.
        all.iter().rev().map(one).collect()
    });
    Ok(Json(read.await?))
}

/// One, with its config vars for whoever may see those.
pub(crate) async fn info(
    desk: Desk,
    Path((app, release)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let token = desk.token().clone();
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let version = v3::releases::version(app, &release)?;
        let ledger = reading.ledger();
        let found = query::inspect(ledger, &app.name, version)?;
        let addons = ledger.addons_at(&app.name, version)?;
        let mut told = described(&found.release, &addons);
        let role = reading.access().role(&app.name, &token.user)?;
        let may = role.is_some_and(|role| role.permits(Permission::Config))
            && token.permits(Permission::Config, &app.name);
        if may {
            let vars = found.state.config.iter();
            let vars = vars.map(|(key, var)| (key.to_string(), var.value.reveal().to_owned()));
            told["env"] = json!(vars.collect::<BTreeMap<_, _>>());
        }
        Ok(told)
    });
    Ok(Json(read.await?))
}

/// Answers the name of the release that it went back to.
pub(crate) async fn rollback(
    desk: Desk,
    Path(app): Path<String>,
    form: Bytes,
) -> Result<String, ApiError> {
    let wanted = field(&form, "rollback");
    desk.change(
        (app, Permission::Rollback),
        move |changing, app, request| {
            let target = wanted
                .map(|text| v3::releases::version(app, &text))
                .transpose()?;
            let operation = Rollback {
                target,
                ..Rollback::default()
            };
            let done = changing.engine().change(request, &operation, &mut Silent)?;
            let text = done.release.change.to_string();
            let name = text
                .strip_prefix("Rollback to ")
                .and_then(|rest| rest.split(' ').next());
            match name {
                Some(name) => Ok(name.to_owned()),
                None => Err(ApiError::new(Kind::Internal, "It was no rollback.")),
            }
        },
    )
    .await
}

fn described(release: &Release, addons: &Addons) -> Value {
    let at = jiff::Timestamp::from_millisecond(release.created_at.0).unwrap_or_default();
    let slug = release.slug.as_ref();
    let commit = slug.map(|slug| slug.commit.short());
    let processes = slug.map(|slug| slug.processes.clone()).unwrap_or_default();
    let addons = addons.values().map(|addon| addon.plan.to_string());
    json!({
        "name": release.version.to_string(),
        "descr": release.change.to_string(),
        "user": release.actor.as_str(),
        "commit": commit,
        "created_at": at.strftime("%Y/%m/%d %H:%M:%S +0000").to_string(),
        "addons": addons.collect::<Vec<_>>(),
        "env": {},
        "pstable": processes,
    })
}
