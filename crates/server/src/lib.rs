//! The HTTP API. It speaks the Platform API that clients of Heroku know, and asks the release engine;
//! what a client may do, an operator at the command line may do as well, by the same rules and in the
//! same words.
//!
//! It must not know what stands behind the engine: no SQL, no plugin, no process. It sees them through
//! [`backend`], which the program wires. Routes are values that tests call without a socket.

pub mod backend;
pub mod secret;

mod body;
mod conditional;
mod desk;
mod door;
mod error;
mod had;
mod ids;
mod limit;
mod range;
mod request_id;
mod v3;
mod wire;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Router, middleware};

use crate::backend::Backend;

pub use door::{Door, Open, open};

/// The API as a service: every route, in every version.
pub fn routes(backend: Arc<dyn Backend>) -> Router {
    let (routes, document) = v3::routes().split_for_parts();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let described = move || {
        let json = (CONTENT_TYPE, "application/json");
        std::future::ready(([json], document.to_string()))
    };
    let routes = routes
        .route("/openapi.json", get(described.clone()))
        .route("/schema", get(described))
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_route)
        .layer(DefaultBodyLimit::max(body::MAX))
        .with_state(desk::State(backend));
    // What a layer sees before routes are looked up can be asked of another one.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn(conditional::layer))
        .layer(middleware::from_fn_with_state(
            Arc::new(limit::Limits::default()),
            limit::layer,
        ))
        .layer(middleware::from_fn(request_id::layer))
}

/// The OpenAPI document of the API, as JSON.
#[must_use]
pub fn open_api() -> String {
    let (_, document) = v3::routes().split_for_parts();
    document.to_pretty_json().unwrap_or_default()
}
