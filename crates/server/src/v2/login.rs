//! `POST /login`, as of 2012: a name and a password for a key. The password is a token, which is the key as well.
//! It must not know how tokens are kept.

use axum::Json;
use axum::body::Bytes;
use axum::extract;
use serde_json::{Value, json};

use super::form::field;
use crate::desk::{self, State};
use crate::error::ApiError;
use crate::ids;
use crate::secret::digest;

/// Its path: wrong passwords are counted by it.
pub(crate) const PATH: &str = "/login";

/// Answers the key that the password is, whoever is named: a token says itself whose it is.
pub(crate) async fn login(
    extract::State(state): extract::State<State>,
    form: Bytes,
) -> Result<Json<Value>, ApiError> {
    let password = field(&form, "password").ok_or_else(desk::unauthorized)?;
    let secret = digest(&password);
    let found = desk::read(&state.backend, move |reading| desk::known(reading, &secret)).await?;
    let user = found.ok_or_else(desk::unauthorized)?.user;
    let told = json!({"api_key": password, "email": user.as_str(), "id": ids::user(&user)});
    Ok(Json(told))
}
