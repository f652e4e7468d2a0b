//! Addresses that are read without a token, since clients do not send it there: each is signed with a key of
//! this process, for one thing and for the token that it was told to. It must not know what is there.

use std::sync::Arc;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ring::hmac;
use slugline_core::access::TokenId;
use slugline_core::app::App;
use uuid::Uuid;

use crate::desk::{Desk, State};
use crate::error::ApiError;
use crate::{here, ids};

/// Signs addresses, for as long as the process lives.
pub(crate) struct Signer(hmac::Key);

impl Signer {
    /// With a key of 244 random bits.
    pub(crate) fn new() -> Self {
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        let key = [one.into_bytes(), two.into_bytes()].concat();
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    fn text(app: &App, what: &str, token: &TokenId) -> String {
        format!("{} {token} {what}", ids::app(app))
    }

    /// Whether this is the signature of an address that was told to this token.
    pub(crate) fn knows(&self, app: &App, what: &str, token: &TokenId, signature: &str) -> bool {
        let text = Self::text(app, what, token);
        let digits = |place| u8::from_str_radix(signature.get(place..place + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..signature.len()).step_by(2).map(digits).collect();
        bytes.is_some_and(|tag| hmac::verify(&self.0, text.as_bytes(), &tag).is_ok())
    }

    fn sign(&self, app: &App, what: &str, token: &TokenId) -> String {
        let tag = hmac::sign(&self.0, Self::text(app, what, token).as_bytes());
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Makes addresses for whoever asks.
#[derive(Clone)]
pub(crate) struct Addresses {
    signer: Arc<Signer>,
    /// Missing where the client has not said how it has reached us.
    base: Option<String>,
    token: TokenId,
}

impl Addresses {
    /// Where the code of a slug is fetched, by its digest.
    pub(crate) fn blob(&self, app: &App, slug: &str) -> Option<String> {
        let (base, token) = (self.base.as_ref()?, &self.token);
        let signature = self.signer.sign(app, slug, token);
        Some(format!(
            "{base}/blobs/{}/{slug}/{token}/{signature}",
            app.name
        ))
    }

    /// Where the output of something is read.
    pub(crate) fn output(&self, app: &App, what: &str) -> Option<String> {
        let (base, token) = (self.base.as_ref()?, &self.token);
        let signature = self.signer.sign(app, what, token);
        Some(format!(
            "{base}/outputs/{}/{what}/{token}/{signature}",
            app.name
        ))
    }
}

impl FromRequestParts<State> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let desk = Desk::from_request_parts(parts, state).await?;
        let signer = Extension::<Arc<Signer>>::from_request_parts(parts, state).await;
        let signer = signer.map_err(|_| ApiError::no_such("address"))?.0;
        let addresses = Addresses {
            signer,
            base: here::base(&parts.headers, &parts.uri).ok(),
            token: desk.token().id.clone(),
        };
        Ok(Self { desk, addresses })
    }
}

/// A request whose answer tells addresses.
pub(crate) struct Asked {
    pub(crate) desk: Desk,
    pub(crate) addresses: Addresses,
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::actor::Actor;
    use slugline_core::app::AppName;
    use slugline_core::time::Timestamp;

    #[test]
    fn an_address_is_of_one_thing_for_one_token() {
        let app = |at| App {
            name: AppName::new("shop").unwrap(),
            owner: Actor::new("jim@example.com").unwrap(),
            created_at: Timestamp(at),
            branch: None,
        };
        let id = |digit: &str| TokenId::new(&digit.repeat(32)).unwrap();
        let signer = Signer::new();
        let good = signer.sign(&app(1), "v3", &id("a"));
        assert!(signer.knows(&app(1), "v3", &id("a"), &good));
        assert!(!signer.knows(&app(2), "v3", &id("a"), &good));
        assert!(!signer.knows(&app(1), "v4", &id("a"), &good));
        assert!(!signer.knows(&app(1), "v3", &id("b"), &good));
        assert!(!Signer::new().knows(&app(1), "v3", &id("a"), &good));
        for bad in ["", "0", "zz", &good[..62], &good.replace('a', "é")] {
            assert!(!signer.knows(&app(1), "v3", &id("a"), bad), "{bad}");
        }
    }
}
