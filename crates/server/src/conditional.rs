//! `ETag`, `If-None-Match` and `If-Match`: a client that has what there is is told so in no words, and one
//! that changes what it has seen changes nothing else. It must not know what is answered.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::desk::{MustBe, Seen};
use crate::error::{ApiError, Kind};

/// Answers of so many bytes at most have a tag: streams have none.
const MAX: u64 = 8 * 1024 * 1024;

/// Adds tags to what is read, and compares them. Before something is changed that has to be as it was
/// seen, it is read as the client has read it; the change is told which release was current then.
pub(crate) async fn layer(mut request: Request, next: Next) -> Response {
    let (method, headers) = (request.method().clone(), request.headers());
    if method == Method::GET || method == Method::HEAD {
        let (seen, wanted) = (
            headers.get(IF_NONE_MATCH).cloned(),
            headers.get(IF_MATCH).cloned(),
        );
        let response = next.run(request).await;
        return match response.status().is_success() && is_whole(response.headers()) {
            true => tagged(response, seen.as_ref(), wanted.as_ref()).await,
            false => response,
        };
    }
    if headers.contains_key(IF_MATCH) {
        let seen = Seen::default();
        let is = next.clone().run(read(&request, &seen)).await;
        let is = match is.status().is_success() && is_whole(is.headers()) {
            true => tagged(is, None, headers.get(IF_MATCH)).await,
            false => is,
        };
        if !is.status().is_success() {
            return is;
        }
        let version = seen.0.get().copied();
        if let Some(version) = version {
            request.extensions_mut().insert(MustBe(version));
        }
    }
    next.run(request).await
}

/// The request that reads what this one changes.
fn read(request: &Request, seen: &Seen) -> Request {
    let mut read = Request::new(Body::empty());
    *read.uri_mut() = request.uri().clone();
    *read.headers_mut() = request.headers().clone();
    for header in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        read.headers_mut().remove(header);
    }
    *read.extensions_mut() = request.extensions().clone();
    read.extensions_mut().insert(seen.clone());
    read
}

fn is_whole(headers: &HeaderMap) -> bool {
    let json = headers.get(CONTENT_TYPE);
    json.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

async fn tagged(
    response: Response,
    seen: Option<&HeaderValue>,
    wanted: Option<&HeaderValue>,
) -> Response {
    let (mut parts, body) = response.into_parts();
    let Some(bytes) = whole(body).await else {
        return ApiError::new(Kind::Internal, "The answer is too large.").into_response();
    };
    let tag = tag(&bytes);
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(ETAG, value);
    if seen.is_some_and(|seen| names(seen, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    if wanted.is_some_and(|wanted| !names(wanted, &tag)) {
        return changed().into_response();
    }
    Response::from_parts(parts, Body::from(bytes))
}

async fn whole(body: Body) -> Option<Bytes> {
    let limited = http_body_util::Limited::new(body, usize::try_from(MAX).ok()?);
    Some(limited.collect().await.ok()?.to_bytes())
}

/// The tag of an answer: quoted, of its bytes alone.
pub(crate) fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{hex}\"")
}

/// Whether a header lists a tag, or all.
pub(crate) fn names(header: &HeaderValue, tag: &str) -> bool {
    let text = header.to_str().unwrap_or_default();
    let mut listed = text
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"));
    listed.any(|one| one == tag || one == "*")
}

/// The error of what is another by now.
pub(crate) fn changed() -> ApiError {
    let text = "It is not any more what If-Match says. Read it again.";
    ApiError::new(Kind::PreconditionFailed, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_not() {
        let tag = tag(b"[]");
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        for good in [&tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
            assert!(names(&header(good), &tag), "{good}");
        }
        for bad in ["", "\"x\"", &tag[1..]] {
            assert!(!names(&header(bad), &tag), "{bad}");
        }
    }
}
