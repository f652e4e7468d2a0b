//! What is to run for an app. It must not know how it came to be: the slug is a folder by now, and
//! a server is a command.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slugline_core::app::AppName;
use slugline_core::corridor::launch::RELEASE_PHASE;
use slugline_core::release::Version;
use slugline_core::resource::ResourceId;
use slugline_core::settings::Settings;

/// The process type that answers requests.
pub(crate) const WEB: &str = "web";
/// The process type that is run once for each release, and never kept running.
pub(crate) const RELEASE: &str = RELEASE_PHASE;

/// Everything that is to run for one app: the processes of a release and the servers of its
/// add-ons. It holds secrets, so its `Debug` names app and release, and no more.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSpec {
    /// The app.
    pub app: AppName,
    /// The release.
    pub version: Version,
    /// The unpacked slug, the working folder of all processes; `None` where there are only servers.
    pub dir: Option<PathBuf>,
    /// Shell commands by process type. As many processes of each run as are set, but none of type
    /// `release`.
    pub processes: BTreeMap<String, String>,
    /// Config vars and the buildpack's defaults.
    pub env: BTreeMap<String, String>,
    /// The servers of the add-ons.
    pub servers: Vec<ServerSpec>,
    /// How long the web process may take to open its port, in milliseconds.
    #[serde(default = "boot_limit")]
    pub boot_limit_ms: u64,
    /// How long a process may take to end after SIGTERM, in milliseconds; then comes SIGKILL.
    #[serde(default = "stop_grace")]
    pub stop_grace_ms: u64,
    /// How long the process `release` may run, in milliseconds, before a launch starts the others;
    /// `None`: it does not run.
    #[serde(default)]
    pub release_limit_ms: Option<u64>,
    /// Whether it took over so lately that it is watched still.
    #[serde(default)]
    pub watch: bool,
    /// What is set of the app.
    #[serde(default)]
    pub settings: Settings,
}

/// The server of one resource. No `Debug`: its arguments may hold a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// The resource; it has one server at most.
    pub resource: ResourceId,
    /// Its name in logs and lists, such as `memcache`.
    pub name: String,
    /// Program and arguments; an empty one cannot be started.
    pub command: Vec<String>,
    /// The port that it opens when it is ready; `None`: it is ready once it runs.
    pub port: Option<u16>,
}

fn boot_limit() -> u64 {
    60_000
}

fn stop_grace() -> u64 {
    30_000
}

impl AppSpec {
    /// A release of an app with nothing to run yet, and the limits that apps have by default: 60 s
    /// to boot, 30 s to end.
    #[must_use]
    pub fn new(app: AppName, version: Version) -> Self {
        Self {
            app,
            version,
            dir: None,
            processes: BTreeMap::new(),
            env: BTreeMap::new(),
            servers: Vec::new(),
            boot_limit_ms: boot_limit(),
            stop_grace_ms: stop_grace(),
            release_limit_ms: None,
            watch: false,
            settings: Settings::default(),
        }
    }

    /// The processes that are kept running, by type and number, as many of each as are set (S22).
    pub(crate) fn formation(&self) -> impl Iterator<Item = (&str, u32)> {
        let numbers = |kind| 1..=self.settings.of_type(kind).count;
        self.running_types()
            .flat_map(move |kind| numbers(kind).map(move |number| (kind, number)))
    }

    /// The process types that are kept running: those with code to run, less `release`.
    pub(crate) fn running_types(&self) -> impl Iterator<Item = &str> {
        let types = self.dir.iter().flat_map(|_| self.processes.keys());
        types.map(String::as_str).filter(|kind| *kind != RELEASE)
    }
}

impl std::fmt::Debug for AppSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppSpec({} {})", self.app, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let mut spec = AppSpec::new(AppName::new("myapp").unwrap(), Version::new(3));
        spec.env.insert("KEY".into(), "hunter2".into());
        assert_eq!(format!("{spec:?}"), "AppSpec(myapp v3)");
    }

    #[test]
    fn release_is_no_running_type_and_without_code_nothing_runs() {
        let mut spec = AppSpec::new(AppName::new("myapp").unwrap(), Version::new(3));
        for kind in ["web", "release", "worker"] {
            spec.processes.insert(kind.into(), "true".into());
        }
        assert_eq!(spec.running_types().count(), 0);
        spec.dir = Some("/".into());
        assert_eq!(spec.running_types().collect::<Vec<_>>(), ["web", "worker"]);
    }
}
