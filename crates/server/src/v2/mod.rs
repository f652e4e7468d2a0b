//! The API of 2012, at the same paths as version 3: the client of that year speaks it. What a route does is
//! what the one of version 3 does; only how it is asked and answered differs. It must not know any rule.

mod addons;
mod apps;
mod errors;
pub(crate) mod form;
pub(crate) mod login;
mod processes;
mod releases;
mod settings;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::middleware;
use axum::routing::{delete, get, post, put};

use crate::desk::State;

/// Whether a request is meant for it: it says so, or what it accepts is named and no version among it.
pub(crate) fn is_meant(headers: &HeaderMap) -> bool {
    if let Some(version) = headers.get("x-heroku-api-version") {
        return version == "2";
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|kinds| {
        let old = kinds.contains("application/json") || kinds.contains("application/xml");
        old && !kinds.contains("vnd.heroku+json")
    })
}

/// Its routes. What it has none for is another's to answer.
pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/apps", get(apps::list).post(apps::create))
        .route(
            "/apps/{app}",
            get(apps::info).put(apps::rename).delete(apps::destroy),
        )
        .route("/apps/{app}/status", put(apps::status))
        .route("/apps/{app}/server/maintenance", post(apps::maintenance))
        .merge(of_settings())
        .route("/addons", get(addons::catalogue))
        .route("/apps/{app}/addons", get(addons::list))
        .route(
            "/apps/{app}/addons/{addon}",
            post(addons::add).put(addons::change).delete(addons::remove),
        )
        .route(
            "/apps/{app}/config_vars",
            get(releases::config).put(releases::set),
        )
        .route("/apps/{app}/config_vars/{key}", delete(releases::unset))
        .route(
            "/apps/{app}/releases",
            get(releases::list).post(releases::rollback),
        )
        .route("/apps/{app}/releases/{release}", get(releases::info))
        .route("/apps/{app}/ps", get(processes::list).post(processes::run))
        .route("/apps/{app}/ps/restart", post(processes::restart))
        .route("/apps/{app}/ps/stop", post(processes::stop))
        .route("/apps/{app}/ps/scale", post(processes::scale))
        .route("/apps/{app}/logs", get(processes::logs))
        .route("/apps/{app}/dynos", put(processes::dynos))
        .route("/apps/{app}/workers", put(processes::workers))
        .layer(middleware::from_fn(errors::layer))
}

/// Those of what is set of an app, and of who asks.
fn of_settings() -> Router<State> {
    Router::new()
        .route(login::PATH, post(login::login))
        .route(
            "/apps/{app}/collaborators",
            get(apps::collaborators).post(settings::add_collaborator),
        )
        .route(
            "/apps/{app}/collaborators/{user}",
            delete(settings::remove_collaborator),
        )
        .route(
            "/apps/{app}/domains",
            get(apps::domains)
                .post(settings::add_domain)
                .delete(settings::remove_domains),
        )
        .route(
            "/apps/{app}/domains/{domain}",
            delete(settings::remove_domain),
        )
        .route(
            "/apps/{app}/logs/drains",
            get(settings::drains)
                .post(settings::add_drain)
                .delete(settings::remove_drain),
        )
        .route(
            "/apps/{app}/stack",
            get(settings::stack).put(settings::set_stack),
        )
        .route(
            "/user/{user}/confirm_billing",
            post(settings::confirm_billing),
        )
        .route(
            "/user/keys",
            get(apps::keys)
                .post(settings::add_key)
                .delete(settings::remove_keys),
        )
        .route("/user/keys/{key}", delete(settings::remove_key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn it_is_told_from_version_3() {
        let check = |name: &'static str, value: &'static str, expected: bool| {
            let name = HeaderName::from_static(name);
            let headers = [(name, HeaderValue::from_static(value))];
            let headers = headers.into_iter().collect();
            assert_eq!(is_meant(&headers), expected, "{value}");
        };
        check("x-heroku-api-version", "2", true);
        check("x-heroku-api-version", "3", false);
        check("accept", "*/*; q=0.5, application/xml", true);
        check("accept", "application/json", true);
        check("accept", "*/*", false);
        check("accept", "application/vnd.heroku+json; version=3", false);
        assert!(!is_meant(&HeaderMap::new()));
    }
}
