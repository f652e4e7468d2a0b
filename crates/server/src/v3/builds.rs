//! `/apps/{app}/builds`: source that becomes a release. It must not know how it is built.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::build::{Build as Kept, BuildId, BuildStatus, Said};

use super::code::checked;
use super::slugs::new_id;
use super::sources;
use crate::address::{Addresses, Asked};
use crate::backend::{Reading, Source};
use crate::body;
use crate::error::{ApiError, Kind};
use crate::range::{Part, Range};
use crate::wire::build::{Build, BuildLine, BuildOfResult, BuildResult, NewBuild, id};
use crate::wire::error::Errors;

/// How long is waited for the end of a build that is cancelled, and how often it is looked at.
const PATIENCE: (u32, Duration) = (60, Duration::from_millis(50));

/// Builds source, and releases what it makes, as `slugline deploy` does; it is answered at once, as `pending`
///
/// The source is a tarball: one that was sent to a source's `put_url`, or one that is fetched by `https` or
/// `http` from an address of the public network.
#[utoipa::path(post, path = "/apps/{app}/builds", tag = "builds",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewBuild,
    responses((status = 201, body = Build), Errors))]
pub(crate) async fn create(
    Asked { desk, addresses }: Asked,
    Path(app): Path<String>,
    Extension(sources): Extension<Arc<sources::Kept>>,
    body::Json(new): body::Json<NewBuild>,
) -> Result<(StatusCode, Json<Build>), ApiError> {
    let blob = new.source_blob;
    let said = checked(Said {
        version: blob.version,
        description: blob.version_description,
        checksum: blob.checksum,
        ..Said::default()
    })?;
    if new.buildpacks.is_some_and(|all| !all.is_empty()) {
        let text =
            "Each build finds its buildpack by what is in the source: none can be asked for.";
        return Err(ApiError::new(Kind::InvalidParams, text));
    }
    let backend = Arc::clone(&desk.backend);
    let (app, caller) = desk.pass((app, Permission::Deploy)).await?;
    let source = match here(&sources, &blob.url) {
        Some(come) if come.owner == caller.actor => {
            let file = come.file.try_clone();
            let file = file.map_err(|error| ApiError::new(Kind::Unavailable, error.to_string()))?;
            Source::Here(file, come.digest.clone())
        }
        Some(_) => return Err(ApiError::no_such("source")),
        None => {
            let acceptable = backend.acceptable_source(&blob.url);
            acceptable.map_err(|why| ApiError::new(Kind::InvalidParams, why))?;
            Source::At(blob.url)
        }
    };
    let (of, actor) = (app.clone(), caller.actor.clone());
    let begun = tokio::task::spawn_blocking(move || {
        let mut now = None;
        backend.read(&mut |reading| {
            now = reading.ok().map(|reading| reading.clock().now());
        });
        let now =
            now.ok_or_else(|| ApiError::new(Kind::Unavailable, "The ledger does not answer."))?;
        let build = Kept {
            id: new_id()?,
            created_at: now,
            updated_at: now,
            actor,
            said,
            status: BuildStatus::Pending,
            release: None,
            slug: None,
        };
        backend.begin_build(caller, of.name, (build.clone(), source))?;
        Ok::<_, ApiError>(build)
    });
    let begun = begun
        .await
        .map_err(|_| ApiError::new(Kind::Internal, "It was given up."))??;
    Ok((StatusCode::CREATED, Json(told(&app, &begun, &addresses))))
}

/// The source that has come here, if it is one, whatever the client calls us.
fn here(sources: &sources::Kept, url: &str) -> Option<Arc<sources::Come>> {
    let (_, secret) = url.rsplit_once(sources::PATH)?;
    sources.renew(secret)
}

fn told(app: &App, build: &Kept, addresses: &Addresses) -> Build {
    let output = addresses.output(app, &format!("build-{}", build.id));
    Build::new(app, build, output)
}

/// The builds of an app: the newest 50, oldest first unless asked otherwise
#[utoipa::path(get, path = "/apps/{app}/builds", tag = "builds",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "created_at ..; max=15, order=desc")),
    responses((status = 200, body = Vec<Build>),
        (status = 206, body = Vec<Build>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    Asked { desk, addresses }: Asked,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Build>, ApiError> {
    desk.of_app((app, Permission::Read), move |reading, app| {
        let all = reading.builds().builds(&app.name)?;
        let key = |build: &Kept, field: &str| match field {
            "id" => id(&build.id).to_string(),
            _ => format!("{:015}-{}", build.created_at.0, build.id),
        };
        let part = range.of(FIELDS, all, key)?;
        part.turned(|all| {
            Ok(all
                .iter()
                .map(|build| told(app, build, &addresses))
                .collect())
        })
    })
    .await
}

/// What the list is sorted by.
const FIELDS: &[&str] = &["created_at", "id"];

/// One build
#[utoipa::path(get, path = "/apps/{app}/builds/{build}", tag = "builds",
    params(("app" = String, Path, description = "Its name or id"),
        ("build" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = Build), Errors))]
pub(crate) async fn info(
    Asked { desk, addresses }: Asked,
    Path((app, build)): Path<(String, String)>,
) -> Result<Json<Build>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        Ok(told(app, &found(reading, app, &build)?, &addresses))
    });
    Ok(Json(read.await?))
}

fn found(reading: &dyn Reading, app: &App, named: &str) -> Result<Kept, ApiError> {
    let nowhere = || ApiError::no_such("build");
    let wanted = BuildId::new(named).map_err(|_| nowhere())?;
    let mut all = reading.builds().builds(&app.name)?.into_iter();
    all.find(|build| build.id == wanted).ok_or_else(nowhere)
}

/// What a build has written
#[utoipa::path(get, path = "/apps/{app}/builds/{build}/result", tag = "builds",
    params(("app" = String, Path, description = "Its name or id"),
        ("build" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = BuildResult), Errors))]
pub(crate) async fn result(
    Asked { desk, addresses }: Asked,
    Path((app, build)): Path<(String, String)>,
) -> Result<Json<BuildResult>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        let build = found(reading, app, &build)?;
        let mut text = String::new();
        match reading.build_output(&build.id) {
            Some(mut along) => {
                along.read(&mut text);
            }
            None => {
                let kept = reading.builds().build_output(&app.name, &build.id)?;
                text.extend(kept);
            }
        }
        let line = |line: &str| BuildLine {
            line: format!("{line}\n"),
            stream: "STDOUT",
        };
        Ok(BuildResult {
            build: BuildOfResult {
                id: id(&build.id),
                status: build.status.word(),
                output_stream_url: addresses.output(app, &format!("build-{}", build.id)),
            },
            exit_code: match build.status {
                BuildStatus::Pending => None,
                BuildStatus::Succeeded => Some(0),
                BuildStatus::Failed => Some(1),
            },
            lines: text.lines().map(line).collect(),
        })
    });
    Ok(Json(read.await?))
}

/// Ends a build, unless it has ended or is being released already
#[utoipa::path(delete, path = "/apps/{app}/builds/{build}", tag = "builds",
    params(("app" = String, Path, description = "Its name or id"),
        ("build" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = Build), Errors))]
pub(crate) async fn cancel(
    Asked { desk, addresses }: Asked,
    Path((app, build)): Path<(String, String)>,
) -> Result<Json<Build>, ApiError> {
    let backend = Arc::clone(&desk.backend);
    let standing = desk.standing((app, Permission::Deploy)).await?;
    let look = |named: String| standing.read(move |reading, app| found(reading, app, &named));
    let mut kept = look(build.clone()).await?;
    if kept.status == BuildStatus::Pending && !backend.cancel_build(&kept.id) {
        // It may have ended just now.
        kept = look(build.clone()).await?;
        if kept.status == BuildStatus::Pending {
            let text = "It is being released already. Roll back instead.";
            return Err(ApiError::new(Kind::InvalidParams, text));
        }
    }
    for _ in 0..PATIENCE.0 {
        if kept.status != BuildStatus::Pending {
            break;
        }
        tokio::time::sleep(PATIENCE.1).await;
        kept = look(build.clone()).await?;
    }
    Ok(Json(told(standing.app(), &kept, &addresses)))
}
