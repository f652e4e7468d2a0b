//! What somebody was let in to by a token, for what goes on after the answer: whether they may still is asked
//! each time. It must not know what goes on.

use std::sync::Arc;
use std::time::Duration;

use slugline_core::access::{Permission, Token, TokenId};
use slugline_core::app::App;
use slugline_core::port::SecretDigest;

use crate::backend::{Backend, Reading};
use crate::desk::{Desk, admitted, known, read, unauthorized};
use crate::error::ApiError;

/// How often it is asked.
pub(crate) const ASKED: Duration = Duration::from_secs(5);

/// What somebody was let in to.
#[derive(Clone)]
pub(crate) struct Standing {
    backend: Arc<dyn Backend>,
    by: By,
    app: App,
    permission: Permission,
}

/// By which token.
#[derive(Clone)]
enum By {
    Secret(SecretDigest),
    Id(TokenId),
}

impl By {
    fn token(&self, reading: &dyn Reading) -> Result<Token, ApiError> {
        let found = match self {
            Self::Secret(secret) => known(reading, secret)?,
            Self::Id(id) => {
                let now = reading.clock().now();
                let mut all = reading.access().tokens()?.into_iter();
                all.find(|token| token.id == *id && !token.expired(now))
            }
        };
        found.ok_or_else(unauthorized)
    }
}

impl Desk {
    /// What is permitted of an app, for what goes on after the answer.
    pub(crate) async fn standing(self, about: (String, Permission)) -> Result<Standing, ApiError> {
        Standing::of(self.backend, By::Secret(self.secret), about).await
    }

    /// The same, of an app that is known once it has been let in to.
    pub(crate) fn standing_in(
        &self,
        permission: Permission,
    ) -> impl FnOnce(App) -> Standing + use<> {
        let (backend, by) = (Arc::clone(&self.backend), By::Secret(self.secret));
        move |app| Standing {
            backend,
            by,
            app,
            permission,
        }
    }
}

impl Standing {
    /// That of a token which is named, for an address that says so.
    pub(crate) async fn of_token(
        backend: Arc<dyn Backend>,
        token: TokenId,
        about: (String, Permission),
    ) -> Result<Self, ApiError> {
        Self::of(backend, By::Id(token), about).await
    }

    async fn of(
        backend: Arc<dyn Backend>,
        by: By,
        (app, permission): (String, Permission),
    ) -> Result<Self, ApiError> {
        let asks = by.clone();
        let app = read(&backend, move |reading| {
            admitted(reading, &asks.token(reading)?, &app, permission)
        })
        .await?;
        Ok(Self {
            backend,
            by,
            app,
            permission,
        })
    }

    /// What answers.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The app.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Waits until the token or its person may not any more.
    pub(crate) async fn lost(&self) {
        loop {
            tokio::time::sleep(ASKED).await;
            let asked = self.read(|_, _| Ok(())).await;
            // A disk that fails takes nothing from anybody.
            if asked.is_err_and(|error| error.is_refusal()) {
                return;
            }
        }
    }

    /// Reads what is about the app, if the token and its person may still: it may be revoked, and they may
    /// have another role, by now.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Reading, &App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let it = self.clone();
        read(&self.backend, move |reading| {
            let token = it.by.token(reading)?;
            let app = admitted(reading, &token, it.app.name.as_str(), it.permission)?;
            // Another app of that name is another one.
            match app.created_at == it.app.created_at {
                true => work(reading, &app),
                false => Err(ApiError::no_such("app")),
            }
        })
        .await
    }
}
