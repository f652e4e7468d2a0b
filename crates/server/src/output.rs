//! What a release command writes, while it runs and afterwards, at an address that needs no token. It must
//! not know who writes.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Extracted};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use slugline_core::access::{Permission, TokenId};
use slugline_core::build::BuildId;
use slugline_core::port::Kept;
use slugline_core::release::{Status, Version};
use tokio::sync::mpsc;

use crate::address::Signer;
use crate::backend::{Output, Reading};
use crate::desk::State;
use crate::error::ApiError;
use crate::pieces::Pieces;
use crate::standing::Standing;
use crate::stream::Closing;
use crate::wire::error::Errors;

/// The shortest and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// What the release command of a release writes, or a build: what it has written, and what it writes from then on
///
/// Its address is told with the release or the build. It is good for as long as the token that it was told to, and until
/// `slugline serve` is started again.
#[utoipa::path(get, path = "/outputs/{app}/{what}/{token}/{signature}", tag = "releases",
    params(("app" = String, Path), ("what" = String, Path, example = "v40"), ("token" = String, Path),
        ("signature" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain; charset=utf-8"), Errors),
    security(()))]
pub(crate) async fn stream(
    Extracted(state): Extracted<State>,
    Path((app, what, token, signature)): Path<(String, String, String, String)>,
    Extension(signer): Extension<Arc<Signer>>,
    Extension(mut closing): Extension<Closing>,
) -> Result<Response, ApiError> {
    let nowhere = || ApiError::no_such("output");
    let token = TokenId::new(&token).map_err(|_| nowhere())?;
    let standing = Standing::of_token(state.backend, token.clone(), (app, Permission::Read));
    let standing = standing.await.map_err(|_| nowhere())?;
    if !signer.knows(standing.app(), &what, &token, &signature) {
        return Err(nowhere());
    }
    let mut watched = Watched::new(&what).ok_or_else(nowhere)?;
    let first = watched.look(&standing).await?.ok_or_else(nowhere)?;
    let (sender, parts) = mpsc::channel(1);
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = follow(watched, first, &standing, &sender) => {}
            () = closing.wait() => {}
            () = gone.closed() => {}
        }
    });
    let kind = (CONTENT_TYPE, "text/plain; charset=utf-8");
    let body = Body::new(Pieces(parts));
    Ok(([kind, (CACHE_CONTROL, "no-store")], body).into_response())
}

async fn follow(
    mut watched: Watched,
    first: Looked,
    standing: &Standing,
    sender: &mpsc::Sender<Bytes>,
) {
    let (mut looked, mut pause) = (first, PAUSES.0);
    loop {
        if !looked.text.is_empty() {
            pause = PAUSES.0;
            if sender.send(looked.text.into()).await.is_err() {
                return;
            }
        }
        if !looked.more {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        looked = match watched.look(standing).await {
            Ok(Some(looked)) => looked,
            // It wrote nothing, or whoever reads may no more.
            Ok(None) | Err(_) => return,
        };
    }
}

/// What was found at one look.
struct Looked {
    text: String,
    more: bool,
}

/// Whose output it is.
#[derive(Clone)]
enum Of {
    Release(Version),
    Build(BuildId),
}

/// What is read, and how far it was.
struct Watched {
    of: Of,
    along: Option<Box<dyn Output>>,
}

impl Watched {
    fn new(what: &str) -> Option<Self> {
        let of = match what.strip_prefix("build-") {
            Some(id) => Of::Build(BuildId::new(id).ok()?),
            None => Of::Release(what.parse().ok()?),
        };
        Some(Self { of, along: None })
    }

    /// What there is by now; `None` where nothing was written, nor will be.
    async fn look(&mut self, standing: &Standing) -> Result<Option<Looked>, ApiError> {
        let (of, mut along) = (self.of.clone(), self.along.take());
        let (along, looked) = standing
            .read(move |reading, app| {
                if along.is_none() {
                    along = match &of {
                        Of::Release(version) => reading.release_output(&app.name, *version),
                        Of::Build(id) => reading.build_output(id),
                    };
                }
                let looked = match &mut along {
                    Some(along) => {
                        let mut text = String::new();
                        let more = along.read(&mut text);
                        Some(Looked { text, more })
                    }
                    None => match &of {
                        Of::Release(version) => kept(reading, &app.name, *version)?,
                        Of::Build(id) => reading
                            .builds()
                            .build_output(&app.name, id)?
                            .map(|text| Looked { text, more: false }),
                    },
                };
                Ok((along, looked))
            })
            .await?;
        self.along = along;
        Ok(looked)
    }
}

/// What is kept of a release that has ended; nothing yet of one that has not.
fn kept(
    reading: &dyn Reading,
    app: &slugline_core::app::AppName,
    version: Version,
) -> Result<Option<Looked>, ApiError> {
    let release = reading.ledger().release(app, version)?;
    let is_pending = release.is_some_and(|release| release.status == Status::Pending);
    if is_pending {
        return Ok(Some(Looked {
            text: String::new(),
            more: true,
        }));
    }
    let kept = reading.ledger().kept(app, version, Kept::Output)?;
    Ok(kept.map(|text| Looked { text, more: false }))
}
