//! Errors as clients of 2012 are told them: JSON with `error`, XML where no JSON is accepted, and where there
//! is nothing a text that they show. It must not know what happened.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ACCEPT, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::form::{Xml, element};
use crate::error::{ApiError, Kind};

/// Tells errors in their way.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let xml = speaks_xml(request.headers());
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let status = match error.kind() {
        Kind::ConfirmationRequired => StatusCode::LOCKED,
        _ => response.status(),
    };
    let mut told = match (status, xml) {
        (StatusCode::NOT_FOUND, _) => absent(&error).into_response(),
        (_, true) => Xml(format!(
            "<errors>{}</errors>",
            element("error", error.message())
        ))
        .into_response(),
        (_, false) => Json(serde_json::json!({"error": error.message()})).into_response(),
    };
    *told.status_mut() = status;
    if let Some(ask) = response.headers().get(WWW_AUTHENTICATE) {
        told.headers_mut().insert(WWW_AUTHENTICATE, ask.clone());
    }
    let app = error.app().filter(|_| status == StatusCode::LOCKED);
    if let Some(app) = app.and_then(|app| HeaderValue::from_str(app.as_str()).ok()) {
        told.headers_mut().insert("x-confirmation-required", app);
    }
    told
}

fn speaks_xml(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|kinds| kinds.contains("xml") && !kinds.contains("json"))
}

/// What is not there, in the words that those clients show.
fn absent(error: &ApiError) -> String {
    let what = error.message().strip_prefix("Couldn't find that ");
    match what.and_then(|rest| rest.strip_suffix('.')) {
        Some("release") => "Record not found".to_owned(),
        Some(what) => {
            let mut letters = what.replace('-', "").chars().collect::<Vec<_>>();
            if let Some(first) = letters.first_mut() {
                first.make_ascii_uppercase();
            }
            format!("{} not found", letters.into_iter().collect::<String>())
        }
        None => error.message().to_owned(),
    }
}
