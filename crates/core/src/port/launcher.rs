//! The port to the supervisor: a release's processes, started beside the old ones.

use std::collections::BTreeMap;

use crate::app::AppName;
use crate::release::Version;
use crate::resource::ResourceId;
use crate::settings::Settings;
use crate::slug::Slug;

use super::Cause;

/// The server of a resource, run beside the app's own processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The resource; one server each.
    pub resource: ResourceId,
    /// The name it has in logs and lists, such as `memcache`.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The port that it opens once it is up, if it has one.
    pub port: Option<u16>,
}

/// What is to run for an app.
#[derive(Clone)]
pub struct LaunchSpec {
    /// The app.
    pub app: AppName,
    /// The release.
    pub version: Version,
    /// Its code; `None` where there is only servers to run.
    pub slug: Option<Slug>,
    /// The environment of its processes, secrets among it: hence no `Debug`.
    pub env: BTreeMap<String, String>,
    /// The servers of its add-ons.
    pub servers: Vec<Server>,
    /// What is set of the app.
    pub settings: Settings,
    /// Whether the process `release` runs once, before any other is started, and has to end well.
    pub release_phase: bool,
}

/// Why a release does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its processes did not become healthy.
    #[error("{reason}")]
    Unhealthy {
        /// What happened, in one line, such as `web.1 exited with status 1`.
        reason: String,
        /// The last lines that the process wrote.
        log: Vec<String>,
    },
    /// Its release phase failed; none of its processes was started.
    #[error("{reason}")]
    ReleasePhase {
        /// What happened, in one line, such as `release.1 exited with status 1`.
        reason: String,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
    /// The supervisor cannot be reached or started.
    #[error("{what}")]
    Unreachable {
        /// What was tried, and what to do.
        what: String,
        /// Why it failed.
        #[source]
        cause: Cause,
    },
}

/// What is heard of a launch while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A line that the release phase wrote.
    Line(&'a str),
    /// The release phase has ended well: the processes are started now.
    Released,
}

/// Runs releases.
pub trait Launcher {
    /// Makes sure that what runs releases is there, and starts it where it is not, so that this is
    /// not said in the middle of something else.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    fn wake(&self) -> Result<(), LaunchError>;

    /// Starts a release's servers and processes beside those that run, and waits until they are
    /// healthy. Requests still go to the old ones. Where its release phase is to run, that comes
    /// between servers and processes, and `hear` is told of it. Whoever dies meanwhile ends all
    /// that was started.
    ///
    /// # Errors
    /// [`LaunchError`]; whatever was started has been ended then, and the old processes serve on.
    fn launch(
        &self,
        spec: &LaunchSpec,
        hear: &mut dyn FnMut(Said<'_>),
    ) -> Result<Box<dyn Launched>, LaunchError>;

    /// Runs a release without waiting for its health, in place of whatever runs: for the very
    /// first code of an app, which stays and is restarted when it crashes (S30).
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    fn run(&self, spec: &LaunchSpec) -> Result<(), LaunchError>;

    /// Ends all processes and servers of an app; none is no error.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    fn stop(&self, app: &AppName) -> Result<(), LaunchError>;

    /// Brings what runs of an app to these settings, without starting anew what can go on. Where
    /// nothing runs, that is no error: whatever is started later is given them anyway.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    fn configure(&self, app: &AppName, settings: &Settings) -> Result<(), LaunchError>;

    /// Whether all processes of an app's current release are up. One that has none is not.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    fn is_up(&self, app: &AppName) -> Result<bool, LaunchError>;

    /// Where an app answers, such as `http://myapp.localhost:8080`.
    fn url(&self, app: &AppName) -> String;
}

/// A release that is healthy and gets no requests yet. Dropping it ends its processes, unless the
/// ledger says by then that it is current.
pub trait Launched {
    /// Sends the requests to it, and ends the old processes once they have finished theirs.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`]: the supervisor died, and starts what is current when it is
    /// started again.
    fn switch(self: Box<Self>) -> Result<(), LaunchError>;
}
