//! `/sources`: where source is sent that is to be built. It must not know what is built of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use slugline_core::access::Permission;
use slugline_core::actor::Actor;

use super::code::{Awaited, Uploads};
use crate::desk::{Desk, narrow};
use crate::error::ApiError;
use crate::here;
use crate::pour::pour;
use crate::sessions::{Sessions, secret};
use crate::wire::build::{Source, SourceBlob};
use crate::wire::error::Errors;

/// Source that has come.
pub(crate) struct Come {
    /// Who may build it.
    pub(crate) owner: Actor,
    /// It has no name: it is gone when nobody needs it.
    pub(crate) file: File,
    /// Its SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
}

/// The sources that have come, by their secrets: the newest 32.
pub(crate) type Kept = Sessions<Arc<Come>>;

/// What the path of a source begins with.
pub(crate) const PATH: &str = "/sources/";

/// Makes two addresses: one that source is sent to, and one that a build finds it at
///
/// Who sends source has five minutes to begin with it. It is kept for five minutes after it came and after it was
/// used last.
#[utoipa::path(post, path = "/sources", tag = "builds",
    responses((status = 201, body = Source), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Extension(uploads): Extension<Arc<Uploads>>,
    (uri, headers): (Uri, HeaderMap),
) -> Result<(StatusCode, Json<Source>), ApiError> {
    let token = desk.token();
    match token.permits_beyond_apps(Permission::Deploy) {
        true => told(token.user.clone(), &uploads, (&uri, &headers)),
        false => Err(narrow(token)),
    }
}

/// The same, for an app: the source can be built for others too
#[utoipa::path(post, path = "/apps/{app}/sources", tag = "builds",
    params(("app" = String, Path, description = "Its name or id")),
    responses((status = 201, body = Source), Errors))]
pub(crate) async fn create_of_app(
    desk: Desk,
    Path(app): Path<String>,
    Extension(uploads): Extension<Arc<Uploads>>,
    (uri, headers): (Uri, HeaderMap),
) -> Result<(StatusCode, Json<Source>), ApiError> {
    let owner = desk.token().user.clone();
    let _ = desk.pass((app, Permission::Deploy)).await?;
    told(owner, &uploads, (&uri, &headers))
}

fn told(
    owner: Actor,
    uploads: &Uploads,
    (uri, headers): (&Uri, &HeaderMap),
) -> Result<(StatusCode, Json<Source>), ApiError> {
    let base = here::base(headers, uri)?;
    let kept = secret();
    let sent = uploads.put(Awaited::Source(owner, kept.clone()));
    let source_blob = SourceBlob {
        get_url: format!("{base}{PATH}{kept}"),
        put_url: format!("{base}/uploads/{sent}"),
    };
    Ok((StatusCode::CREATED, Json(Source { source_blob })))
}

/// Source that has come, as it came
#[utoipa::path(get, path = "/sources/{secret}", tag = "builds",
    params(("secret" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Errors),
    security(()))]
pub(crate) async fn info(
    Path(secret): Path<String>,
    Extension(kept): Extension<Arc<Kept>>,
) -> Result<Response, ApiError> {
    let come = kept.renew(&secret);
    let come = come.ok_or_else(|| ApiError::no_such("source"))?;
    let body = pour(move |out| {
        let (mut at, mut buffer) = (0, vec![0; 64 * 1024]);
        loop {
            let read = come.file.read_at(&mut buffer, at)?;
            if read == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..read])?;
            at += read as u64;
        }
    })?;
    let kind = (CONTENT_TYPE, "application/octet-stream");
    Ok(([kind, (CACHE_CONTROL, "no-store")], body).into_response())
}
