//! `/addon-attachments`: each add-on is attached once, to the app that it belongs to. It must not know
//! what an add-on lends.

use axum::Json;
use axum::extract::Path;
use slugline_core::access::Permission;

use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::had::{self, Had};
use crate::range::{Part, Range};
use crate::wire::addon::{Attachment, AttachmentSought, NewAttachment};
use crate::wire::error::Errors;

const FIELDS: &[&str] = &["name", "id"];
const WHAT: &str = "add-on attachment";

/// How the add-ons of all apps are attached
#[utoipa::path(get, path = "/addon-attachments", tag = "addons",
    params(("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Attachment>),
        (status = 206, body = Vec<Attachment>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list_all(desk: Desk, range: Range) -> Result<Part<Attachment>, ApiError> {
    desk.read(move |reading, token| part(&range, &had::visible(reading, token)?))
        .await
}

/// How the add-ons of an app are attached
#[utoipa::path(get, path = "/apps/{app}/addon-attachments", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Attachment>),
        (status = 206, body = Vec<Attachment>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Attachment>, ApiError> {
    desk.of_app((app, Permission::Read), move |reading, app| {
        part(&range, &had::of_app(reading, app)?)
    })
    .await
}

/// How an add-on is attached
#[utoipa::path(get, path = "/addons/{addon}/addon-attachments", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name"),
        ("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Attachment>),
        (status = 206, body = Vec<Attachment>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn of_addon(
    desk: Desk,
    Path(addon): Path<String>,
    range: Range,
) -> Result<Part<Attachment>, ApiError> {
    desk.read(move |reading, token| {
        let one = had::one(had::visible(reading, token)?, &addon, "add-on")?;
        part(&range, &[one])
    })
    .await
}

fn part(range: &Range, all: &[Had]) -> Result<Part<Attachment>, ApiError> {
    let all = all.iter().map(Attachment::from).collect();
    range.of(FIELDS, all, Attachment::key)
}

/// One attachment
#[utoipa::path(get, path = "/addon-attachments/{attachment}", tag = "addons",
    params(("attachment" = String, Path, description = "Its id; its name where only one goes by that")),
    responses((status = 200, body = Attachment), Errors))]
pub(crate) async fn info_of_any(
    desk: Desk,
    Path(attachment): Path<String>,
) -> Result<Json<Attachment>, ApiError> {
    let read = desk.read(move |reading, token| {
        let had = had::one(had::visible(reading, token)?, &attachment, WHAT)?;
        Ok(Attachment::from(&had))
    });
    Ok(Json(read.await?))
}

/// One attachment of an app
#[utoipa::path(get, path = "/apps/{app}/addon-attachments/{attachment}", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("attachment" = String, Path, description = "Its name or id, or those of its add-on")),
    responses((status = 200, body = Attachment), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, attachment)): Path<(String, String)>,
) -> Result<Json<Attachment>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let had = had::one(had::of_app(reading, app)?, &attachment, WHAT)?;
        Ok(Attachment::from(&had))
    });
    Ok(Json(read.await?))
}

/// Which attachments these words mean
#[utoipa::path(post, path = "/actions/addon-attachments/resolve", tag = "addons",
    request_body = AttachmentSought,
    responses((status = 200, body = Vec<Attachment>, description = "One at least"), Errors))]
pub(crate) async fn resolve(
    desk: Desk,
    body::Json(sought): body::Json<AttachmentSought>,
) -> Result<Json<Vec<Attachment>>, ApiError> {
    let read = desk.read(move |reading, token| {
        let mut all = had::visible(reading, token)?;
        had::narrow(
            &mut all,
            sought.app.as_deref(),
            sought.addon_service.as_deref(),
        );
        let found = had::meant(all, &sought.addon_attachment, WHAT)?;
        Ok(found.iter().map(Attachment::from).collect())
    });
    Ok(Json(read.await?))
}

/// Is refused: an add-on belongs to one app, and is attached to it already
#[utoipa::path(post, path = "/addon-attachments", tag = "addons", request_body = NewAttachment,
    responses(Errors))]
pub(crate) async fn create(
    desk: Desk,
    body::Json(new): body::Json<NewAttachment>,
) -> Result<Json<Attachment>, ApiError> {
    let (addon, app) = (new.addon.words().to_owned(), new.app.words().to_owned());
    let had = desk
        .look(move |reading, token| had::one(had::visible(reading, token)?, &addon, "add-on"))
        .await?;
    desk.of_app((app, Permission::Admin), move |_, app| {
        let (name, owner, service) = (had.name(), &had.app.name, had.service());
        let text = match owner == &app.name {
            true => format!(
                "{name} is attached to {owner} already, as {}.",
                had.attached_as()
            ),
            false => format!(
                "{name} belongs to {owner}: an add-on belongs to one app here. \
                 To give {0} one of its own: slugline addons:add {service} --app {0}",
                app.name
            ),
        };
        Err(ApiError::new(Kind::InvalidParams, text).of(&app.name))
    })
    .await
}

/// Is refused: an add-on that is attached to no app has no use
#[utoipa::path(delete, path = "/addon-attachments/{attachment}", tag = "addons",
    params(("attachment" = String, Path, description = "Its id; its name where only one goes by that")),
    responses(Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path(attachment): Path<String>,
) -> Result<Json<Attachment>, ApiError> {
    desk.read(move |reading, token| {
        let had = had::one(had::visible(reading, token)?, &attachment, WHAT)?;
        let (name, app) = (had.attached_as(), &had.app.name);
        let text = format!(
            "{name} is how {} is attached to the app that it belongs to, and stays as long as that. \
             To remove both: slugline addons:remove {} --app {app}",
            had.name(),
            had.service()
        );
        Err(ApiError::new(Kind::InvalidParams, text).of(app))
    })
    .await
}
