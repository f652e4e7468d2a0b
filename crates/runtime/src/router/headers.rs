//! Headers on their way through the router: those that concern one connection only stay behind,
//! and the app is told where a request came from. It must not know where a message goes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use super::forward::Edge;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Removes what concerns one connection only, and answers the protocol that the message wants to
/// upgrade to, if it does; see [`upgrade`].
pub(super) fn strip(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let protocol = headers.remove(UPGRADE);
    let upgrade = named.iter().any(|name| name == "upgrade");
    for name in named {
        // The name of a header that matters beyond this connection does not belong there.
        if name != "content-length" && name != "host" {
            headers.remove(name);
        }
    }
    let ours = [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        // Answered here: the body is asked for when the app takes it.
        EXPECT,
    ];
    for name in ours {
        headers.remove(name);
    }
    protocol.filter(|_| upgrade)
}

/// Asks for an upgrade, or agrees to one.
pub(super) fn upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Tells the app where a request came from. What a proxy before us said stays, and the address of
/// our client is added to its list.
pub(super) fn forwarded(headers: &mut HeaderMap, edge: &Edge) {
    let client = edge.client.to_string();
    let before: Vec<_> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let list = before
        .into_iter()
        .chain([client.as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    set(headers, FORWARDED_FOR, &list);
    if !headers.contains_key(FORWARDED_PROTO) {
        set(headers, FORWARDED_PROTO, "http");
    }
    if !headers.contains_key(FORWARDED_PORT) {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let port = host
            .and_then(|host| host.rsplit_once(':')?.1.parse().ok())
            .unwrap_or(edge.port);
        set(headers, FORWARDED_PORT, &port.to_string());
    }
    let sane = |id: &HeaderValue| (1..=200).contains(&id.len());
    if !headers.get(REQUEST_ID).is_some_and(sane) {
        set(headers, REQUEST_ID, &request_id());
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// 32 hexadecimal digits; unlikely to repeat, and no secret.
fn request_id() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_concerns_one_connection_stays_behind() {
        let check = |pairs: &[_], left: &[_], protocol: Option<&str>| {
            let mut headers = map(pairs);
            let found = strip(&mut headers);
            assert_eq!(headers, map(left));
            assert_eq!(
                found.as_ref().and_then(|value| value.to_str().ok()),
                protocol
            );
        };
        check(
            &[
                ("connection", "close, X-Mine"),
                ("x-mine", "1"),
                ("te", "trailers"),
                ("a", "b"),
            ],
            &[("a", "b")],
            None,
        );
        check(
            &[("connection", "Upgrade"), ("upgrade", "websocket")],
            &[],
            Some("websocket"),
        );
        check(&[("upgrade", "websocket")], &[], None);
        check(
            &[
                ("connection", "host"),
                ("host", "a"),
                ("transfer-encoding", "chunked"),
            ],
            &[("host", "a")],
            None,
        );
    }

    #[test]
    fn the_app_is_told_where_a_request_came_from() {
        let edge = Edge {
            client: [10, 0, 0, 1].into(),
            port: 8080,
        };
        let check = |pairs: &[_], expected: &[(&str, &str)]| {
            let mut headers = map(pairs);
            forwarded(&mut headers, &edge);
            for (name, value) in expected {
                assert_eq!(
                    headers.get(*name).map(|v| v.to_str().unwrap()),
                    Some(*value),
                    "{name}"
                );
            }
            assert!(headers.contains_key("x-request-id"));
        };
        check(
            &[("host", "a.localhost")],
            &[
                ("x-forwarded-for", "10.0.0.1"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-port", "8080"),
            ],
        );
        check(
            &[
                ("host", "a.localhost:99"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-proto", "https"),
                ("x-request-id", "mine"),
            ],
            &[
                ("x-forwarded-for", "1.2.3.4, 10.0.0.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-port", "99"),
                ("x-request-id", "mine"),
            ],
        );
        assert_ne!(request_id(), request_id());
    }
}
