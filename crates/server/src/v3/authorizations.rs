//! `/oauth/authorizations`: the tokens of the person who asks, as clients that log in and out know them. It
//! must not know a secret, but the one that it makes.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use slugline_core::access::{Permission, Scope, Token, TokenId, UnknownWord};
use slugline_core::time::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::secret;
use crate::wire::error::Errors;
use crate::wire::{UserRef, time};

/// The secret of a token, told once.
#[derive(Debug, Serialize, ToSchema)]
struct AccessToken {
    id: Uuid,
    /// The secret where the token was just made, else nothing.
    token: Option<String>,
    expires_in: Option<u64>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Authorization {
    id: Uuid,
    description: String,
    scope: Vec<&'static str>,
    user: UserRef,
    access_token: AccessToken,
    created_at: String,
    updated_at: String,
}

impl Authorization {
    fn new(token: &Token, secret: Option<String>, now: Timestamp) -> Self {
        let id = id(&token.id);
        Self {
            id,
            description: token.description.clone(),
            scope: token.scopes.iter().map(|scope| scope.word()).collect(),
            user: (&token.user).into(),
            access_token: AccessToken {
                id,
                token: secret,
                expires_in: token.expires_at.map(|end| end.seconds_since(now)),
            },
            created_at: time(token.created_at),
            updated_at: time(token.used_at.unwrap_or(token.created_at)),
        }
    }
}

/// A token to be made: for what the one that asks is for, or less.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewAuthorization {
    /// What it is for.
    pub(crate) description: Option<String>,
    /// How long it is good, in seconds; else as long as the one that asks.
    pub(crate) expires_in: Option<u32>,
    /// What it may be used for: `read`, `config`, `deploy`, `rollback`, `admin`; or in Heroku's words `identity`
    /// and `read` (`read`), `read-protected` and `write-protected` (`config`), `write` (`deploy` and `rollback`),
    /// `global` (all that the one that asks is for).
    pub(crate) scope: Option<Vec<String>>,
}

/// What a token is to be used for that is made with another one.
///
/// # Errors
/// 422 for words that are none; 403 where the other one is not for that itself.
fn scopes(own: &Token, words: Option<&[String]>) -> Result<BTreeSet<Scope>, ApiError> {
    // One for the machine is only made there (S43): for whoever has one, all else can be asked for.
    let own: BTreeSet<Scope> = own.scopes.iter().map(|scope| of_apps(*scope)).collect();
    let words = words.unwrap_or_default();
    if words.is_empty() || words.iter().any(|word| word == "global") {
        return Ok(own);
    }
    let mut wanted = BTreeSet::new();
    for word in words {
        match word.as_str() {
            "identity" => drop(wanted.insert(Scope::Read)),
            "read-protected" | "write-protected" => drop(wanted.insert(Scope::Config)),
            "write" => wanted.extend([Scope::Deploy, Scope::Rollback]),
            word => {
                let scope = word.parse().map_err(|error: UnknownWord| {
                    ApiError::new(Kind::InvalidParams, error.to_string())
                })?;
                wanted.insert(scope);
            }
        }
    }
    let has = |scope: &Scope| {
        let more = own.contains(scope) || own.contains(&Scope::Admin);
        *scope != Scope::Machine && (more || (*scope == Scope::Read && !own.is_empty()))
    };
    match wanted.iter().find(|scope| !has(scope)) {
        Some(scope) => {
            let text = format!("This token makes none that is for {scope}: it is not itself.");
            Err(ApiError::new(Kind::Forbidden, text))
        }
        None => Ok(wanted),
    }
}

/// What a scope is of the apps alone.
fn of_apps(scope: Scope) -> Scope {
    match scope {
        Scope::Machine => Scope::Admin,
        other => other,
    }
}

/// The tokens of the person who asks
#[utoipa::path(get, path = "/oauth/authorizations", tag = "account",
    responses((status = 200, body = Vec<Authorization>), Errors))]
pub(crate) async fn list(desk: Desk) -> Result<Json<Vec<Authorization>>, ApiError> {
    let read = desk.read(|reading, own| {
        let now = reading.clock().now();
        let all = reading.access().tokens()?;
        let theirs = all.iter().filter(|token| own.sees(token));
        Ok(theirs
            .map(|token| Authorization::new(token, None, now))
            .collect())
    });
    Ok(Json(read.await?))
}

/// One token of the person who asks
#[utoipa::path(get, path = "/oauth/authorizations/{id}", tag = "account",
    params(("id" = String, Path, description = "Its id; `~` for the one that asks")),
    responses((status = 200, body = Authorization), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path(reference): Path<String>,
) -> Result<Json<Authorization>, ApiError> {
    let read = desk.read(move |reading, own| {
        let token = find(reading.access().tokens()?, own, &reference)?;
        Ok(Authorization::new(&token, None, reading.clock().now()))
    });
    Ok(Json(read.await?))
}

/// Makes a token like the one that asks: how a client logs in, with that as the password
#[utoipa::path(post, path = "/oauth/authorizations", tag = "account", request_body = NewAuthorization,
    responses((status = 201, body = Authorization, description = "With its secret, this once"), Errors))]
pub(crate) async fn create(
    desk: Desk,
    body::Json(new): body::Json<NewAuthorization>,
) -> Result<(StatusCode, Json<Authorization>), ApiError> {
    let made = desk.beyond_apps((None, Permission::Read), move |changing, own| {
        let now = changing.clock().now();
        let later = new
            .expires_in
            .map(|seconds| Timestamp(now.0 + i64::from(seconds) * 1000));
        let ends: BTreeSet<_> = [later, own.expires_at].into_iter().flatten().collect();
        let id = TokenId::new(&Uuid::new_v4().simple().to_string());
        let token = Token {
            id: id.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))?,
            description: new.description.unwrap_or_default(),
            created_at: now,
            // It is never good for longer than the one it is made with.
            expires_at: ends.first().copied(),
            used_at: None,
            scopes: scopes(own, new.scope.as_deref())?,
            ..own.clone()
        };
        let mut random = [0; 32];
        let filled = getrandom::fill(&mut random);
        filled.map_err(|error| ApiError::new(Kind::Unavailable, error.to_string()))?;
        let text = secret::secret(&random);
        changing
            .access()
            .add_token(&token, &secret::digest(&text))?;
        Ok(Authorization::new(&token, Some(text), now))
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Makes a token of the person who asks good for nothing
#[utoipa::path(delete, path = "/oauth/authorizations/{id}", tag = "account",
    params(("id" = String, Path, description = "Its id; `~` for the one that asks")),
    responses((status = 200, body = Authorization, description = "What it was"), Errors))]
pub(crate) async fn revoke(
    desk: Desk,
    Path(reference): Path<String>,
) -> Result<Json<Authorization>, ApiError> {
    Ok(Json(gone(desk, reference).await?))
}

/// The tokens of the person who asks: whoever has logged in has one
#[utoipa::path(get, path = "/oauth/sessions", tag = "account",
    responses((status = 200, body = Vec<Authorization>), Errors))]
pub(crate) async fn sessions(desk: Desk) -> Result<Json<Vec<Authorization>>, ApiError> {
    list(desk).await
}

/// Makes the token that asks good for nothing: how a client logs out
#[utoipa::path(delete, path = "/oauth/sessions/{id}", tag = "account",
    params(("id" = String, Path, description = "`~`")),
    responses((status = 200, body = Authorization, description = "What it was"), Errors))]
pub(crate) async fn end_session(
    desk: Desk,
    Path(reference): Path<String>,
) -> Result<Json<Authorization>, ApiError> {
    Ok(Json(gone(desk, reference).await?))
}

async fn gone(desk: Desk, reference: String) -> Result<Authorization, ApiError> {
    desk.own(move |changing, own| {
        let token = find(changing.access().tokens()?, own, &reference)?;
        changing.access().remove_token(&token.id)?;
        Ok(Authorization::new(&token, None, changing.clock().now()))
    })
    .await
}

fn id(token: &TokenId) -> Uuid {
    Uuid::try_parse(token.as_str()).unwrap_or_default()
}

fn find(tokens: Vec<Token>, own: &Token, reference: &str) -> Result<Token, ApiError> {
    if reference == "~" {
        return Ok(own.clone());
    }
    let mut theirs = tokens.into_iter().filter(|token| own.sees(token));
    let found = theirs.find(|token| reference.parse() == Ok(id(&token.id)));
    found.ok_or_else(|| ApiError::no_such("authorization"))
}
