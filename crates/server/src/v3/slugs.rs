//! `/apps/{app}/slugs`: code that was compiled, here or elsewhere. It must not know how it is kept.

use std::fs::File;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Extension, Json};
use slugline_core::access::Permission;
use slugline_core::build::{Brought, BuildId, Said};
use uuid::Uuid;

use super::code::{Awaited, Uploads, checked, of_app};
use crate::address::{Addresses, Asked};
use crate::backend::{Caller, Changing, End};
use crate::body;
use crate::desk::{Desk, State, with_engine};
use crate::error::{ApiError, Kind};
use crate::here;
use crate::standing::Standing;
use crate::wire::build::{Blob, NewSlug, Slug, id};
use crate::wire::error::Errors;

/// Announces a slug that was compiled elsewhere: its code is sent to its `blob` then
///
/// Where `process_types` are said, they take the place of its Procfile.
#[utoipa::path(post, path = "/apps/{app}/slugs", tag = "builds",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewSlug,
    responses((status = 201, body = Slug), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    Extension(uploads): Extension<Arc<Uploads>>,
    (uri, headers): (Uri, HeaderMap),
    body::Json(new): body::Json<NewSlug>,
) -> Result<(StatusCode, Json<Slug>), ApiError> {
    let base = here::base(&headers, &uri)?;
    let said = checked(Said {
        processes: new.process_types,
        version: new.commit,
        description: new.commit_description,
        checksum: new.checksum,
        buildpack: new.buildpack_provided_description,
    })?;
    let caller = Caller {
        command: "PUT /uploads".to_owned(),
        ..desk.caller()
    };
    let turn = desk.turn(&app).await;
    let standing = desk.standing((app, Permission::Deploy)).await?;
    let made = with_engine((standing.backend(), turn), caller.clone(), {
        let app = standing.app().name.clone();
        move |changing| {
            let now = changing.clock().now();
            let brought = Brought {
                id: new_id()?,
                created_at: now,
                updated_at: now,
                said,
                slug: None,
            };
            changing.builds().put_brought(&app, &brought)?;
            Ok(brought)
        }
    });
    let made = made.await?;
    let secret = uploads.put(Awaited::Slug(standing, caller, made.id.clone()));
    let blob = Blob::put(format!("{base}/uploads/{secret}"));
    Ok((StatusCode::CREATED, Json(Slug::brought(&made, blob))))
}

/// A name that was never used before.
pub(crate) fn new_id() -> Result<BuildId, ApiError> {
    let id = BuildId::new(&Uuid::new_v4().simple().to_string());
    id.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))
}

/// One slug: one that was brought, or that of a release
#[utoipa::path(get, path = "/apps/{app}/slugs/{slug}", tag = "builds",
    params(("app" = String, Path, description = "Its name or id"),
        ("slug" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = Slug), Errors))]
pub(crate) async fn info(
    Asked { desk, addresses }: Asked,
    Path((app, slug)): Path<(String, String)>,
) -> Result<Json<Slug>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let nowhere = || ApiError::no_such("slug");
        let wanted: Uuid = slug.parse().map_err(|_| nowhere())?;
        let blob = |addresses: &Addresses, slug: &slugline_core::slug::Slug| {
            Blob::get(addresses.blob(app, slug.id.as_str()))
        };
        let mut brought = reading.builds().brought(&app.name)?.into_iter();
        if let Some(found) = brought.find(|one| id(&one.id) == wanted) {
            let blob = match &found.slug {
                Some(slug) => blob(&addresses, slug),
                None => Blob::get(None),
            };
            return Ok(Slug::brought(&found, blob));
        }
        let slug = of_app(reading, app, wanted)?
            .flatten()
            .ok_or_else(nowhere)?;
        Ok(Slug::compiled(&slug, blob(&addresses, &slug)))
    });
    Ok(Json(read.await?))
}

/// Takes the code that was sent for a slug.
pub(crate) async fn bring(
    state: &State,
    (standing, caller): (Standing, Caller),
    id: BuildId,
    (file, digest): (File, String),
) -> Result<(), ApiError> {
    standing.read(|_, _| Ok(())).await?;
    let app = standing.app().name.clone();
    let turn = state.turns.of_app(app.as_str()).await;
    with_engine(
        (Arc::clone(&state.backend), turn),
        caller,
        move |changing| {
            let done = brought(changing, &app, &id, (&file, digest));
            match &done {
                Ok(()) => changing.ended(Some(&app), End::Done, None),
                Err(error) => changing.ended(Some(&app), End::Refused, Some(error.message())),
            }
            done
        },
    )
    .await
}

fn brought(
    changing: &dyn Changing,
    app: &slugline_core::app::AppName,
    id: &BuildId,
    (file, digest): (&File, String),
) -> Result<(), ApiError> {
    let invalid = |text: String| ApiError::new(Kind::InvalidParams, text);
    let mut all = changing.builds().brought(app)?.into_iter();
    let found = all.find(|one| one.id == *id);
    let mut brought = found.ok_or_else(|| ApiError::no_such("slug"))?;
    if brought
        .said
        .checksum
        .as_ref()
        .is_some_and(|said| *said != digest)
    {
        return Err(invalid(format!(
            "This is not what was announced: its checksum is SHA256:{digest}"
        )));
    }
    let slug = changing.bring(file, &brought.said);
    let slug = slug.map_err(|why| invalid(format!("It cannot be a slug: {why}")))?;
    brought.slug = Some(slug);
    brought.said.checksum = Some(digest);
    brought.updated_at = changing.clock().now();
    Ok(changing.builds().put_brought(app, &brought)?)
}
