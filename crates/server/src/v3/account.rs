//! `/account`. It must not know what the person may do.

use axum::Json;

use crate::desk::Desk;
use crate::wire::account::Account;
use crate::wire::error::Errors;

/// Whose token it is
#[utoipa::path(get, path = "/account", tag = "account",
    responses((status = 200, body = Account), Errors))]
pub(crate) async fn info(desk: Desk) -> Json<Account> {
    Json((&desk.token().user).into())
}
