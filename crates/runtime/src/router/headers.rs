//! Headers on their way through the router: those that concern one connection only stay behind,
//! and the app is told where a request came from. It must not know where a message goes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::header::{
    CONNECTION, COOKIE, EXPECT, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request};

use super::Edge;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const REQUEST_START: HeaderName = HeaderName::from_static("x-request-start");
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
        HTTP2_SETTINGS,
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
    // Over HTTP/2 to the app requests would pass by the router.
    protocol.filter(|it| upgrade && !it.as_bytes().eq_ignore_ascii_case(b"h2c"))
}

/// Asks for an upgrade, or agrees to one.
pub(super) fn upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Tells the app where a request came from, and when. What a proxy before us said stays, and the
/// address of our client is added to its list; but nobody tells us of our own port for TLS.
pub(super) fn forwarded(headers: &mut HeaderMap, edge: &Edge) {
    let before: Vec<_> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let list = before
        .into_iter()
        .chain([edge.client_text.as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    set(headers, FORWARDED_FOR, &list);
    if edge.secure {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
    } else if !headers.contains_key(FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    if edge.secure || !headers.contains_key(FORWARDED_PORT) {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let port = host
            .and_then(|host| host.rsplit_once(':')?.1.parse().ok())
            .unwrap_or(edge.port);
        headers.insert(FORWARDED_PORT, port.into());
    }
    if !headers.get(REQUEST_ID).is_some_and(is_sane) {
        set(headers, REQUEST_ID, &request_id());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis();
    headers.insert(REQUEST_START, u64::try_from(now).unwrap_or(u64::MAX).into());
    via(headers);
}

/// Names us among those that passed the message on.
pub(super) fn via(headers: &mut HeaderMap) {
    headers.append(VIA, HeaderValue::from_static("1.1 slugline"));
}

/// The id and the addresses that the app was told, for the log.
pub(super) fn told(headers: &HeaderMap) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let get = |name: HeaderName| headers.get(name).cloned();
    (get(REQUEST_ID), get(FORWARDED_FOR))
}

/// Gives a request the form that it has in HTTP/1: the host in a header, one header of cookies. The
/// host that a request names in its first line is the one that counts.
pub(super) fn from_http2<B>(request: &mut Request<B>) {
    let named = request.uri().authority().map(Authority::as_str);
    if let Some(host) = named.and_then(|named| HeaderValue::from_str(named).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    let headers = request.headers_mut();
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
    if cookies.len() > 1 {
        let pieces: Vec<_> = cookies.iter().map(HeaderValue::as_bytes).collect();
        if let Ok(all) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
            headers.insert(COOKIE, all);
        }
    }
}

/// An id from somewhere else is passed on if it can stand in a log.
fn is_sane(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    (1..=200).contains(&id.len()) && id.as_bytes().iter().all(plain)
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
        let edge = Edge::new([10, 0, 0, 1].into(), 8080, false);
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
