//! Git over HTTP: `/APP.git`, for whoever may fetch from or push to an app's repository. Git's own program
//! speaks the protocol, and the hook of the repository deploys. It must not know what a push does.

mod cgi;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract};
use slugline_core::access::Permission;
use tokio::sync::Semaphore;

use crate::desk::{Desk, State};
use crate::error::{self, ApiError, Kind};

/// So many fetches and pushes at once; others wait.
const AT_ONCE: usize = 32;

/// What git asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::UploadPack, Self::ReceivePack];
        all.into_iter().find(|one| one.name() == name)
    }

    fn permission(self) -> Permission {
        match self {
            // Code is no config var.
            Self::UploadPack => Permission::Read,
            Self::ReceivePack => Permission::Deploy,
        }
    }
}

/// The routes of every repository.
pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/{repository}/info/refs", get(refs))
        .route("/{repository}/git-upload-pack", post(fetch))
        .route("/{repository}/git-receive-pack", post(push))
        .layer(Extension(Arc::new(Semaphore::new(AT_ONCE))))
}

/// What a client of git shows of an error: its text.
struct Told(ApiError);

impl From<ApiError> for Told {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let text = format!("{}\n", self.0.message());
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        headers.remove(axum::http::header::CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        *response.body_mut() = Body::from(text);
        response
    }
}

async fn refs(
    extract::State(state): extract::State<State>,
    Extension(gate): Extension<Arc<Semaphore>>,
    Path(repository): Path<String>,
    desk: Result<Desk, ApiError>,
    request: Request,
) -> Response {
    let Some(app) = repository.strip_suffix(".git") else {
        return elsewhere(request).await;
    };
    let service = request.uri().query().unwrap_or_default();
    let service = service.strip_prefix("service=").and_then(Service::named);
    let Some(service) = service else {
        let text =
            "Only git's smart protocol is spoken here: it is what git 1.6.6 and later speak.";
        return Told(ApiError::new(Kind::Forbidden, text)).into_response();
    };
    let answered = answer(
        state,
        gate,
        (desk, app.to_owned(), service, "info/refs"),
        request,
    );
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

async fn fetch(
    state: extract::State<State>,
    gate: Extension<Arc<Semaphore>>,
    path: Path<String>,
    desk: Result<Desk, ApiError>,
    request: Request,
) -> Response {
    pack(
        Service::UploadPack,
        (state.0, gate.0),
        (path.0, desk),
        request,
    )
    .await
}

async fn push(
    state: extract::State<State>,
    gate: Extension<Arc<Semaphore>>,
    path: Path<String>,
    desk: Result<Desk, ApiError>,
    request: Request,
) -> Response {
    pack(
        Service::ReceivePack,
        (state.0, gate.0),
        (path.0, desk),
        request,
    )
    .await
}

async fn pack(
    service: Service,
    (state, gate): (State, Arc<Semaphore>),
    (repository, desk): (String, Result<Desk, ApiError>),
    request: Request,
) -> Response {
    let Some(app) = repository.strip_suffix(".git") else {
        return elsewhere(request).await;
    };
    let answered = answer(
        state,
        gate,
        (desk, app.to_owned(), service, service.name()),
        request,
    );
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

/// Answers a path that only looks like one of a repository.
async fn elsewhere(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    error::no_such_route(parts.method, parts.uri)
        .await
        .into_response()
}

async fn answer(
    state: State,
    gate: Arc<Semaphore>,
    (desk, app, service, path): (Result<Desk, ApiError>, String, Service, &str),
    request: Request,
) -> Result<Response, Told> {
    let (app, caller) = desk?.pass((app, service.permission())).await?;
    let busy = |_| ApiError::new(Kind::Unavailable, "The server is about to end.");
    let place = gate.acquire_owned().await.map_err(busy)?;
    let pushes = service == Service::ReceivePack;
    let named = app.name.clone();
    let program = tokio::task::spawn_blocking(move || state.backend.git(&named, &caller, pushes));
    let program = program
        .await
        .map_err(|_| ApiError::new(Kind::Internal, "git could not be asked."))?
        .map_err(ApiError::from)?;
    let asked = cgi::Asked {
        path: format!("/{}.git/{path}", app.name),
        // What was sent whole is done, whether or not somebody waits for the answer.
        goes_on: pushes,
        request,
    };
    Ok(cgi::run(program, asked, place).await?)
}
