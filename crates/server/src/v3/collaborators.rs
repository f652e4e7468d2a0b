//! `/apps/{app}/collaborators`. It must not know what a role permits.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use slugline_core::access::{Collaborator as Known, Permission, Role};
use slugline_core::actor::Actor;
use slugline_core::app::App;
use slugline_core::webhook::{By, Happening};

use crate::backend::Changing;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::wire::error::Errors;
use crate::wire::people::{Collaborator, NewCollaborator, NewRole};

/// Who may use an app; its owner comes first
#[utoipa::path(get, path = "/apps/{app}/collaborators", tag = "collaborators",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 200, body = Vec<Collaborator>), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
) -> Result<Json<Vec<Collaborator>>, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let others = reading.access().collaborators(&app.name)?;
        let others = others.iter().map(|one| Collaborator::new(app, one));
        Ok(std::iter::once(Collaborator::owner(app))
            .chain(others)
            .collect())
    });
    Ok(Json(read.await?))
}

/// Lets somebody use an app
#[utoipa::path(post, path = "/apps/{app}/collaborators", tag = "collaborators",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewCollaborator,
    responses((status = 201, body = Collaborator), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewCollaborator>,
) -> Result<(StatusCode, Json<Collaborator>), ApiError> {
    let user = Actor::new(&new.user).map_err(|error| invalid(&error))?;
    let role = new.role.as_deref().map(str::parse).transpose();
    let role = role
        .map_err(|error| invalid(&error))?
        .unwrap_or(Role::Deployer);
    let by = desk.token().user.clone();
    let made = desk.change((app, Permission::Admin), move |changing, app, _| {
        set(changing, &by, app, (user, role))
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Gives somebody another role
#[utoipa::path(patch, path = "/apps/{app}/collaborators/{user}", tag = "collaborators",
    params(("app" = String, Path, description = "Its name or id"), ("user" = String, Path, description = "Their address or id")),
    request_body = NewRole,
    responses((status = 200, body = Collaborator), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path((app, user)): Path<(String, String)>,
    body::Json(new): body::Json<NewRole>,
) -> Result<Json<Collaborator>, ApiError> {
    let role: Role = new.role.parse().map_err(|error| invalid(&error))?;
    let by = desk.token().user.clone();
    let changed = desk.change((app, Permission::Admin), move |changing, app, _| {
        let known = find(changing, app, &user)?;
        set(changing, &by, app, (known.user, role))
    });
    Ok(Json(changed.await?))
}

/// Lets somebody use an app no more
#[utoipa::path(delete, path = "/apps/{app}/collaborators/{user}", tag = "collaborators",
    params(("app" = String, Path, description = "Its name or id"), ("user" = String, Path, description = "Their address or id")),
    responses((status = 200, body = Collaborator, description = "What they were"), Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path((app, user)): Path<(String, String)>,
) -> Result<Json<Collaborator>, ApiError> {
    let by = desk.token().user.clone();
    let gone = desk.change((app, Permission::Admin), move |changing, app, _| {
        let known = find(changing, app, &user)?;
        changing
            .access()
            .remove_collaborator(&app.name, &known.user)?;
        tell(changing, &by, app, Some(&known), None)?;
        Ok(Collaborator::new(app, &known))
    });
    Ok(Json(gone.await?))
}

fn invalid(error: &dyn std::error::Error) -> ApiError {
    ApiError::new(Kind::InvalidParams, error.to_string())
}

fn set(
    changing: &dyn Changing,
    by: &Actor,
    app: &App,
    (user, role): (Actor, Role),
) -> Result<Collaborator, ApiError> {
    if user == app.owner {
        let text = format!(
            "{user} owns {}, and may do everything with it already.",
            app.name
        );
        return Err(ApiError::new(Kind::InvalidParams, text));
    }
    let known = Known {
        user,
        role,
        since: changing.clock().now(),
    };
    let before = changing.access().collaborators(&app.name)?;
    let before = before.iter().find(|one| one.user == known.user);
    changing.access().set_collaborator(&app.name, &known)?;
    tell(changing, by, app, before, Some(&known))?;
    Ok(Collaborator::new(app, &known))
}

/// Tells webhooks.
fn tell(
    changing: &dyn Changing,
    by: &Actor,
    app: &App,
    before: Option<&Known>,
    after: Option<&Known>,
) -> Result<(), ApiError> {
    let what = Happening::of_collaborator(before, after);
    let (actor, at) = (by.clone(), changing.clock().now());
    let by = By { actor, at };
    Ok(changing.ledger().announce(&app.name, &what, &by)?)
}

fn find(changing: &dyn Changing, app: &App, reference: &str) -> Result<Known, ApiError> {
    let all = changing.access().collaborators(&app.name)?;
    let id = reference.parse::<uuid::Uuid>().ok();
    let of_app = |one: &Known| ids::of("collaborator", &format!("{}:{}", ids::app(app), one.user));
    let meant = |one: &Known| {
        one.user.as_str() == reference
            || id.is_some_and(|id| id == ids::user(&one.user) || id == of_app(one))
    };
    let found = all.into_iter().find(meant);
    found.ok_or_else(|| ApiError::no_such("collaborator"))
}
