//! `/account`. It must not know what the person may do.

use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::limit::Remaining;
use crate::wire::account::Account;
use crate::wire::error::Errors;

/// Whose token it is
#[utoipa::path(get, path = "/account", tag = "account",
    responses((status = 200, body = Account), Errors))]
pub(crate) async fn info(desk: Desk) -> Json<Account> {
    Json((&desk.token().user).into())
}

/// How often the token may be used still, before it has to wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateLimit {
    #[schema(example = 4499)]
    remaining: u64,
}

/// How many requests the token may make still; as many come back in an hour as there are at most
#[utoipa::path(get, path = "/account/rate-limits", tag = "account",
    responses((status = 200, body = RateLimit), Errors))]
pub(crate) async fn rate_limits(_: Desk, left: Option<Extension<Remaining>>) -> Json<RateLimit> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand at most, and never less than none"
    )]
    let remaining = left.map_or(0, |left| left.0.0.floor() as u64);
    Json(RateLimit { remaining })
}
