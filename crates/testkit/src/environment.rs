//! A machine of its own for each end-to-end test: a home, a git identity, a clock that stands still
//! and an environment without a variable of whoever runs the tests. Commands are the real binary,
//! built once and linked into the test's own folder, so that a build meanwhile cannot take it away.
//!
//! It must not know any command but `status` and `serve --stop`, which it needs to ask an app over
//! HTTP and to leave nothing running.

mod api;
mod output;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use api::{Answer, ApiClient, Serving, serving};
pub use output::Output;
use output::shown;

/// When every command is run, unless it is said otherwise: in a zone seven hours behind UTC.
pub const NOW: &str = "2010-09-15T12:00:00-07:00";

/// Who runs every command, unless it is said otherwise.
pub const ACTOR: &str = "jim@example.com";

/// The app that is meant, unless it is said otherwise.
pub const APP: &str = "myapp";

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with everything in it. Dropping it ends what runs there.
pub struct TestEnvironment {
    folder: TempDir,
    program: PathBuf,
    /// Beside the binary it links to, for a link does not cross file systems.
    _link: TempDir,
}

impl Default for TestEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

impl TestEnvironment {
    /// A fresh one, without an app.
    ///
    /// # Panics
    /// Where the binary cannot be built, or the disk fails.
    #[must_use]
    pub fn new() -> Self {
        let built = binary();
        let links = built.with_file_name("end-to-end");
        std::fs::create_dir_all(&links).expect("the target folder can be written");
        let link = TempDir::new_in(links).expect("the target folder can be written");
        let program = link.path().join("slugline");
        std::fs::hard_link(built, &program).expect("the binary can be linked");
        let folder = TempDir::with_prefix("slugline-test-").expect("a temporary folder");
        for name in ["user", "tmp", "work"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        Self {
            folder,
            program,
            _link: link,
        }
    }

    /// The folder that all is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `SLUGLINE_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    /// Where commands are run.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder().join("work")
    }

    /// `TMPDIR`.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.folder().join("tmp")
    }

    /// Somebody at this machine.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller::new(self)
    }

    /// Somebody who acts at this instant (RFC 3339).
    #[must_use]
    pub fn at(&self, now: &str) -> Caller<'_> {
        self.caller().at(now)
    }

    /// Somebody of this name.
    #[must_use]
    pub fn by(&self, actor: &str) -> Caller<'_> {
        self.caller().by(actor)
    }

    /// Runs `slugline`.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        self.caller().run(words)
    }

    /// Runs `git`.
    pub fn git<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        self.caller().git(words)
    }

    /// Writes a file below the work folder, with the folders above it.
    ///
    /// # Panics
    /// Where the disk fails.
    pub fn write_file(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        let above = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(above).expect("the folder can be made");
        std::fs::write(&path, contents).expect("the file can be written");
    }

    /// The router's port.
    ///
    /// # Panics
    /// Where `slugline serve` does not run.
    #[must_use]
    #[track_caller]
    pub fn router_port(&self) -> u16 {
        let status = self.run(["status", "--json"]).success().json();
        let port = status["router"]
            .as_str()
            .and_then(|url| url.rsplit_once(':'));
        let port = port.and_then(|(_, port)| port.parse().ok());
        port.expect("`slugline serve` runs")
    }

    /// Asks an app for a page through the router: the status, and the body as text.
    ///
    /// # Panics
    /// Where nothing answers.
    #[must_use]
    #[track_caller]
    pub fn http_get(&self, app: &str, path: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        let request = agent.get(format!("http://127.0.0.1:{}{path}", self.router_port()));
        let mut response = request
            .header("Host", format!("{app}.localhost"))
            .call()
            .expect("the router answers");
        let body = response.body_mut().read_to_string();
        (response.status().as_u16(), body.expect("a body of text"))
    }

    /// What differs from machine to machine, and what is shown instead.
    fn places(&self) -> Vec<(String, String)> {
        [
            (self.home(), "$SLUGLINE_HOME"),
            (self.work(), "$WORK"),
            (self.folder().to_owned(), "$FOLDER"),
            (self.program.clone(), "$SLUGLINE"),
        ]
        .map(|(path, name)| (path.display().to_string(), name.to_owned()))
        .into()
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        let stopped = self.run(["serve", "--stop"]);
        if stopped.status != 0 && !std::thread::panicking() {
            panic!("what the test started runs on:\n{stopped}");
        }
    }
}

/// Somebody at the machine: a time, a name, a folder and a few variables.
#[derive(Clone)]
pub struct Caller<'a> {
    environment: &'a TestEnvironment,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
}

impl<'a> Caller<'a> {
    fn new(environment: &'a TestEnvironment) -> Self {
        let path = |path: PathBuf| path.display().to_string();
        let inherited =
            ["PATH", "LANG"].map(|name| (name, std::env::var(name).unwrap_or_default()));
        let places = [
            ("HOME", path(environment.folder().join("user"))),
            ("TMPDIR", path(environment.temporary())),
            ("SLUGLINE_HOME", path(environment.home())),
        ];
        let fixed = [
            ("SLUGLINE_API", "127.0.0.1:0"),
            ("SLUGLINE_PORT", "0"),
            ("SLUGLINE_NOW", NOW),
            ("SLUGLINE_ACTOR", ACTOR),
            ("SLUGLINE_APP", APP),
            ("NO_COLOR", "1"),
            ("TZ", "MST7"),
            ("USER", "somebody"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Jim"),
            ("GIT_AUTHOR_EMAIL", ACTOR),
            ("GIT_AUTHOR_DATE", NOW),
            ("GIT_COMMITTER_NAME", "Jim"),
            ("GIT_COMMITTER_EMAIL", ACTOR),
            ("GIT_COMMITTER_DATE", NOW),
            ("GIT_TERMINAL_PROMPT", "0"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let all = inherited.into_iter().chain(places).chain(fixed);
        let variables = all.map(|(name, value)| (name.to_owned(), value));
        Self {
            environment,
            folder: environment.work(),
            variables: variables.collect(),
        }
    }

    /// At this instant (RFC 3339).
    #[must_use]
    pub fn at(self, now: &str) -> Self {
        self.with("SLUGLINE_NOW", now)
    }

    /// Of this name.
    #[must_use]
    pub fn by(self, actor: &str) -> Self {
        self.with("SLUGLINE_ACTOR", actor)
    }

    /// With this variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without that variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// In this folder below the work folder.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = self.environment.work().join(folder);
        self
    }

    /// Runs `slugline`.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        self.output("slugline", words)
    }

    /// Runs `git`.
    pub fn git<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        self.output("git", words)
    }

    /// A command that is not run yet: `slugline`, or a program on the path. It reads nothing.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = match program {
            "slugline" => Command::new(&self.environment.program),
            other => Command::new(other),
        };
        command.env_clear().envs(&self.variables);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn output<S: AsRef<OsStr>>(&self, program: &str, words: impl IntoIterator<Item = S>) -> Output {
        let mut command = self.command(program);
        command.args(words);
        let ran = command.output().expect("the program can be run");
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        Output {
            command: shown(program, command.get_args()),
            stdout: text(ran.stdout),
            stderr: text(ran.stderr),
            status: ran.status.code().unwrap_or(-1),
            places: self.environment.places(),
        }
    }
}

/// Waits until `holds`, and fails where it does not in time.
///
/// # Panics
/// After [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "this never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The binary, built from what is there now; once in a test process.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--package",
                "slugline",
                "--bin",
                "slugline",
            ])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be run");
        assert!(built.status.success(), "the binary cannot be built");
        let lines = String::from_utf8(built.stdout).expect("cargo speaks UTF-8");
        let messages = lines.lines().map(serde_json::from_str::<serde_json::Value>);
        let program = messages
            .filter_map(|message| Some(message.ok()?["executable"].as_str()?.to_owned()))
            .next_back();
        program.expect("cargo names the binary").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_whoever_runs_the_tests_is_inherited() {
        let environment = TestEnvironment::new();
        let shown = environment.caller().command("env").output().unwrap();
        let text = String::from_utf8(shown.stdout).unwrap();
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        assert!(names.iter().all(|(name, _)| *name != "CARGO"), "{text}");
        assert!(names.contains(&("SLUGLINE_NOW", NOW)), "{text}");
        let own = environment.folder().display().to_string();
        assert!(
            names
                .iter()
                .any(|(name, path)| *name == "HOME" && path.starts_with(&own))
        );
    }
}
