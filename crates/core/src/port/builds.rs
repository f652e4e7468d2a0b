//! The port of code that comes through the API: the slugs that were brought to an app, and its builds. It must
//! not know how either is made.

use crate::app::AppName;
use crate::build::{Brought, Build, BuildId};
use crate::port::LedgerError;
use crate::time::Timestamp;

/// Keeps builds and brought slugs: of each the newest [`crate::build::KEPT`] of an app. Each method that writes
/// is one transaction.
pub trait Builds {
    /// The slugs that were brought to an app, newest first.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn brought(&self, app: &AppName) -> Result<Vec<Brought>, LedgerError>;

    /// Keeps a brought slug, in place of one of its name. One that has come is in use from then on, as if
    /// a release held it.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn put_brought(&self, app: &AppName, brought: &Brought) -> Result<(), LedgerError>;

    /// The builds of an app, newest first.
    ///
    /// # Errors
    /// As [`Builds::brought`].
    fn builds(&self, app: &AppName) -> Result<Vec<Build>, LedgerError>;

    /// Keeps a build, in place of one of its name; with what it has written, where that is said.
    ///
    /// # Errors
    /// As [`Builds::put_brought`].
    fn put_build(
        &self,
        app: &AppName,
        build: &Build,
        output: Option<&str>,
    ) -> Result<(), LedgerError>;

    /// What a build has written; `None` while it is pending, and of one that is not kept.
    ///
    /// # Errors
    /// As [`Builds::brought`].
    fn build_output(&self, app: &AppName, id: &BuildId) -> Result<Option<String>, LedgerError>;

    /// Says of every build that is pending that it failed: whoever made them is gone. Answers how many.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn fail_builds(&self, at: Timestamp) -> Result<usize, LedgerError>;
}
