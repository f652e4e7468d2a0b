//! The person whose token is used. It must not know the token.

use serde::Serialize;
use slugline_core::actor::Actor;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids;

/// The person who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Account {
    id: Uuid,
    #[schema(example = "jim@example.com")]
    email: String,
    name: Option<String>,
    /// Always: whoever made the token said who it is for.
    verified: bool,
    beta: bool,
    allow_tracking: bool,
    two_factor_authentication: bool,
    federated: bool,
    last_login: Option<String>,
    suspended_at: Option<String>,
    delinquent_at: Option<String>,
}

impl From<&Actor> for Account {
    fn from(actor: &Actor) -> Self {
        Self {
            id: ids::user(actor),
            email: actor.to_string(),
            name: None,
            verified: true,
            beta: false,
            allow_tracking: false,
            two_factor_authentication: false,
            federated: false,
            last_login: None,
            suspended_at: None,
            delinquent_at: None,
        }
    }
}
