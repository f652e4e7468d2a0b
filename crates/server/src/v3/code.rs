//! What the routes of slugs, sources and builds share: where code is sent and fetched, what is said of it, and
//! who may take which slug. It must not know what becomes of code.

use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use slugline_core::access::{Permission, Token, TokenId};
use slugline_core::actor::Actor;
use slugline_core::app::App;
use slugline_core::build::{BuildId, Said};
use slugline_core::slug::{Slug, SlugId};
use uuid::Uuid;

use super::{slugs, sources};
use crate::address::Signer;
use crate::backend::{Caller, Reading};
use crate::desk::{State, admitted};
use crate::error::{ApiError, Kind};
use crate::pour::pour;
use crate::sessions::{KEPT, Sessions};
use crate::standing::Standing;
use crate::upload::{Limits, receive};
use crate::wire::build::{id, slug_id};
use crate::wire::error::Errors;

/// What is said of code has so many characters at most.
const LONGEST: usize = 1000;

/// What is waited for at an address.
pub(crate) enum Awaited {
    /// The code of a slug, from somebody who may deploy.
    Slug(Standing, Caller, BuildId),
    /// Source, which its owner finds under this secret then.
    Source(Actor, String),
}

/// What is waited for, by its secret.
pub(crate) type Uploads = Sessions<Awaited>;

/// Takes the code of a slug or of a source, once, at an address that was told
///
/// A tarball, of 1 GiB at most, compressed or not; that of a slug holds the app in `./app`. The address is good
/// for five minutes.
#[utoipa::path(put, path = "/uploads/{secret}", tag = "builds",
    params(("secret" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "It has come"), Errors), security(()))]
pub(crate) async fn take(
    Extracted(state): Extracted<State>,
    Path(secret): Path<String>,
    Extension(uploads): Extension<Arc<Uploads>>,
    Extension(kept): Extension<Arc<sources::Kept>>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let awaited = uploads.take(&secret);
    let awaited = awaited.ok_or_else(|| ApiError::no_such("upload"))?;
    if let Awaited::Slug(standing, ..) = &awaited {
        standing.read(|_, _| Ok(())).await?;
    }
    let (mut file, digest) = receive(body, state.backend.unnamed()?, Limits::CODE).await?;
    let begun = file.seek(SeekFrom::Start(0));
    begun.map_err(|error| ApiError::new(Kind::Unavailable, error.to_string()))?;
    match awaited {
        Awaited::Slug(standing, caller, id) => {
            slugs::bring(&state, (standing, caller), id, (file, digest)).await?;
        }
        Awaited::Source(owner, secret) => {
            kept.put_large(
                secret,
                Arc::new(sources::Come {
                    owner,
                    file,
                    digest,
                }),
            );
            tokio::spawn(async move {
                tokio::time::sleep(KEPT).await;
                kept.tidy();
            });
        }
    }
    Ok(StatusCode::OK)
}

/// The code of a slug: a tarball that holds the app in `./app`, compressed with gzip
///
/// Its address is told with the slug. It is good for as long as the token that it was told to, and until
/// `slugline serve` is started again.
#[utoipa::path(get, path = "/blobs/{app}/{slug}/{token}/{signature}", tag = "builds",
    params(("app" = String, Path), ("slug" = String, Path), ("token" = String, Path),
        ("signature" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/gzip"), Errors), security(()))]
pub(crate) async fn hand_out(
    Extracted(state): Extracted<State>,
    Path((app, slug, token, signature)): Path<(String, String, String, String)>,
    Extension(signer): Extension<Arc<Signer>>,
) -> Result<Response, ApiError> {
    let nowhere = || ApiError::no_such("slug");
    let token = TokenId::new(&token).map_err(|_| nowhere())?;
    let digest = SlugId::new(&slug).map_err(|_| nowhere())?;
    let backend = Arc::clone(&state.backend);
    let standing = Standing::of_token(state.backend, token.clone(), (app, Permission::Read));
    let standing = standing.await.map_err(|_| nowhere())?;
    if !signer.knows(standing.app(), &slug, &token, &signature) {
        return Err(nowhere());
    }
    let body = pour(move |out| {
        let mut done = Err(std::io::Error::other("the store cannot be opened"));
        backend.read(&mut |opened| {
            if let Ok(reading) = opened {
                let written = reading.slug_tarball(&digest, out);
                done = written.map_err(|error| std::io::Error::other(error.to_string()));
            }
        });
        done
    })?;
    let kind = (CONTENT_TYPE, "application/gzip");
    Ok(([kind, (CACHE_CONTROL, "no-store")], body).into_response())
}

/// What is said of code, if it can be that.
pub(crate) fn checked(said: Said) -> Result<Said, ApiError> {
    let invalid = |text: &str| ApiError::new(Kind::InvalidParams, text);
    for text in [&said.version, &said.description, &said.buildpack]
        .into_iter()
        .flatten()
    {
        if text.chars().count() > LONGEST {
            let text = format!("What is said of code has {LONGEST} characters at most.");
            return Err(invalid(&text));
        }
    }
    let checksum = match said.checksum.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let (kind, hex) = text.split_once(':').unwrap_or_default();
            let good = kind.eq_ignore_ascii_case("SHA256")
                && hex.len() == 64
                && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let text = "A checksum is written as SHA256: and 64 hexadecimal digits.";
            Some(
                good.then(|| hex.to_ascii_lowercase())
                    .ok_or_else(|| invalid(text))?,
            )
        }
    };
    Ok(Said { checksum, ..said })
}

/// The slug that an id names: of this app, or of another one that the token may see.
pub(crate) fn slug_of(
    reading: &dyn Reading,
    token: &Token,
    app: &App,
    wanted: Uuid,
) -> Result<Slug, ApiError> {
    if let Some(found) = of_app(reading, app, wanted)? {
        return found.ok_or_else(|| {
            let text = "The code of this slug has not come yet.";
            ApiError::new(Kind::InvalidParams, text)
        });
    }
    let mut elsewhere = false;
    for other in reading.ledger().apps()? {
        if other.name != app.name
            && let Some(Some(slug)) = of_app(reading, &other, wanted)?
        {
            elsewhere = true;
            if admitted(reading, token, other.name.as_str(), Permission::Read).is_ok() {
                return Ok(slug);
            }
        }
    }
    match elsewhere {
        true => {
            let text = "This slug is of an app that you have no access to.";
            Err(ApiError::new(Kind::Forbidden, text))
        }
        false => Err(ApiError::no_such("slug")),
    }
}

/// The slug of an app that an id names; `Some(None)` where its code has not come.
pub(crate) fn of_app(
    reading: &dyn Reading,
    app: &App,
    wanted: Uuid,
) -> Result<Option<Option<Slug>>, ApiError> {
    let mut brought = reading.builds().brought(&app.name)?.into_iter();
    if let Some(found) = brought.find(|one| id(&one.id) == wanted) {
        return Ok(Some(found.slug));
    }
    let mut before = None;
    loop {
        let part = reading.ledger().history(&app.name, before, 200)?;
        let Some(last) = part.last() else {
            return Ok(None);
        };
        before = Some(last.version);
        let mut slugs = part.into_iter().filter_map(|release| release.slug);
        if let Some(slug) = slugs.find(|slug| slug_id(&slug.id) == wanted) {
            return Ok(Some(Some(slug)));
        }
    }
}
