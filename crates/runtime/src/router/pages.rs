//! The pages that the router itself answers with: what happened, its code, and what to do. Plain
//! text, and HTML for those that ask for it. It must not know what led to a failure.

use std::fmt::Write as _;

use http_body_util::{Either, Full};
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use slugline_core::app::AppName;

use super::Body;
use super::failure::Failure;

/// Holds the code of a failure.
const ERROR: HeaderName = HeaderName::from_static("slugline-error");

/// Whether the client rather reads HTML.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

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
    page(StatusCode::NOT_FOUND, text, false)
}

/// A request that no app is to see.
pub(super) fn refused(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default();
    page(status, format!("{reason}\n"), false)
}

/// The app did not answer. The second is the length of the page.
pub(super) fn failed(app: &AppName, failure: Failure, html: bool) -> (Response<Body>, u64) {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let text = if html {
        in_html(app, failure)
    } else {
        plain(app, failure)
    };
    let length = text.len() as u64;
    let mut response = page(status, text, html);
    let code = HeaderValue::from_static(failure.code());
    response.headers_mut().insert(ERROR, code);
    (response, length)
}

fn plain(app: &AppName, failure: Failure) -> String {
    let (code, what) = (failure.code(), what_happened(app, failure));
    match failure {
        Failure::Maintenance | Failure::Malformed => format!("{what}. ({code})\n"),
        _ => format!(
            "{what}. ({code})\n\
             Its processes: slugline ps --app {app}\n\
             Its log:       slugline logs --app {app}\n"
        ),
    }
}

fn in_html(app: &AppName, failure: Failure) -> String {
    let (code, what) = (failure.code(), what_happened(app, failure));
    let title = match failure {
        Failure::Maintenance => "Under maintenance",
        Failure::Malformed => "Bad request",
        Failure::Blank => "Nothing here yet",
        _ => "Application error",
    };
    let hint = match failure {
        Failure::Maintenance => "Please come back in a while.".to_owned(),
        Failure::Malformed => String::new(),
        _ => format!(
            "If you run this app, its log says more: <code>slugline logs --app {app}</code>"
        ),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;\
         padding:0 1rem}}small{{color:#777}}</style>\n\
         <h1>{title}</h1>\n<p>{what}.</p>\n<p>{hint}</p>\n<p><small>{code}</small></p>\n</html>\n"
    )
}

fn what_happened(app: &AppName, failure: Failure) -> String {
    let why = match failure {
        Failure::AppCrashed => "its web process has crashed, and will be started again",
        Failure::BacklogTooDeep => "it has too many requests already",
        Failure::NoWeb => "it has no web process",
        Failure::BootTimeout => "it is still being started",
        Failure::ConnectTimeout => "its web process takes no more connections",
        Failure::Refused => "nothing listens at the port of its web process",
        Failure::RequestTimeout => return format!("{app} did not answer in time"),
        Failure::BadResponse => return format!("{app} answered what is not HTTP"),
        Failure::NoResponse | Failure::ServerInterrupted => {
            return format!("{app} closed the connection without an answer");
        }
        Failure::IdleConnection => return format!("{app} was silent for too long"),
        Failure::Malformed => return "The body of this request is not HTTP".to_owned(),
        Failure::ClientInterrupted | Failure::ClientIdle => {
            return "The rest of this request never came".to_owned();
        }
        Failure::Maintenance => return format!("{app} is under maintenance"),
        Failure::Blank => return format!("No code has been deployed to {app} yet"),
    };
    format!("{app} cannot answer: {why}")
}

fn page(status: StatusCode, text: String, html: bool) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = if html {
        "text/html; charset=utf-8"
    } else {
        "text/plain; charset=utf-8"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
