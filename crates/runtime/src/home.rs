//! Where the daemon keeps its files below Slugline's home. It must not know what else is there.

use std::path::{Path, PathBuf};

/// The paths that the daemon uses in a home.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The daemon's part of the home at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The home itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The control socket: only its owner may use it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("serve.sock")
    }

    /// The lock that the one daemon of this home holds; it contains the daemon's process id.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("serve.lock")
    }

    /// The lock that a command holds while it starts the daemon.
    pub(crate) fn start_lock(&self) -> PathBuf {
        self.0.join("serve.start.lock")
    }

    /// The folder of logs: `APP.log`, and the older `APP.log.N`, where N is the number of its last line.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// What a daemon in the background prints. Not an app's log: no app has a dot in its name.
    #[must_use]
    pub fn serve_log(&self) -> PathBuf {
        self.logs().join("serve.out.log")
    }
}
