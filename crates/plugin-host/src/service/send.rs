//! Sends one request, follows a few redirects to hosts that are granted, and reads a bounded
//! answer. It must not know a script.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{self, Uri};

use slugline_plugin_api::protocol::{Body, HttpAnswer, HttpRequest};

use crate::words::one_line;

use super::http::{HostRule, permitted};

/// One request, with its redirects, may take so long.
const TIME: Duration = Duration::from_secs(10);
/// An answer may have so many bytes.
const ANSWER: u64 = 1 << 20;
/// A request may have so many bytes.
const REQUEST: usize = 1 << 20;
/// So many redirects are followed.
const REDIRECTS: usize = 5;

type Response = http::Response<ureq::Body>;

/// Sends a request; an answer of any status is an answer.
pub(super) fn send(
    hosts: &[HostRule],
    mut outgoing: HttpRequest,
    left: Duration,
) -> Result<HttpAnswer, String> {
    if outgoing.body.as_ref().map_or(0, |body| body.0.len()) > REQUEST {
        return Err(format!("the request is longer than {REQUEST} bytes"));
    }
    let end = std::time::Instant::now() + left.min(TIME);
    for _ in 0..=REDIRECTS {
        let uri = permitted(hosts, &outgoing.url)?;
        let left = end.saturating_duration_since(std::time::Instant::now());
        let response = once(&uri, &outgoing, left)?;
        let status = response.status().as_u16();
        let location = response.headers().get("location");
        let location = location.and_then(|value| value.to_str().ok());
        match (status, location) {
            (301..=303, Some(location)) => {
                outgoing.url = resolve(&uri, location);
                if outgoing.method != "HEAD" {
                    outgoing.method = "GET".to_owned();
                }
                outgoing.body = None;
                outgoing
                    .headers
                    .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            }
            (307 | 308, Some(location)) => outgoing.url = resolve(&uri, location),
            _ => return read(response),
        }
    }
    Err(format!("more than {REDIRECTS} redirects"))
}

/// One request and the head of its answer.
fn once(uri: &Uri, outgoing: &HttpRequest, left: Duration) -> Result<Response, String> {
    let host = one_line(uri.host().unwrap_or(""));
    if left.is_zero() {
        return Err(format!("{host} did not answer in time"));
    }
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(left))
        .user_agent(concat!("slugline/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut request = http::Request::builder()
        .method(outgoing.method.as_str())
        .uri(uri.clone());
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    let wrong = |_| "the method or a header is not legal".to_owned();
    let response = match &outgoing.body {
        Some(body) => agent.run(request.body(body.0.as_slice()).map_err(wrong)?),
        None => agent.run(request.body(()).map_err(wrong)?),
    };
    response.map_err(|error| match error {
        ureq::Error::Timeout(_) => format!("{host} did not answer in time"),
        other => format!("{host}: {}", one_line(&other.to_string())),
    })
}

fn read(mut response: Response) -> Result<HttpAnswer, String> {
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER)
        .read_to_vec();
    let body = body.map_err(|error| match error {
        ureq::Error::BodyExceedsLimit(_) => format!("the answer is longer than {ANSWER} bytes"),
        other => one_line(&other.to_string()),
    })?;
    Ok(HttpAnswer {
        status,
        headers,
        body: Body(body),
    })
}

/// Where a redirect leads to. What is neither a whole URL nor an absolute path stays as it is, and
/// is refused as no URL.
fn resolve(from: &Uri, location: &str) -> String {
    match (from.scheme_str(), from.authority()) {
        (Some(scheme), Some(_)) if location.starts_with("//") => format!("{scheme}:{location}"),
        (Some(scheme), Some(authority)) if location.starts_with('/') => {
            format!("{scheme}://{authority}{location}")
        }
        _ => location.to_owned(),
    }
}
