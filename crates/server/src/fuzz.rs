//! What clients send, under fuzzing: frames of remote commands, headers that are read here, forms, and the first
//! bytes of a connection. Whatever they hold, they are understood or refused, and what is understood is
//! understood again as it is written. Compiled for `fuzz/` and for tests only. It must not know how inputs are
//! made.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::header::{ACCEPT, AUTHORIZATION, HOST, IF_NONE_MATCH, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use crate::commands::frame::{Decoder, Frame, MOST, NewCommand, encode};
use crate::first::{First, first};
use crate::range::Range;
use crate::v2::form;
use crate::{conditional, desk, here, origin, v2};

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("command_frames", command_frames),
    ("command_asked", command_asked),
    ("api_range", api_range),
    ("api_headers", api_headers),
    ("api_form", api_form),
    ("api_first", api_first),
];

/// What either side of a remote command sends the other, in pieces whose length the first byte says.
pub fn command_frames(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let (whole, whole_is_good) = frames(bytes.chunks(bytes.len().max(1)));
    let (found, good) = frames(bytes.chunks(usize::from(*size).max(1)));
    assert!(found == whole && good == whole_is_good);
    let again: Vec<u8> = found
        .iter()
        .flat_map(|frame| encode(frame.kind, &frame.bytes))
        .collect();
    assert!(bytes.starts_with(&again));
    assert!(found.iter().all(|frame| frame.bytes.len() <= MOST));
    // What is left is the begin of a frame, or none.
    assert!(!good || bytes.len() - again.len() < MOST + 5);
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, bool) {
    let (mut decoder, mut found) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, true)
}

/// What a client wants to be run.
pub fn command_asked(data: &[u8]) {
    let Ok(wanted) = serde_json::from_slice::<NewCommand>(data) else {
        return;
    };
    let json = serde_json::to_vec(&wanted).unwrap_or_default();
    let again = serde_json::from_slice::<NewCommand>(&json);
    assert!(again.is_ok_and(|it| serde_json::to_vec(&it).is_ok_and(|text| text == json)));
}

/// The header `Range`, and the walk through a list that it begins.
pub fn api_range(data: &[u8]) {
    const FIELDS: &[&str] = &["name", "id"];
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(mut range) = text.parse::<Range>() else {
        return;
    };
    assert!((1..=1000).contains(&range.max));
    let all: Vec<String> = (0..40).map(|number| format!("row-{number}")).collect();
    let (mut seen, mut parts) = (BTreeSet::new(), 0);
    loop {
        let Ok(part) = range.of(FIELDS, all.clone(), |one, _| one.clone()) else {
            assert!(parts == 0 && range.field.is_some());
            return;
        };
        assert!(part.rows.len() <= range.max);
        assert!(part.rows.into_iter().all(|row| seen.insert(row)));
        parts += 1;
        assert!(parts <= all.len());
        let Some(next) = part.next else {
            return;
        };
        let again = next.parse::<Range>();
        assert!(
            again
                .as_ref()
                .is_ok_and(|it| (it.max, it.order) == (range.max, range.order))
        );
        range = again.unwrap_or_default();
    }
}

/// The headers that are read here: each has the same value.
pub fn api_headers(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let with = |name| HeaderMap::from_iter([(name, value.clone())]);
    let uri = Uri::from_static("/apps");
    let _ = v2::is_meant(&with(ACCEPT));
    let tag = conditional::tag(data);
    let listed = conditional::names(&value, &tag);
    assert!(!listed || data.contains(&b'*') || data.len() >= tag.len());
    if let Some(host) = here::host(&with(HOST), &uri) {
        let base = here::base(&with(HOST), &uri).unwrap_or_default();
        let told = format!("{base}/apps").parse::<Uri>();
        assert!(told.is_ok_and(|uri| uri.authority().is_some_and(|it| it.as_str() == host)));
        let mut headers = with(HOST);
        let own = HeaderValue::from_str(&base);
        headers.extend(own.map(|own| (ORIGIN, own)));
        assert!(!origin::is_foreign(&Method::POST, &uri, &headers));
    }
    assert!(origin::is_foreign(&Method::POST, &uri, &with(ORIGIN)));
    let _ = conditional::names(&with(IF_NONE_MATCH)[IF_NONE_MATCH], "*");
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = with(AUTHORIZATION);
    let _ = desk::secret(&parts);
}

/// A form of 2012, and a text that is told in XML.
pub fn api_form(data: &[u8]) {
    for (key, value) in form::fields(data, "config") {
        let written: String = form_urlencoded::Serializer::new(String::new())
            .append_pair(&format!("config[{key}]"), &value)
            .finish();
        assert_eq!(form::fields(written.as_bytes(), "config"), [(key, value)]);
    }
    let _ = form::field(data, "app[name]");
    let text = String::from_utf8_lossy(data);
    let told = form::element("name", &text);
    let inner = told
        .strip_prefix("<name>")
        .and_then(|rest| rest.strip_suffix("</name>"));
    let inner = inner.unwrap_or("<");
    let odd = |c: char| c == '<' || c == '>' || (c.is_ascii_control() && !"\t\n\r\x7f".contains(c));
    assert!(!inner.contains(odd) && inner.chars().count() >= text.chars().count());
}

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// The first bytes of a connection, which come in pieces whose length the first one says.
pub fn api_first(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let stream = Pieces(bytes, usize::from(*size).max(1));
    RUNTIME.with_borrow_mut(|runtime| {
        if runtime.is_none() {
            *runtime = Builder::new_current_thread().enable_time().build().ok();
        }
        if let Some(runtime) = runtime {
            runtime.block_on(begun(bytes, stream));
        }
    });
}

async fn begun(bytes: &[u8], stream: Pieces<'_>) {
    let is_of_secret = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let mut rest = Vec::new();
    match first(stream).await {
        Ok(First::Http(mut stream)) => {
            assert!(stream.read_to_end(&mut rest).await.is_ok());
            assert!(rest == bytes && !is_of_secret(bytes[0]));
        }
        Ok(First::Secret(secret, mut stream)) => {
            assert!(stream.read_to_end(&mut rest).await.is_ok());
            assert!(!secret.is_empty() && secret.bytes().all(is_of_secret));
            let line = &bytes[..bytes.len() - rest.len()];
            assert!(bytes.ends_with(&rest) && line.ends_with(b"\n"));
            let said = std::str::from_utf8(line).map(str::trim_end);
            assert!(said == Ok(secret.as_str()));
        }
        Err(_) => assert!(bytes.first().copied().is_none_or(is_of_secret)),
    }
}

/// Bytes that come so many at a time.
struct Pieces<'a>(&'a [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.0.len().min(self.1).min(buffer.remaining());
        let (now, later) = self.0.split_at(count);
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
