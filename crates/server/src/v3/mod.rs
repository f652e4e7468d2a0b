//! The routes of version 3 of the API, one file a kind of thing. It must not know how the engine does
//! what they ask.

mod account;
mod addon_actions;
mod addon_attachments;
mod addon_services;
pub(crate) mod addons;
pub(crate) mod apps;
mod authorizations;
mod buildpacks;
mod builds;
mod code;
pub(crate) mod collaborators;
pub(crate) mod config_vars;
pub(crate) mod domains;
pub(crate) mod dynos;
mod features;
pub(crate) mod formation;
pub(crate) mod log_drains;
pub(crate) mod log_sessions;
pub(crate) mod one_offs;
pub(crate) mod releases;
mod slugs;
mod sources;
pub(crate) mod surroundings;
mod webhooks;

use slugline_core::corridor::Failure;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::backend::Changing;
use crate::desk::State;
use crate::error::ApiError;

pub(crate) use apps::{described, visible};
pub(crate) use code::Uploads;
pub(crate) use domains::own as own_host;
pub(crate) use formation::command_of;
pub(crate) use log_sessions::LogSessions;
pub(crate) use sources::Kept as Sources;

#[derive(OpenApi)]
#[openapi(info(
    title = "Slugline",
    description = "Release management on a machine of your own: what clients of Heroku's Platform API speak. \
        Ask with `Accept: application/vnd.heroku+json; version=3`: who accepts `application/json` alone gets \
        the answers of 2012, which are not described here.",
    license(name = "MIT OR Apache-2.0")
))]
struct Document;

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(account::info))
        .routes(routes!(account::rate_limits))
        .routes(routes!(authorizations::list, authorizations::create))
        .routes(routes!(authorizations::info, authorizations::revoke))
        .routes(routes!(authorizations::sessions))
        .routes(routes!(authorizations::end_session))
        .routes(routes!(apps::list, apps::create))
        .routes(routes!(apps::info, apps::change, apps::destroy))
        .routes(routes!(config_vars::list, config_vars::change))
        .routes(routes!(config_vars::of_release))
        .routes(routes!(apps::of_account))
        .routes(routes!(collaborators::list, collaborators::create))
        .routes(routes!(collaborators::change, collaborators::remove))
        .routes(routes!(domains::list, domains::create))
        .routes(routes!(domains::info, domains::remove))
        .routes(routes!(dynos::list, dynos::restart_all, one_offs::create))
        .routes(routes!(dynos::info, dynos::restart))
        .routes(routes!(dynos::restart_type))
        .routes(routes!(dynos::stop))
        .routes(routes!(dynos::stop_type))
        .routes(routes!(features::list))
        .routes(routes!(features::info, features::change))
        .routes(routes!(formation::list, formation::change))
        .routes(routes!(formation::info, formation::change_one))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::info))
        .routes(routes!(crate::output::stream))
        .merge(of_code())
        .merge(of_addons())
        .routes(routes!(log_sessions::create))
        .routes(routes!(log_sessions::stream))
        .routes(routes!(log_drains::list, log_drains::create))
        .routes(routes!(log_drains::info, log_drains::remove))
        .routes(routes!(buildpacks::list, buildpacks::set))
        .merge(of_webhooks())
        .merge(of_surroundings())
        .routes(routes!(crate::commands::route::create))
}

/// Those of what there is one of, or none.
fn of_surroundings() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(surroundings::stacks))
        .routes(routes!(surroundings::stack))
        .routes(routes!(surroundings::regions))
        .routes(routes!(surroundings::region))
        .routes(routes!(surroundings::sni_endpoints))
        .routes(routes!(surroundings::pipelines))
        .routes(routes!(surroundings::pipeline_coupling))
        .routes(routes!(surroundings::teams))
        .routes(routes!(surroundings::spaces))
        .routes(routes!(surroundings::account_features))
        .routes(routes!(surroundings::keys, surroundings::add_key))
}

/// Those of slugs, sources and builds.
fn of_code() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(slugs::create))
        .routes(routes!(slugs::info))
        .routes(routes!(sources::create))
        .routes(routes!(sources::create_of_app))
        .routes(routes!(sources::info))
        .routes(routes!(builds::list, builds::create))
        .routes(routes!(builds::info, builds::cancel))
        .routes(routes!(builds::result))
        .routes(routes!(code::take))
        .routes(routes!(code::hand_out))
}

/// Those of add-ons.
/// The end of a change: where all was so already, nothing is on record, and the answer is the same.
fn settled<T>(changing: &dyn Changing, done: Result<T, Failure>) -> Result<(), ApiError> {
    match done {
        Ok(_) => {}
        Err(Failure::Nothing(_)) => changing.changed_nothing(),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn of_addons() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(addon_services::list))
        .routes(routes!(addon_services::info))
        .routes(routes!(addon_services::plans))
        .routes(routes!(addon_services::plan_of_service))
        .routes(routes!(addon_services::plan))
        .routes(routes!(addons::list_all))
        .routes(routes!(addons::info_of_any, addons::change_any))
        .routes(routes!(addons::config, addon_actions::configure))
        .routes(routes!(addon_actions::provision))
        .routes(routes!(addon_actions::deprovision))
        .routes(routes!(addons::list, addons::create))
        .routes(routes!(addons::info, addons::change, addons::remove))
        .routes(routes!(addons::resolve))
        .routes(routes!(
            addon_attachments::list_all,
            addon_attachments::create
        ))
        .routes(routes!(
            addon_attachments::info_of_any,
            addon_attachments::remove
        ))
        .routes(routes!(addon_attachments::list))
        .routes(routes!(addon_attachments::info))
        .routes(routes!(addon_attachments::of_addon))
        .routes(routes!(addon_attachments::resolve))
}

/// Those of webhooks.
fn of_webhooks() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::info, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::delivery))
        .routes(routes!(webhooks::events))
        .routes(routes!(webhooks::event))
}
