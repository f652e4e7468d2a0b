//! Bodies of requests: JSON, told of in words where it is none. It must not quote what was sent: it may
//! hold a secret.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::{ApiError, Kind};

/// The largest body that is read as JSON, in bytes.
pub(crate) const MAX: usize = 1024 * 1024;

/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(60);

/// A body that was read.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = in_time(request.into_body(), PATIENCE).await?;
        // Clients that send nothing mean nothing in particular.
        let bytes = if bytes.iter().all(u8::is_ascii_whitespace) {
            b"{}"
        } else {
            &bytes[..]
        };
        serde_json::from_slice(bytes).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.is_data() {
                true => {
                    let text = format!("The body is not what is expected here, at {place}.");
                    ApiError::new(Kind::InvalidParams, text)
                }
                false => ApiError::new(
                    Kind::BadRequest,
                    format!("The body is no JSON, at {place}."),
                ),
            }
        })
    }
}

/// A body that is sent in this time: whoever sends it bit by bit keeps no place that others need.
async fn in_time(body: Body, patience: Duration) -> Result<Vec<u8>, ApiError> {
    let late = |_| {
        let text = format!("The body did not come within {patience:?}.");
        ApiError::new(Kind::BadRequest, text)
    };
    timeout(patience, whole(body)).await.map_err(late)?
}

/// A body that is not too large. One that is, is read on for a while: a client that is cut off in the midst
/// does not hear why.
async fn whole(mut body: Body) -> Result<Vec<u8>, ApiError> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::new(Kind::BadRequest, "The body ended early."))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX {
            bytes.extend_from_slice(&data);
        } else if length > 8 * MAX {
            break;
        }
    }
    match length <= MAX {
        true => Ok(bytes),
        false => {
            let text = format!("The body is larger than {MAX} bytes.");
            Err(ApiError::new(Kind::TooLarge, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::pieces::Pieces;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn who_sends_bit_by_bit_is_not_waited_for() {
        let (sender, pieces) = mpsc::channel(1);
        let patience = Duration::from_millis(100);
        let reading = tokio::spawn(in_time(Body::new(Pieces(pieces)), patience));
        let mut sent = 0;
        while sender.send("{".into()).await.is_ok() {
            sent += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest);
        assert_eq!(error.message(), "The body did not come within 100ms.");
        assert!(sent > 1);
    }
}
