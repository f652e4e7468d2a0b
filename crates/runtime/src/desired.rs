//! The port to whoever knows which release is current. It must not know that this is a ledger.

use std::path::Path;

use slugline_core::app::AppName;
use slugline_core::release::Version;

use crate::spec::AppSpec;

/// Knows what is to run. The methods may block; the daemon calls them on a thread of their own.
/// Their errors are one line for a person, without secrets.
pub trait Desired: Send + Sync + 'static {
    /// What is to run for an app now; `None` when there is no such app, or nothing to run.
    ///
    /// # Errors
    /// Why it cannot be told, in one line.
    fn current(&self, app: &AppName) -> Result<Option<AppSpec>, String>;

    /// What is to run for every app.
    ///
    /// # Errors
    /// Why it cannot be told, in one line.
    fn all(&self) -> Result<Vec<AppSpec>, String>;

    /// The last process of a release that was replaced has ended, and no other release runs in its
    /// folder, so that it can be removed; or a one-off has, in a folder of its own.
    fn retired(&self, app: &AppName, version: Version, dir: &Path);
}
