//! The routes of version 3 of the API, one file a kind of thing. It must not know how the engine does
//! what they ask.

mod account;
mod apps;
mod config_vars;
mod releases;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::desk::State;

#[derive(OpenApi)]
#[openapi(info(
    title = "Slugline",
    description = "Release management on a machine of your own: what clients of Heroku's Platform API speak.",
    license(name = "MIT OR Apache-2.0")
))]
struct Document;

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(account::info))
        .routes(routes!(apps::list, apps::create))
        .routes(routes!(apps::info, apps::change, apps::destroy))
        .routes(routes!(config_vars::list, config_vars::change))
        .routes(routes!(config_vars::of_release))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::info))
}
