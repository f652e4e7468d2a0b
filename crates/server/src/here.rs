//! Where a client has reached us, for the addresses that it is told. It must not know what is there.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use slugline_core::app::AppName;

use crate::backend::Reading;
use crate::error::{ApiError, Kind};

/// The host, with its port where it has one, by the name that the client knows; `None` where it said none
/// that could be in an address.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let said = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = said.or_else(|| uri.authority().map(|it| it.as_str()))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let good = host.len() <= 300 && host.bytes().all(plain);
    // Neither `a:b:c` nor `[` can be in an address.
    let good = good && host.parse::<Authority>().is_ok();
    good.then(|| host.to_owned())
}

/// How it speaks to us: a proxy before us says where it speaks TLS with the client.
pub(crate) fn scheme(headers: &HeaderMap) -> &'static str {
    let said = headers.get("x-forwarded-proto");
    match said.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https")) {
        true => "https",
        false => "http",
    }
}

/// What addresses of ours begin with, as the client has them.
pub(crate) fn base(headers: &HeaderMap, uri: &Uri) -> Result<String, ApiError> {
    let host = host(headers, uri);
    let host = host.ok_or_else(|| ApiError::new(Kind::BadRequest, "The request names no host."))?;
    Ok(format!("{}://{host}", scheme(headers)))
}

/// What addresses of ours begin with, as the client has them, where it said that.
#[derive(Clone, Debug)]
pub(crate) struct Here(pub(crate) Option<String>);

impl Here {
    /// Where this app's code is pushed to.
    pub(crate) fn git_url(&self, reading: &dyn Reading, app: &AppName) -> String {
        match &self.0 {
            Some(base) => format!("{base}/{app}.git"),
            None => reading.git_url(app),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(base(&parts.headers, &parts.uri).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_what_can_be_a_host_is_taken() {
        let check = |text: &'static str, expected: Option<&str>| {
            let headers = [(HOST, HeaderValue::from_static(text))]
                .into_iter()
                .collect();
            let found = host(&headers, &Uri::from_static("/apps"));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("localhost:5055", Some("localhost:5055"));
        check("[::1]:80", Some("[::1]:80"));
        for bad in ["", "a/b", "a@b", "a b", "a?b", "a#b", "a:b:c", "[", "[::1"] {
            check(bad, None);
        }
        let uri = Uri::from_static("https://slugline.example.com/apps");
        let found = host(&HeaderMap::new(), &uri);
        assert_eq!(found.as_deref(), Some("slugline.example.com"));
    }
}
