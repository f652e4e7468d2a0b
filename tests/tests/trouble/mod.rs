//! What the tests of bad luck share: apps with a past, a proof that nothing changed, and a config
//! value that no error may show. It must not know what goes wrong.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part of this"
)]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use slugline_testkit::environment::{Caller, Output, TestEnvironment};

/// The value of a config var of each app that has one. No error may show it.
pub(crate) const MARKER: &str = "hush-7f3a91c2";

/// A page that is there as soon as the app is.
pub(crate) const SITE: &str = "site";

/// An environment, and what is true in it.
pub(crate) struct Trouble {
    pub(crate) env: TestEnvironment,
    apps: Vec<&'static str>,
    facts: String,
    ledger: Vec<u8>,
}

impl Trouble {
    /// Begins with these apps, each as `prepare` leaves it.
    pub(crate) fn new(apps: &[&'static str], prepare: impl FnOnce(&TestEnvironment)) -> Self {
        let env = TestEnvironment::new();
        env.write_file("site/index.html", "first page");
        for app in apps {
            does(&env.run(["apps:create", app, "--no-remote"]));
        }
        prepare(&env);
        let mut trouble = Self {
            env,
            apps: apps.to_vec(),
            facts: String::new(),
            ledger: Vec::new(),
        };
        trouble.accept();
        trouble
    }

    /// One app that serves a page as v2, keeps all its releases and has a secret.
    pub(crate) fn serving() -> Self {
        Self::new(&["myapp"], |env| {
            does(&env.run(["addons:add", "releases:advanced"]));
            does(&env.run(["config:add", &format!("SECRET={MARKER}")]));
            does(&env.run(["deploy", SITE]));
        })
    }

    /// Takes what is true now as what has to stay true.
    pub(crate) fn accept(&mut self) {
        self.facts = facts(&self.env, &self.apps);
        self.ledger = ledger(&self.env);
    }

    /// Proves that nothing has changed since [`Trouble::accept`]: the ledger is the same byte for
    /// byte, or else all that the commands tell of the apps is.
    #[track_caller]
    pub(crate) fn unchanged(&self, after: &dyn std::fmt::Display) {
        if ledger(&self.env) != self.ledger {
            self.tells_the_same(after);
        }
    }

    /// All that the commands tell of the apps is as it was at [`Trouble::accept`].
    #[track_caller]
    pub(crate) fn tells_the_same(&self, after: &dyn std::fmt::Display) {
        let now = facts(&self.env, &self.apps);
        assert!(
            now == self.facts,
            "this changed something:\n{after}\nbefore:\n{}\nafter:\n{now}",
            self.facts
        );
    }

    /// The end of a test of an app that runs: all is as it was, and no log shows the marker.
    #[track_caller]
    pub(crate) fn ends(&self) {
        self.tells_the_same(&"the whole test");
        self.logs_hide_the_marker();
    }

    /// Runs a command that has to fail with exactly this: the status, nothing on standard output,
    /// and on standard error these lines, each marked; nothing may change.
    #[track_caller]
    pub(crate) fn refuses(&self, words: &[&str], status: i32, lines: &str) {
        self.caller_refuses(&self.env.caller(), words, status, lines);
    }

    /// The same, for somebody in particular.
    #[track_caller]
    pub(crate) fn caller_refuses(
        &self,
        caller: &Caller<'_>,
        words: &[&str],
        status: i32,
        lines: &str,
    ) {
        let output = caller.run(words);
        assert_eq!(output.stdout, "", "{output}");
        self.is_refusal(&output, status, lines);
    }

    /// Whether this is the refusal that was expected, and nothing has changed.
    #[track_caller]
    pub(crate) fn is_refusal(&self, output: &Output, status: i32, lines: &str) {
        hides_the_marker(output);
        assert_eq!(output.stderr, marked(&self.placed(lines)), "{output}");
        assert_eq!(output.status, status, "{output}");
        self.unchanged(output);
    }

    /// The text with this test's paths in place of `$HOME` and `$WORK`.
    pub(crate) fn placed(&self, text: &str) -> String {
        text.replace("$HOME", &self.env.home().display().to_string())
            .replace("$WORK", &self.env.work().display().to_string())
    }

    /// The app still answers with this page.
    #[track_caller]
    pub(crate) fn serves(&self, app: &str, page: &str) {
        assert_eq!(self.env.http_get(app, "/"), (200, page.to_owned()));
    }

    /// No log of the home shows the marker.
    #[track_caller]
    pub(crate) fn logs_hide_the_marker(&self) {
        let mut seen = 0;
        for log in files(&self.env.home().join("logs")) {
            let text = std::fs::read(&log).expect("a log can be read");
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(MARKER), "{}:\n{text}", log.display());
            seen += 1;
        }
        assert!(seen > 0, "there is no log at all");
    }

    /// Writes a plugin into the home, as a plugin's author would, and approves it. One that cannot
    /// be approved is there nevertheless.
    pub(crate) fn install(&self, name: &str, manifest: &str, script: &str) {
        let folder = self.env.home().join("plugins").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("plugin.yaml"), manifest).unwrap();
        std::fs::write(folder.join("init.lua"), script).unwrap();
        self.approve(name);
    }

    /// Approves a plugin as it is there now.
    pub(crate) fn approve(&self, name: &str) {
        let output = self.env.run(["plugins:update", name, "--yes"]);
        assert!(output.status <= 1, "{output}");
    }

    /// Removes a plugin from the home again.
    pub(crate) fn uninstall(&self, name: &str) {
        std::fs::remove_dir_all(self.env.home().join("plugins").join(name)).unwrap();
    }
}

/// The ledger's file, with what is not yet written back to it.
fn ledger(env: &TestEnvironment) -> Vec<u8> {
    let file = |name| std::fs::read(env.home().join(name));
    let mut bytes = file("ledger.db").expect("a home with a ledger");
    // It is not there while nobody uses the ledger.
    bytes.extend(file("ledger.db-wal").unwrap_or_default());
    bytes
}

/// All that the commands tell of these apps.
#[track_caller]
fn facts(env: &TestEnvironment, apps: &[&str]) -> String {
    let mut text = env.run(["apps", "--json"]).success().stdout;
    for app in apps {
        for words in [
            &["config", "--json", "--app", app][..],
            &["addons", "--json", "--app", app],
            &["releases", "--json", "-n", "1000", "--app", app],
        ] {
            // An app without a tier shows no releases; that it does not is a fact too.
            let output = env.run(words);
            write!(text, "{}{}", output.stdout, output.stderr).unwrap();
        }
    }
    text
}

/// A step on the way to what is tested, which has to succeed.
#[track_caller]
pub(crate) fn does(output: &Output) {
    assert_eq!(output.status, 0, "this should have succeeded:\n{output}");
}

/// What is said on standard error for these lines.
pub(crate) fn marked(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!(" !    {line}\n"))
        .collect()
}

/// Neither output shows the marker.
#[track_caller]
pub(crate) fn hides_the_marker(output: &Output) {
    let shown = output.stdout.contains(MARKER) || output.stderr.contains(MARKER);
    assert!(!shown, "a config value is shown:\n{output}");
}

/// The numbers and statuses of an app's releases, oldest first.
#[track_caller]
pub(crate) fn history(env: &TestEnvironment, app: &str) -> Vec<(u64, String)> {
    let words = ["releases", "--json", "-n", "1000", "--app", app];
    let all = env.run(words).success().json();
    let one = |release: &serde_json::Value| {
        let status = release["status"].as_str().expect("a status");
        (
            release["version"].as_u64().expect("a number"),
            status.to_owned(),
        )
    };
    let mut rows: Vec<_> = all.as_array().expect("a list").iter().map(one).collect();
    rows.reverse();
    rows
}

/// All files below a folder; none where it is not there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().expect("a type").is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

/// A command that runs, and its standard error line by line.
pub(crate) struct Background {
    child: Child,
    stderr: BufReader<ChildStderr>,
    heard: String,
}

impl Background {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be started");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let heard = String::new();
        Self {
            child,
            stderr,
            heard,
        }
    }

    /// Starts `slugline` with these words.
    pub(crate) fn slugline(caller: &Caller<'_>, words: &[&str]) -> Self {
        let mut command = caller.command("slugline");
        command.args(words);
        Self::start(command)
    }

    /// Waits for its next line on standard error.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("it speaks UTF-8");
        self.heard.push_str(&line);
        assert!(!line.is_empty(), "it ended without a word");
        line.trim_end().to_owned()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Sends it a signal, such as `INT`, and nothing else.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        let sent = kill
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(sent.expect("sh can be run").success());
    }

    /// Kills it, and nothing else.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits for its end: exit status, standard output and all of standard error.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (i32, String, String) {
        // One after the other will do: neither is as large as a pipe.
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().expect("it is piped");
        pipe.read_to_string(&mut stdout).expect("it speaks UTF-8");
        let mut rest = std::mem::take(&mut self.heard);
        self.stderr.read_to_string(&mut rest).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        (status.code().unwrap_or(-1), stdout, rest)
    }

    /// Waits for its end, which has to be a success; answers standard output.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        let (status, stdout, stderr) = self.ends();
        assert_eq!(status, 0, "{stdout}\n{stderr}");
        stdout
    }
}

/// Gates that apps wait at before they open their port, until the test lets them pass. They come over
/// the network: processes of apps see no file of a test.
pub(crate) struct Gate(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    crowd: Mutex<Crowd>,
    changed: Condvar,
}

#[derive(Default)]
struct Crowd {
    /// The numbers of all that have come.
    pids: Vec<u32>,
    /// How many more may pass.
    passes: usize,
    /// Nobody passes any more.
    gone: bool,
}

impl Gate {
    /// Makes the gate, and the folder `name` with an app that waits there and then serves `page`.
    pub(crate) fn new(env: &TestEnvironment, name: &str, page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        env.write_file(format!("{name}/index.html"), page);
        let procfile = format!(
            "web: exec 3<>/dev/tcp/127.0.0.1/{port} && echo $$ >&3 && read _ <&3 && exec 3>&- \
             && exec \"$SLUGLINE_BIN\" static .\n"
        );
        env.write_file(format!("{name}/Procfile"), procfile);
        let waiting = Arc::new(Waiting::default());
        let all = Arc::clone(&waiting);
        std::thread::spawn(move || {
            for one in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || all.hold(one));
            }
        });
        Self(waiting)
    }

    /// Waits until so many processes have come to the gate since it was made; their numbers.
    #[track_caller]
    pub(crate) fn arrived(&self, count: usize) -> Vec<u32> {
        let mut pids = Vec::new();
        slugline_testkit::environment::wait_until("a process at the gate", || {
            pids.clone_from(&self.0.crowd.lock().unwrap().pids);
            pids.len() >= count
        });
        pids
    }

    /// Lets one process pass, now or when it comes.
    pub(crate) fn pass(&self) {
        self.0.crowd.lock().unwrap().passes += 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Ok(mut crowd) = self.0.crowd.lock() {
            crowd.gone = true;
        }
        self.0.changed.notify_all();
    }
}

impl Waiting {
    /// Holds one process until it may pass.
    fn hold(&self, stream: TcpStream) {
        let mut line = String::new();
        let read = BufReader::new(&stream).read_line(&mut line);
        let pid: Option<u32> = read.ok().and_then(|_| line.trim().parse().ok());
        let mut crowd = self.crowd.lock().unwrap();
        crowd.pids.extend(pid);
        while crowd.passes == 0 && !crowd.gone {
            crowd = self.changed.wait(crowd).unwrap();
        }
        stream.set_nonblocking(true).unwrap();
        // One that was killed meanwhile takes nobody's turn.
        let is_dead = matches!(stream.peek(&mut [0]), Ok(0));
        if !crowd.gone && !is_dead && (&stream).write_all(b"\n").is_ok() {
            crowd.passes -= 1;
        }
    }
}

/// Whether a process is there and has not ended.
pub(crate) fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    matches!(stat.rsplit_once(") "), Some((_, state)) if !state.starts_with('Z'))
}
