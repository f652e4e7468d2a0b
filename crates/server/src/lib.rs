//! The HTTP API. It speaks the Platform API that clients of Heroku know, and asks the release engine;
//! what a client may do, an operator at the command line may do as well, by the same rules and in the
//! same words.
//!
//! It must not know what stands behind the engine: no SQL, no plugin, no process but git's own program for
//! a push or a fetch. It sees them through [`backend`], which the program wires. Routes are values that
//! tests call without a socket.

pub mod backend;
pub mod certificate;
pub mod commands;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod secret;
pub mod webhook;

mod address;
mod asking;
mod body;
mod conditional;
mod desk;
mod document;
mod door;
mod error;
mod first;
mod git;
mod had;
mod here;
mod ids;
mod limit;
mod origin;
mod output;
mod pieces;
mod pour;
mod range;
mod rendezvous;
mod request_id;
mod sessions;
mod standing;
mod stream;
mod turns;
mod unread;
mod upload;
mod v2;
mod v3;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router, middleware};

use tower::Service as _;

use crate::backend::Backend;

pub use door::{Door, Open, open};

/// What [`open_api`] says, as it was written down: made from the code it would be several megabytes of memory.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// The API as a service: every route, in every version.
pub fn routes(backend: Arc<dyn Backend>) -> Router {
    let (_, open) = tokio::sync::watch::channel(false);
    routes_until(backend, stream::Closing(open), Arc::default())
}

/// The same; what goes on ends when the door is being closed.
pub(crate) fn routes_until(
    backend: Arc<dyn Backend>,
    closing: stream::Closing,
    rendezvous: Arc<rendezvous::Rendezvous>,
) -> Router {
    let (routes, _) = v3::routes().split_for_parts();
    let described = || {
        let json = (CONTENT_TYPE, "application/json");
        std::future::ready(([json], DOCUMENT))
    };
    let sessions = Arc::new(v3::LogSessions::default());
    let state = desk::State::new(backend);
    let old = v2::routes()
        .layer(DefaultBodyLimit::max(body::MAX))
        .layer(Extension(Arc::clone(&sessions)))
        .layer(Extension(Arc::clone(&rendezvous)))
        .with_state(state.clone());
    let routes = routes
        .route("/openapi.json", get(described))
        .route("/schema", get(described))
        .merge(git::routes())
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_route)
        .layer(DefaultBodyLimit::max(body::MAX))
        .layer(Extension(sessions))
        .layer(Extension(Arc::new(address::Signer::new())))
        .layer(Extension(Arc::new(v3::Uploads::default())))
        .layer(Extension(Arc::new(v3::Sources::default())))
        .layer(Extension(closing))
        .layer(Extension(Arc::new(commands::Places::default())))
        .layer(Extension(rendezvous))
        .with_state(state);
    // What a layer sees before routes are looked up can be asked of another one.
    Router::new()
        .fallback_service(either(old, routes))
        .layer(middleware::from_fn(conditional::layer))
        .layer(middleware::from_fn_with_state(
            Arc::new(limit::Limits::default()),
            limit::layer,
        ))
        .layer(middleware::from_fn(origin::layer))
        .layer(middleware::from_fn(request_id::layer))
}

/// The API of 2012 for those who speak it, where it has a route; else the other one.
fn either(
    old: Router,
    new: Router,
) -> impl tower::Service<Request, Response = Response, Error = Infallible, Future = impl Send> + Clone
{
    let other = new.clone();
    let otherwise = move |request: Request| {
        let mut other = other.clone();
        async move { other.call(request).await }
    };
    let old = old
        .fallback(otherwise.clone())
        .method_not_allowed_fallback(otherwise);
    tower::service_fn(move |request: Request| {
        let mut meant = match v2::is_meant(request.headers()) {
            true => old.clone(),
            false => new.clone(),
        };
        // A router is always ready.
        meant.call(request)
    })
}

/// The OpenAPI document of the API, as JSON.
#[must_use]
pub fn open_api() -> String {
    document::document().to_pretty_json().unwrap_or_default()
}
