//! Where the tour takes place: a fresh home, the sample app in a git repository, and the means to
//! run commands and ask the app. It must not know the story.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use ureq::http::StatusCode;

use crate::clock::random;
use crate::context::Context;
use crate::error::CommandError;
use crate::ui::Ui;

/// The app of the tour.
pub const APP: &str = "hello";

static SAMPLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/sample");

/// What the sample app says of itself.
#[derive(Debug, Deserialize)]
pub struct Page {
    pub edition: String,
    pub release: String,
    pub greeting: String,
    pub visits: Option<u64>,
}

/// A command that was run: what it printed on both outputs, and how it ended.
pub struct Ran {
    pub text: String,
    pub ok: bool,
}

/// A fresh home and a repository.
pub struct Stage<'a> {
    ui: &'a Ui,
    folder: PathBuf,
    path: Option<String>,
    port: String,
}

impl<'a> Stage<'a> {
    /// Makes the home, and the repository with the sample app.
    ///
    /// # Errors
    /// Where the disk or git fails.
    pub fn set(context: &'a Context) -> Result<Self, CommandError> {
        let [a, b, c, d]: [u8; 4] = random();
        let name = format!("slugline-tour-{a:02x}{b:02x}{c:02x}{d:02x}");
        let folder = std::env::temp_dir().join(name);
        let path = context.env.get("PATH");
        let port = context
            .env
            .get("SLUGLINE_PORT")
            .map_or_else(free_port, Ok)?;
        let stage = Self {
            ui: &context.ui,
            folder,
            path,
            port,
        };
        let disk = |error: std::io::Error| {
            CommandError::failed(format!(
                "{} cannot be written: {error}",
                stage.folder.display()
            ))
        };
        std::fs::create_dir_all(stage.repository()).map_err(disk)?;
        SAMPLE.extract(stage.repository()).map_err(disk)?;
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
        ] {
            stage.git_quietly(args)?;
        }
        stage.git_quietly(&["commit", "--quiet", "-m", "First edition"])?;
        Ok(stage)
    }

    /// A paragraph of the story.
    pub fn say(&self, text: &str) {
        self.ui.data(format_args!("\n{text}\n"));
    }

    /// A check that held.
    pub fn holds(&self, text: &str) {
        self.ui.data(format_args!("   \u{2713} {text}"));
    }

    /// Runs `slugline` and shows it.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn slugline(&self, words: &[&str]) -> Result<Ran, CommandError> {
        let program = std::env::current_exe().map_err(|error| CommandError::because(&error))?;
        self.ui.data(format_args!("$ slugline {}", shown(words)));
        self.show(self.command(&program).args(words))
    }

    /// Runs `git` and shows it.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn git(&self, words: &[&str]) -> Result<Ran, CommandError> {
        self.ui.data(format_args!("$ git {}", shown(words)));
        self.show(self.command(Path::new("git")).args(words))
    }

    /// Changes the sample app, and commits that.
    ///
    /// # Errors
    /// Where the disk or git fails.
    pub fn edit(&self, from: &str, to: &str, message: &str) -> Result<(), CommandError> {
        let file = self.repository().join("app.py");
        let disk = |error: std::io::Error| CommandError::because(&error);
        let text = std::fs::read_to_string(&file).map_err(disk)?;
        std::fs::write(&file, text.replacen(from, to, 1)).map_err(disk)?;
        self.ui.data(format_args!("$ git commit -am \"{message}\""));
        self.git_quietly(&["commit", "--quiet", "-am", message])
    }

    /// Takes the last commit back.
    ///
    /// # Errors
    /// Where git fails.
    pub fn revert(&self) -> Result<(), CommandError> {
        self.ui.data("$ git reset --hard HEAD~1");
        self.git_quietly(&["reset", "--quiet", "--hard", "HEAD~1"])
    }

    /// Asks the app for its page over HTTP, through the router; `Err` is the status of a page that
    /// is none.
    ///
    /// # Errors
    /// Where nothing answers.
    pub fn page(&self) -> Result<Result<Page, u16>, CommandError> {
        let unanswered =
            |error: ureq::Error| CommandError::failed(format!("The app does not answer: {error}"));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .proxy(None)
            .build()
            .new_agent();
        let url = format!("http://127.0.0.1:{}/status.json", self.router_port()?);
        let request = agent.get(&url).header("Host", format!("{APP}.localhost"));
        let mut response = request.call().map_err(unanswered)?;
        if response.status() != StatusCode::OK {
            return Ok(Err(response.status().as_u16()));
        }
        let text = response.body_mut().read_to_string().map_err(unanswered)?;
        Ok(Ok(serde_json::from_str(&text)?))
    }

    /// Says where the app runs on.
    ///
    /// # Errors
    /// Where the daemon does not answer.
    pub fn leave(&self) -> Result<(), CommandError> {
        let (port, home) = (self.router_port()?, self.home().display().to_string());
        self.ui.data(format_args!(
            "\nThe app runs on: http://{APP}.localhost:{port}\n\
             Work with it from {}\nwith SLUGLINE_HOME={home}\n\
             To end it: SLUGLINE_HOME={home} slugline serve --stop; rm -r {}",
            self.repository().display(),
            self.folder.display()
        ));
        Ok(())
    }

    /// Ends the daemon and removes everything.
    ///
    /// # Errors
    /// Where something is left.
    pub fn clear(&self) -> Result<(), CommandError> {
        let program = std::env::current_exe().map_err(|error| CommandError::because(&error))?;
        let stopped = self.command(&program).args(["serve", "--stop"]).output();
        stopped.map_err(|error| CommandError::because(&error))?;
        std::fs::remove_dir_all(&self.folder).map_err(|error| {
            CommandError::failed(format!(
                "{} cannot be removed: {error}",
                self.folder.display()
            ))
        })
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn repository(&self) -> PathBuf {
        self.folder.join(APP)
    }

    fn router_port(&self) -> Result<u16, CommandError> {
        let control = slugline_runtime::Control::connect(&self.home())?;
        let port = control.map(|control| control.port());
        port.ok_or_else(|| CommandError::failed("`slugline serve` does not run"))
    }

    /// A command in the repository, with the tour's own home and git identity and no other
    /// variable of ours.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.repository());
        command
            .env("SLUGLINE_HOME", self.home())
            .env("SLUGLINE_PORT", &self.port);
        for ours in ["SLUGLINE_APP", "SLUGLINE_ACTOR", "SLUGLINE_NOW"] {
            command.env_remove(ours);
        }
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Jim")
                .env(format!("GIT_{role}_EMAIL"), "jim@example.com");
        }
        command.env("SLUGLINE_ACTOR", "jim@example.com");
        command.envs(self.path.iter().map(|path| ("PATH", path)));
        command
    }

    fn git_quietly(&self, args: &[&str]) -> Result<(), CommandError> {
        let output = self.command(Path::new("git")).args(args).output();
        let output =
            output.map_err(|error| CommandError::failed(format!("git cannot be run: {error}")))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(CommandError::failed(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )),
        }
    }

    /// Runs a command and shows its lines, both outputs in the order they came.
    fn show(&self, command: &mut Command) -> Result<Ran, CommandError> {
        let broken = |error: std::io::Error| CommandError::because(&error);
        let (reader, writer) = std::io::pipe().map_err(broken)?;
        command.stdin(std::process::Stdio::null());
        command
            .stderr(writer.try_clone().map_err(broken)?)
            .stdout(writer);
        let mut child = command.spawn().map_err(broken)?;
        // The command holds the pipe's other end as well; without this the reading never ends.
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut text = String::new();
        for line in BufReader::new(reader).lines() {
            let line = line.map_err(broken)?;
            self.ui.data(&line);
            text.push_str(&line);
            text.push('\n');
        }
        let ok = child.wait().map_err(broken)?.success();
        Ok(Ran { text, ok })
    }
}

/// A port that nobody uses now.
fn free_port() -> Result<String, CommandError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|address| address.port().to_string())
        .map_err(|error| CommandError::because(&error))
}

/// Words as they would be typed.
fn shown(words: &[&str]) -> String {
    let quoted = |word: &&str| {
        if word.contains(' ') {
            format!("\"{word}\"")
        } else {
            (*word).to_owned()
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
