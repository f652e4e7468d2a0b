//! `/apps/{app}/formation`: how many processes of each type there are to be. It must not know how they are
//! started.

use axum::Json;
use axum::extract::Path;
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::corridor::{Request, Silent};
use slugline_core::port::{Ledger, Moment};
use slugline_core::scale::{Count, known, scale};
use slugline_core::settings::Settings;

use super::settled;
use crate::backend::Changing;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::wire::error::Errors;
use crate::wire::process::{Commands, Formation, SIZE, Update, Updates};

/// How many processes of each type there are to be
#[utoipa::path(get, path = "/apps/{app}/formation", tag = "formation",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Formation>), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Formation>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        all(reading.ledger(), app)
    });
    Ok(Json(read.await?))
}

/// How many processes of one type there are to be
#[utoipa::path(get, path = "/apps/{app}/formation/{type}", tag = "formation",
    params(("app" = String, Path, description = "Its name or id"), ("type" = String, Path, example = "web")),
    responses((status = 200, body = Formation), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, kind)): Path<(String, String)>,
) -> Result<Json<Formation>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        one(reading.ledger(), app, &kind)
    });
    Ok(Json(read.await?))
}

/// Scales types of processes
#[utoipa::path(patch, path = "/apps/{app}/formation", tag = "formation",
    params(("app" = String, Path, description = "Its name or id")), request_body = Updates,
    responses((status = 200, body = Vec<Formation>, description = "Those that were named"), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(wanted): body::Json<Updates>,
) -> Result<Json<Vec<Formation>>, ApiError> {
    let changed = desk.change((app, Permission::Operate), move |changing, app, request| {
        scaled(changing, request, &wanted.updates)?;
        let named = wanted
            .updates
            .iter()
            .filter_map(|update| update.r#type.as_deref());
        named
            .map(|kind| one(changing.ledger(), app, kind))
            .collect()
    });
    Ok(Json(changed.await?))
}

/// Scales one type of processes
#[utoipa::path(patch, path = "/apps/{app}/formation/{type}", tag = "formation",
    params(("app" = String, Path, description = "Its name or id"), ("type" = String, Path, example = "web")),
    request_body = Update,
    responses((status = 200, body = Formation), Errors))]
pub(crate) async fn change_one(
    desk: Desk,
    Path((app, kind)): Path<(String, String)>,
    body::Json(wanted): body::Json<Update>,
) -> Result<Json<Formation>, ApiError> {
    let changed = desk.change((app, Permission::Operate), move |changing, app, request| {
        let update = Update {
            r#type: Some(kind.clone()),
            ..wanted
        };
        scaled(changing, request, &[update])?;
        one(changing.ledger(), app, &kind)
    });
    Ok(Json(changed.await?))
}

fn scaled(
    changing: &dyn Changing,
    request: &Request<'_>,
    updates: &[Update],
) -> Result<(), ApiError> {
    let invalid = |text: String| ApiError::new(Kind::InvalidParams, text);
    if updates.iter().any(Update::is_of_another_size) {
        let text = format!(
            "There is one size here, {SIZE}: what a process may use is set by `slugline ps:limit`."
        );
        return Err(invalid(text));
    }
    let mut counts: Vec<(&str, Count)> = Vec::new();
    for update in updates {
        let kind = update.r#type.as_deref();
        let kind = kind.ok_or_else(|| invalid("Each update names its type.".to_owned()))?;
        if let Some(quantity) = &update.quantity {
            let count = quantity
                .count()
                .map_err(|error| invalid(error.to_string()))?;
            counts.push((kind, count));
        }
    }
    let words: Vec<_> = counts.iter().map(|(kind, _)| *kind).collect();
    let mut set = |moment: &Moment, settings: &mut Settings| {
        for update in updates {
            known(update.r#type.as_deref().unwrap_or_default(), moment)?;
        }
        let mut each = counts.iter();
        each.try_for_each(|(kind, count)| scale(moment, settings, (kind, *count)))
    };
    let what = format!("Scale {}", words.join(" "));
    let engine = changing.engine();
    settled(
        changing,
        engine.change_settings(request, &what, &mut set, &mut Silent),
    )
}

fn all(ledger: &dyn Ledger, app: &App) -> Result<Vec<Formation>, ApiError> {
    let settings = ledger.settings(&app.name)?;
    let commands = commands(ledger, app)?;
    let one = |(kind, command): (&String, &String)| {
        Formation::new(app, (kind, command), &settings.of_type(kind))
    };
    Ok(commands.iter().map(one).collect())
}

fn one(ledger: &dyn Ledger, app: &App, kind: &str) -> Result<Formation, ApiError> {
    let settings = ledger.settings(&app.name)?;
    let commands = commands(ledger, app)?;
    let command = commands
        .get(kind)
        .ok_or_else(|| ApiError::no_such("process type"))?;
    Ok(Formation::new(
        app,
        (kind, command),
        &settings.of_type(kind),
    ))
}

fn commands(ledger: &dyn Ledger, app: &App) -> Result<Commands, ApiError> {
    let current = ledger.outline(&app.name)?.current;
    let slug = current.and_then(|release| release.slug);
    Ok(slug.map(|slug| slug.processes).unwrap_or_default())
}

/// The command of a process type, where the code that runs has one.
pub(crate) fn command_of(
    reading: &dyn crate::backend::Reading,
    app: &App,
    kind: &str,
) -> Result<String, ApiError> {
    let mut commands = commands(reading.ledger(), app)?;
    Ok(commands.remove(kind).unwrap_or_default())
}
