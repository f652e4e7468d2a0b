//! Pages in a browser: what a page of another site has a browser send is refused, since the browser may
//! add a password that its person once typed. Programs that are no browser say nothing of a page. It
//! must not know what is asked.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::{ApiError, Kind};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what pages of other sites send.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if is_foreign(request.method(), request.uri(), request.headers()) {
        let text = "Pages of other sites may not ask anything here.";
        return ApiError::new(Kind::Forbidden, text).into_response();
    }
    next.run(request).await
}

/// Whether it is a page of another site that asks. A link that leads here is followed: it changes nothing.
pub(crate) fn is_foreign(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().ok());
    let here = text(HOST)
        .flatten()
        .or_else(|| uri.authority().map(|it| it.as_str()));
    let from = text(ORIGIN).map(|origin| {
        let host = origin.and_then(|origin| Some(origin.split_once("://")?.1));
        host.is_some_and(|host| here.is_some_and(|here| host.eq_ignore_ascii_case(here)))
    });
    let reads = method == Method::GET || method == Method::HEAD;
    let elsewhere =
        matches!(text(SITE), Some(site) if site != Some("same-origin") && site != Some("none"));
    from == Some(false) || (elsewhere && !reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(method: Method, headers: &[(&'static str, &'static str)]) -> bool {
        let all = headers.iter().chain(&[("host", "localhost:8081")]);
        let all = all.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        is_foreign(&method, &Uri::from_static("/apps"), &all.collect())
    }

    #[test]
    fn pages_of_other_sites_are_known_by_what_browsers_say() {
        for good in [
            &[][..],
            &[("origin", "http://localhost:8081")],
            &[("origin", "https://LOCALHOST:8081")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin")],
        ] {
            assert!(!foreign(Method::POST, good), "{good:?}");
        }
        for bad in [
            &[("origin", "http://example.com")][..],
            &[("origin", "http://localhost")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert!(foreign(Method::POST, bad), "{bad:?}");
        }
        assert!(!foreign(Method::GET, &[("sec-fetch-site", "cross-site")]));
        assert!(foreign(Method::GET, &[("origin", "http://example.com")]));
    }
}
