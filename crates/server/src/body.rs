//! Bodies of requests: JSON, told of in words where it is none. It must not quote what was sent: it may
//! hold a secret.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Kind};

/// The largest body that is read as JSON, in bytes.
pub(crate) const MAX: usize = 1024 * 1024;

/// A body that was read.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| match error.status().as_u16() {
            413 => ApiError::new(
                Kind::TooLarge,
                format!("The body is larger than {MAX} bytes."),
            ),
            _ => ApiError::new(Kind::BadRequest, "The body ended early."),
        })?;
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
