//! The pages that the router itself answers with: plain text that says what to do. It must not
//! know why there is no app, beyond what it is told.

use std::fmt::Write as _;

use http_body_util::{Either, Full};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use slugline_core::app::AppName;

use super::Body;
use super::route::Closed;

/// 404: the host names no app that is known here.
pub(super) fn no_app(host: &str, apps: &[AppName], port: u16) -> Response<Body> {
    let mut text = match host {
        "" => "This request names no host.\n".to_owned(),
        host => format!("There is no app at {}.\n", host.escape_debug()),
    };
    match apps {
        [] => text.push_str("No app runs here yet. Create one with: slugline create\n"),
        apps => {
            text.push_str("These apps are here:\n");
            for app in apps {
                // Writing to a string does not fail.
                let _ = writeln!(text, "  http://{app}.localhost:{port}");
            }
        }
    }
    page(StatusCode::NOT_FOUND, text)
}

/// 503: no web process of the app is up.
pub(super) fn not_up(app: &AppName, why: Closed) -> Response<Body> {
    let why = match why {
        Closed::NotRunning => "it is not running",
        Closed::Blank => "no code has been deployed to it yet",
        Closed::NoWeb => "it has no web process",
        Closed::Stopped => "its web process is stopped",
        Closed::Crashed => "its web process has crashed, and will be started again",
        Closed::Booting => "it is still being started",
    };
    let text = format!(
        "{app} cannot answer: {why}.\n\
         Its processes: slugline ps --app {app}\n\
         Its log:       slugline logs --app {app}\n"
    );
    page(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// 502: the web process did not take the request, or did not answer it.
pub(super) fn no_answer(app: &AppName) -> Response<Body> {
    let text = format!(
        "{app} closed the connection without an answer.\n\
         Its log: slugline logs --app {app}\n"
    );
    page(StatusCode::BAD_GATEWAY, text)
}

fn page(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
