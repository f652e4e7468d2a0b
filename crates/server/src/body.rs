//! Bodies of requests: JSON, told of in words where it is none. It must not quote what was sent: it may
//! hold a secret.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Kind};

/// The largest body that is read as JSON, in bytes.
pub(crate) const MAX: usize = 1024 * 1024;

/// A body that was read.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = whole(request.into_body()).await?;
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
