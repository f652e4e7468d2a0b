//! The port of who may do what. It must not know what a secret looks like: it is told digests.

use std::collections::BTreeSet;

use crate::access::{Collaborator, Role, Token, TokenId};
use crate::actor::Actor;
use crate::app::AppName;
use crate::port::LedgerError;
use crate::time::Timestamp;

/// The digest of a token's secret: SHA-256.
pub type SecretDigest = [u8; 32];

/// Keeps tokens and collaborators (S43). Each method that writes is one transaction.
pub trait Access {
    /// All tokens, oldest first.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn tokens(&self) -> Result<Vec<Token>, LedgerError>;

    /// Keeps a new token.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`] where it is for one that is not there, [`LedgerError::Storage`].
    fn add_token(&self, token: &Token, secret: &SecretDigest) -> Result<(), LedgerError>;

    /// The token whose secret has this digest, expired or not.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn token_of(&self, secret: &SecretDigest) -> Result<Option<Token>, LedgerError>;

    /// Notes that a token was used.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn token_used(&self, id: &TokenId, at: Timestamp) -> Result<(), LedgerError>;

    /// Forgets a token. Answers whether there was one.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    fn remove_token(&self, id: &TokenId) -> Result<bool, LedgerError>;

    /// The people of an app beside its owner, by name.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn collaborators(&self, app: &AppName) -> Result<Vec<Collaborator>, LedgerError>;

    /// What a person may do with an app: its owner everything; `None` for who is not of it.
    ///
    /// # Errors
    /// As [`Access::collaborators`].
    fn role(&self, app: &AppName, user: &Actor) -> Result<Option<Role>, LedgerError>;

    /// The apps that a person owns or is a collaborator of.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn apps_of(&self, user: &Actor) -> Result<BTreeSet<AppName>, LedgerError>;

    /// Makes a person a collaborator, or gives them another role.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn set_collaborator(
        &self,
        app: &AppName,
        collaborator: &Collaborator,
    ) -> Result<(), LedgerError>;

    /// Removes a collaborator. Answers whether there was one.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    fn remove_collaborator(&self, app: &AppName, user: &Actor) -> Result<bool, LedgerError>;
}
