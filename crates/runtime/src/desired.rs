//! The port to whoever knows which release is current. It must not know that this is a ledger.

use std::collections::BTreeSet;
use std::path::Path;

use slugline_core::app::AppName;
use slugline_core::port::Seen;
use slugline_core::release::Version;

use crate::spec::AppSpec;

/// What was seen of a release after it had taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The release.
    pub version: Version,
    /// How long it was watched.
    pub seconds: u64,
    /// How often its processes crashed meanwhile.
    pub restarts: u32,
    /// Why it is bad, in one line, if it is.
    pub bad: Option<String>,
}

/// What others think of a release that is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinion {
    /// Why it is bad, in one line, if anybody says so.
    pub bad: Option<String>,
    /// Those who call it good, and need not be asked again.
    pub content: BTreeSet<String>,
    /// Lines for the app's log, each of which is written once for a release.
    pub said: Vec<String>,
}

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

    /// What others think of a release that took over, while it is watched. Asked every few seconds,
    /// never twice at a time, and once when the time is over.
    fn opinion(&self, app: &AppName, version: Version, seen: &Seen) -> Opinion;

    /// A release that took over has been watched for its time, or has gone bad before. Answers lines
    /// for the app's log. Called once for each watch; it may make another release current.
    fn watched(&self, app: &AppName, seen: &Watched) -> Vec<String>;

    /// The last process of a release that was replaced has ended, and no other release runs in its
    /// folder, so that it can be removed; or a one-off has, in a folder of its own.
    fn retired(&self, app: &AppName, version: Version, dir: &Path);
}
