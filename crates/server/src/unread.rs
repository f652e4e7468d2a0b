//! Bodies that were sent and that nobody has read, since the request was refused before: they are read, and
//! not heeded, so that the connection is good for the next request; where that is too much, the client is
//! told that the connection ends. It must not know what was asked.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Version};
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;

/// So much is read of it, in bytes.
const MOST: usize = 64 * 1024;
/// For so long at most.
const PATIENCE: Duration = Duration::from_secs(1);

type Left = Arc<Mutex<Option<Body>>>;

/// A body that is given back when it is dropped before its end.
struct Kept {
    body: Body,
    left: Left,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            *left = Some(std::mem::take(&mut self.body));
        }
    }
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Answers a request of HTTP/1.1; what comes after it on its connection does not depend on who has read what.
pub(crate) async fn answered<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let left = Left::default();
    let plain = request.version() == Version::HTTP_11;
    // Who waits to be told to go on has not sent it, and is not told to.
    let waits = request.headers().contains_key(EXPECT);
    let body_left = Arc::clone(&left);
    let request = request.map(|body| {
        let left = body_left;
        Body::new(Kept { body, left })
    });
    let mut response = answer(request).await;
    let unread = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(unread) = unread.filter(|_| plain) else {
        return response;
    };
    let read = async { Limited::new(unread, MOST).collect().await.is_ok() };
    if waits || timeout(PATIENCE, read).await != Ok(true) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::pieces::Pieces;
    use axum::response::IntoResponse as _;
    use tokio::sync::mpsc;

    async fn closes(body: Body, waits: bool) -> bool {
        let mut request = Request::new(body);
        if waits {
            let waits = HeaderValue::from_static("100-continue");
            request.headers_mut().insert(EXPECT, waits);
        }
        let refuse = |request: Request| async move {
            drop(request);
            "no".into_response()
        };
        let answer = answered(request, refuse).await;
        answer.headers().contains_key(CONNECTION)
    }

    #[tokio::test]
    async fn what_is_not_read_is_passed_over_or_ends_the_connection() {
        assert!(!closes(Body::empty(), false).await);
        let (sender, pieces) = mpsc::channel(1);
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send("{}".into()).await
        });
        assert!(!closes(Body::new(Pieces(pieces)), false).await);
        late.await.unwrap().unwrap();
        assert!(closes(Body::from(vec![0; MOST + 1]), false).await);
        assert!(closes(Body::from("{}"), true).await);
        let (_silent, pieces) = mpsc::channel(1);
        assert!(closes(Body::new(Pieces(pieces)), false).await);
    }
}
