//! The engine's launcher: slugs unpacked, and handed to the daemon, which is started where none
//! runs. It must not know rules; it only carries specs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::port::{Cause, LaunchError, LaunchSpec, Launched, Launcher, Said};
use slugline_core::release::Version;
use slugline_core::settings::Settings;
use slugline_core::time::Timestamp;
use slugline_isolation::Users;
use slugline_runtime::{
    AppSpec, Candidate, Control, ControlError, Home, ProcessState, ProcessStatus, ServerSpec,
    StartError, Status, remove_log, start_background,
};
use slugline_slug::SlugStore;

use crate::clock::random;
use crate::env::Env;
use crate::error::CommandError;
use crate::ui::Ui;

/// How long a release phase may take, in milliseconds, where nothing else is said: an hour.
const RELEASE_LIMIT: u64 = 3_600_000;

/// Speaks to the daemon of one home.
pub struct Supervisor {
    home: PathBuf,
    env: Env,
    ui: Ui,
}

impl Supervisor {
    /// Of this home; nothing is started or connected yet.
    pub fn new(home: &Path, env: &Env, ui: Ui) -> Self {
        Self {
            home: home.to_owned(),
            env: env.clone(),
            ui,
        }
    }

    /// The home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What the daemon does; `None` where none runs.
    ///
    /// # Errors
    /// Where it runs and does not answer.
    pub fn status(&self) -> Result<Option<Status>, CommandError> {
        match Control::connect(&self.home)? {
            Some(control) => Ok(Some(control.status()?)),
            None => Ok(None),
        }
    }

    /// Figures of the daemon, in the text format of OpenMetrics.
    ///
    /// # Errors
    /// Where none runs, or it does not answer.
    pub fn metrics(&self) -> Result<String, CommandError> {
        match Control::connect(&self.home)? {
            Some(control) => Ok(control.metrics()?),
            None => Err(CommandError::failed(
                "Nothing is measured: `slugline serve` does not run",
            )),
        }
    }

    /// The processes and servers of an app; none where no daemon runs.
    ///
    /// # Errors
    /// As [`Supervisor::status`].
    pub fn processes(&self, app: &AppName) -> Result<Vec<ProcessStatus>, CommandError> {
        Ok(processes_of(self.status()?.as_ref(), app).to_vec())
    }

    /// Where an app answers: at the port of the daemon that runs, or of the one that would.
    pub fn url_of(&self, app: &AppName) -> String {
        let running = Control::connect(&self.home)
            .ok()
            .flatten()
            .map(|control| control.port());
        self.url_at(app, running)
    }

    /// Where an app answers, given the port of the daemon, if one runs.
    pub fn url_at(&self, app: &AppName, running: Option<u16>) -> String {
        let port = running.or_else(|| self.env.port().ok()).unwrap_or(8080);
        format!("http://{app}.localhost:{port}")
    }

    /// The folder of logs, which commands read by themselves.
    pub fn logs(&self) -> PathBuf {
        Home::new(&self.home).logs()
    }

    /// Removes the log, the user and the settings of an app that is gone, so that the next of its name begins
    /// with none.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn forget(&self, app: &AppName) -> Result<(), CommandError> {
        if let Some(control) = Control::connect(&self.home)? {
            control.configure(app, &Settings::default())?;
        }
        let users = Users::new(&self.home);
        users
            .forget(app.as_str())
            .map_err(|error| CommandError::because(&error))?;
        remove_log(&self.logs(), app).map_err(|error| CommandError::because(&error))
    }

    /// Ends the daemon and every process with it; `false` where none runs.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn shut_down(&self) -> Result<bool, CommandError> {
        match Control::connect(&self.home)? {
            Some(control) => control
                .shutdown()
                .map(|()| true)
                .map_err(CommandError::from),
            None => Ok(false),
        }
    }

    /// The daemon, started where none runs.
    ///
    /// # Errors
    /// [`LaunchError::Unreachable`].
    pub fn connect(&self) -> Result<Control, LaunchError> {
        if let Some(control) = Control::connect(&self.home).map_err(unreachable)? {
            return Ok(control);
        }
        let program = std::env::current_exe().map_err(unreachable)?;
        let home = (
            OsString::from("SLUGLINE_HOME"),
            self.home.clone().into_os_string(),
        );
        let control = start_background(&program, &["serve".into()], &self.home, &[home]);
        let control = control.map_err(not_started)?;
        // Standard error: the answer of the command goes on unbroken.
        let port = control.port();
        self.ui.status(format_args!(
            "Started `slugline serve` in the background: http://localhost:{port}"
        ));
        Ok(control)
    }

    fn spec(&self, launch: &LaunchSpec) -> Result<AppSpec, LaunchError> {
        app_spec(&self.home, &self.env, launch).map_err(|cause| LaunchError::Unreachable {
            what: "the slug cannot be unpacked".into(),
            cause,
        })
    }
}

/// The processes and servers of an app, as the daemon has told them; none where none runs.
pub fn processes_of<'a>(serving: Option<&'a Status>, app: &AppName) -> &'a [ProcessStatus] {
    let apps = serving
        .map(|status| status.apps.as_slice())
        .unwrap_or_default();
    let found = apps.iter().find(|status| status.app == *app);
    found
        .map(|status| status.processes.as_slice())
        .unwrap_or_default()
}

/// What the daemon is to run, with the slug unpacked into a folder of its own.
///
/// # Errors
/// Where the slug cannot be unpacked, or a limit in the environment is none.
pub fn app_spec(home: &Path, env: &Env, launch: &LaunchSpec) -> Result<AppSpec, Cause> {
    let mut spec = AppSpec::new(launch.app.clone(), launch.version);
    spec.env.clone_from(&launch.env);
    spec.settings.clone_from(&launch.settings);
    spec.env.insert(
        "SLUGLINE_BIN".to_owned(),
        std::env::current_exe()?.to_string_lossy().into_owned(),
    );
    spec.servers = launch
        .servers
        .iter()
        .map(|server| ServerSpec {
            resource: server.resource.clone(),
            name: server.name.clone(),
            command: server.command.clone(),
            port: server.port,
        })
        .collect();
    if let Some(limit) = limit(env, "SLUGLINE_BOOT_TIMEOUT")? {
        spec.boot_limit_ms = limit;
    }
    if launch.release_phase {
        let limit = limit(env, "SLUGLINE_RELEASE_TIMEOUT")?;
        spec.release_limit_ms = Some(limit.unwrap_or(RELEASE_LIMIT));
    }
    if let Some(slug) = &launch.slug {
        let dir = trees(home)
            .join(launch.app.as_str())
            .join(tree_name(launch.version));
        SlugStore::open(home)?.extract(&slug.id, &dir)?;
        spec.dir = Some(dir);
        spec.processes.clone_from(&slug.processes);
    }
    Ok(spec)
}

/// A number of seconds in the environment, in milliseconds.
fn limit(env: &Env, name: &str) -> Result<Option<u64>, Cause> {
    let Some(text) = env.get(name) else {
        return Ok(None);
    };
    let seconds = text.parse::<u64>();
    let seconds = seconds.map_err(|_| format!("{name} is no number of seconds"))?;
    Ok(Some(seconds.saturating_mul(1000)))
}

/// The folder of unpacked slugs, one for each start of a release.
pub fn trees(home: &Path) -> PathBuf {
    home.join("run")
}

fn tree_name(version: Version) -> String {
    let bytes: [u8; 4] = random();
    format!("{version}-{:08x}", u32::from_be_bytes(bytes))
}

fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> LaunchError {
    LaunchError::Unreachable {
        what: "the apps' supervisor cannot be reached".to_owned(),
        cause: error.into(),
    }
}

/// A daemon that ended has said why: its own words are the cause.
fn not_started(error: StartError) -> LaunchError {
    let StartError::Ended { output, .. } = &error else {
        return unreachable(error);
    };
    let own = |line: &String| line.trim().trim_start_matches('!').trim().to_owned();
    let said: Vec<_> = output.iter().map(own).collect();
    if said.is_empty() {
        return unreachable(error);
    }
    LaunchError::Unreachable {
        what: "`slugline serve` cannot be started in the background".to_owned(),
        cause: said.join("\n").into(),
    }
}

fn launch_error(error: ControlError) -> LaunchError {
    match error {
        ControlError::Unhealthy { reason, log } => LaunchError::Unhealthy { reason, log },
        ControlError::ReleasePhase { reason, log } => LaunchError::ReleasePhase { reason, log },
        other => unreachable(other),
    }
}

impl Launcher for Supervisor {
    fn wake(&self) -> Result<(), LaunchError> {
        self.connect().map(drop)
    }

    fn launch(
        &self,
        spec: &LaunchSpec,
        hear: &mut dyn FnMut(Said<'_>),
    ) -> Result<Box<dyn Launched>, LaunchError> {
        let control = self.connect()?;
        let spec = self.spec(spec)?;
        match control.launch_heard(&spec, hear) {
            Ok(candidate) => Ok(Box::new(Ready(candidate))),
            Err(error) => {
                // Nothing runs in it. What cannot be removed now goes when the daemon is started.
                if let Some(tree) = &spec.dir {
                    let _ = std::fs::remove_dir_all(tree);
                }
                Err(launch_error(error))
            }
        }
    }

    fn run(&self, spec: &LaunchSpec) -> Result<(), LaunchError> {
        let control = self.connect()?;
        control.run(&self.spec(spec)?).map_err(launch_error)
    }

    fn stop(&self, app: &AppName) -> Result<(), LaunchError> {
        match Control::connect(&self.home).map_err(unreachable)? {
            Some(control) => control.stop(app).map_err(launch_error),
            None => Ok(()),
        }
    }

    fn configure(&self, app: &AppName, settings: &Settings) -> Result<(), LaunchError> {
        match Control::connect(&self.home).map_err(unreachable)? {
            Some(control) => control.configure(app, settings).map_err(launch_error),
            None => Ok(()),
        }
    }

    fn is_up(&self, app: &AppName) -> Result<bool, LaunchError> {
        let control = self.connect()?;
        let status = control.status().map_err(launch_error)?;
        let own = status.apps.iter().filter(|status| status.app == *app);
        // Those that a person has stopped say nothing about the release.
        let processes: Vec<_> = own
            .flat_map(|status| &status.processes)
            .filter(|process| process.state != ProcessState::Stopped)
            .collect();
        Ok(!processes.is_empty()
            && processes
                .iter()
                .all(|process| process.state == ProcessState::Up))
    }

    fn url(&self, app: &AppName) -> String {
        self.url_of(app)
    }
}

/// A candidate that waits for its switch.
struct Ready(Candidate);

impl Launched for Ready {
    fn switch(self: Box<Self>) -> Result<(), LaunchError> {
        self.0.switch().map_err(launch_error)
    }
}

/// The time of this machine, which the daemon's instants are of, whatever `SLUGLINE_NOW` says.
pub fn machine_now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
