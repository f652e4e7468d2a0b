//! A machine that can be put back to how it was: a home, what its person works in, and a service
//! outside. Commands run on it end by themselves, or by a fault. It must not know what is right.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use slugline_testkit::environment::{Caller, TestEnvironment, serving, wait_until};

use super::processes::{self, Found};
use super::provider::{Kept, Provider};
use super::shim::{self, At, Fault, Process};

/// The machine.
pub(crate) struct World {
    pub(crate) env: TestEnvironment,
    pub(crate) provider: Provider,
    daemon: Option<Child>,
    saved: Kept,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) words: String,
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Whether its fault happened.
    pub(crate) hit: bool,
}

impl Ran {
    pub(crate) fn good(&self) -> bool {
        self.status == Some(0)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.status.or(self.signal.map(|signal| -signal));
        let (words, end) = (&self.words, end.unwrap_or_default());
        write!(f, "$ {words} [{end}]\n{}{}", self.stdout, self.stderr)
    }
}

/// The words of a command: `git` first, or those of `slugline`.
pub(crate) fn command(caller: &Caller<'_>, words: &[&str]) -> Command {
    let (program, words) = match words {
        ["git", words @ ..] => ("git", words),
        words => ("slugline", words),
    };
    let mut command = caller.command(program);
    command.args(words);
    command
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            env: TestEnvironment::new(),
            provider: Provider::new(),
            daemon: None,
            saved: Kept::new(),
        }
    }

    fn copy(&self, name: &str) -> PathBuf {
        self.env.folder().join(format!("saved-{name}"))
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.env.folder().join(name)
    }

    /// Keeps what is there now, to be put back; nothing runs from here on.
    pub(crate) fn save(&mut self) {
        self.stop();
        for (name, folder) in self.folders() {
            let _ = std::fs::remove_dir_all(self.copy(name));
            if folder.exists() {
                copy(&folder, &self.copy(name));
            }
        }
        self.saved = self.provider.kept();
    }

    /// Puts back what was there.
    pub(crate) fn restore(&mut self, with_daemon: bool) {
        self.stop();
        for (name, folder) in self.folders() {
            // The last command's own children may be at work still.
            while folder.exists() {
                let _ = std::fs::remove_dir_all(&folder);
            }
            if self.copy(name).exists() {
                copy(&self.copy(name), &folder);
            }
        }
        self.provider.put_back(&self.saved);
        if with_daemon {
            self.serve();
        }
    }

    fn folders(&self) -> [(&'static str, PathBuf); 2] {
        [("home", self.env.home()), ("work", self.env.work())]
    }

    /// Starts the daemon, and waits until it serves.
    pub(crate) fn serve(&mut self) {
        let mut command = self.env.caller().command("slugline");
        let (child, _, mut stderr) = serving(command.arg("serve"));
        // It goes on to speak, to nobody.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        self.daemon = Some(child);
    }

    /// Ends whatever runs.
    pub(crate) fn stop(&mut self) {
        if processes::of_home(&self.env.home())
            .iter()
            .any(Found::is_daemon)
        {
            // A daemon that has a fault before it yet may meet it now, and so not answer.
            let _ = self.env.run(["serve", "--stop"]);
            let home = self.env.home();
            wait_until("the end of the daemon", || {
                !processes::of_home(&home).iter().any(Found::is_daemon)
            });
        }
        if let Some(mut daemon) = self.daemon.take() {
            daemon.wait().expect("the daemon ends");
        }
    }

    /// Runs a command, armed by `arm`. What it prints goes to files, so that nobody waits for a child
    /// that it left behind.
    fn ran(&self, command: Command, arm: impl FnOnce(&mut Command)) -> Ran {
        self.ran_as(command, "", |command, _| arm(command))
    }

    /// The same beside others who do so, each with a word of its own; `arm` is told which file says
    /// that a fault happened.
    pub(crate) fn ran_as(
        &self,
        mut command: Command,
        own: &str,
        arm: impl FnOnce(&mut Command, &PathBuf),
    ) -> Ran {
        let words = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned());
        let words = words.collect::<Vec<_>>().join(" ");
        let [out, err, hit] =
            ["stdout", "stderr", "hit"].map(|name| self.file(&format!("{own}{name}")));
        let _ = std::fs::remove_file(&hit);
        arm(&mut command, &hit);
        command.stdout(File::create(&out).unwrap());
        command.stderr(File::create(&err).unwrap());
        let status = command.status().expect("the command can be run");
        let read =
            |file: &Path| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        Ran {
            words,
            status: status.code(),
            signal: status.signal(),
            stdout: read(&out),
            stderr: read(&err),
            hit: hit.exists(),
        }
    }

    /// Runs a command.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.ran(command(&self.env.caller(), words), |_| {})
    }

    /// Runs a command that has to succeed.
    #[track_caller]
    pub(crate) fn does(&self, words: &[&str]) {
        let ran = self.run(words);
        assert!(ran.good(), "{ran}");
    }

    /// Runs a command and answers the points that it, or the process that is meant, comes to.
    pub(crate) fn points(&self, words: &[&str], process: Process) -> (Ran, Vec<String>) {
        let list = self.file("list");
        let _ = std::fs::remove_file(&list);
        let ran = self.ran(command(&self.env.caller(), words), |command| {
            shim::lists(command, &self.env.home(), process, &list);
        });
        let points = std::fs::read_to_string(&list).unwrap_or_default();
        (ran, points.lines().map(str::to_owned).collect())
    }

    /// Runs a command that meets a fault.
    pub(crate) fn faulty(&self, words: &[&str], process: Process, fault: (At<'_>, Fault)) -> Ran {
        self.ran(command(&self.env.caller(), words), |command| {
            let hit = self.file("hit");
            shim::arm(command, &self.env.home(), process, fault, &hit);
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    let copied = cp.args(["-a", "--reflink=auto"]).arg(from).arg(to).status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "cp cannot be run"
    );
}
