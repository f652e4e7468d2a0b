//! Log drains: lines arrive at a real syslog server, with TLS and without, and at web servers that
//! misbehave; one that hangs costs nobody but itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{deploy, story, with_app};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A syslog server of our own, which writes what it understood of each message to a file.
struct Rsyslog {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Rsyslog {
    fn start(tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, path) = (free_port(), folder.path().display());
        let (global, module) = match tls {
            false => (String::new(), ""),
            true => {
                certificate(folder.path());
                let files = format!(
                    "DefaultNetstreamDriver=\"gtls\" DefaultNetstreamDriverCAFile=\"{path}/own.pem\" \
                     DefaultNetstreamDriverCertFile=\"{path}/own.pem\" \
                     DefaultNetstreamDriverKeyFile=\"{path}/own.key\""
                );
                let module = "StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\"";
                (files, module)
            }
        };
        let config = format!(
            "global(workDirectory=\"{path}\" maxMessageSize=\"64k\" {global})\n\
             module(load=\"imtcp\" {module})\n\
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")\n\
             template(name=\"parts\" type=\"string\" string=\"%pri% %hostname% %app-name% %procid% \
             %msgid% %structured-data% %msg%\\n\")\n\
             action(type=\"omfile\" file=\"{path}/received\" template=\"parts\")\n"
        );
        fs::write(folder.path().join("rsyslog.conf"), config).unwrap();
        let child = Command::new("rsyslogd")
            .args(["-n", "-i"])
            .arg(folder.path().join("pid"))
            .arg("-f")
            .arg(folder.path().join("rsyslog.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rsyslogd is installed by scripts/test");
        let server = Self {
            child,
            folder,
            port,
        };
        wait_until("rsyslogd listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        server
    }

    fn received(&self) -> Vec<String> {
        let bytes = fs::read(self.folder.path().join("received")).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn wait_for(&self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        wait_until(end, || {
            lines = self.received();
            lines.iter().any(|line| line.ends_with(end))
        });
        lines
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a certificate for `localhost`, and its key.
fn certificate(folder: &std::path::Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("own.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("own.key"), made.signing_key.serialize_pem()).unwrap();
}

/// What a web server does with a request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer(u16),
    Close,
    /// It reads, and never answers.
    Hang,
}

/// A web server of our own, which takes posts of drains and does as it is told with the first ones;
/// the others it takes.
struct Web {
    port: u16,
    /// Head and body of each request, and whether it was taken.
    posts: Arc<Mutex<Vec<(String, String, bool)>>>,
}

impl Web {
    fn start(behaviour: &[Does], then: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let posts = Arc::<Mutex<Vec<_>>>::default();
        let behaviour = Arc::new(Mutex::new(VecDeque::from(behaviour.to_vec())));
        let all = Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (posts, behaviour) = (Arc::clone(&all), Arc::clone(&behaviour));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some((head, body)) = request(&mut stream) {
                        let does = behaviour.lock().unwrap().pop_front().unwrap_or(then);
                        let taken = matches!(does, Does::Answer(200..=299));
                        posts.lock().unwrap().push((head, body, taken));
                        match does {
                            Does::Answer(status) => {
                                let answer =
                                    format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nhi");
                                stream.get_mut().write_all(answer.as_bytes()).unwrap();
                            }
                            Does::Close => return,
                            Does::Hang => std::thread::park(),
                        }
                    }
                });
            }
        });
        Self { port, posts }
    }

    /// The messages that were taken, each without its length.
    fn messages(&self) -> Vec<String> {
        let posts = self.posts.lock().unwrap();
        let taken = posts.iter().filter(|(_, _, taken)| *taken);
        taken.flat_map(|(_, body, _)| unframed(body)).collect()
    }
}

fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.split_once("content-length: ")?.1.split_once("\r\n")?.0;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn unframed(body: &str) -> Vec<String> {
    let (mut rest, mut messages) = (body, Vec::new());
    while let Some((length, after)) = rest.split_once(' ') {
        let length: usize = length.parse().unwrap();
        messages.push(after[..length].to_owned());
        rest = &after[length..];
    }
    messages
}

/// Makes the output free of what differs each time.
fn tidy(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let is_id = word.len() >= 9
            && word.starts_with('d')
            && word[1..9].bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_id {
            true => shown.push_str(&format!("ID{}", &word[9..])),
            false => shown.push_str(word),
        }
    }
    shown
}

/// Whether any file of the ledger holds this text.
fn ledger_shows(environment: &TestEnvironment, text: &str) -> bool {
    let files = fs::read_dir(environment.home()).unwrap().flatten();
    let files: Vec<PathBuf> = files
        .map(|file| file.path())
        .filter(|path| path.is_file())
        .collect();
    assert!(
        files
            .iter()
            .any(|path| path.to_string_lossy().contains(".db")),
        "{files:?}"
    );
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    files.iter().any(holds)
}

#[test]
fn drains_are_listed_added_and_removed_without_their_secrets() {
    let environment = with_app(None);
    let url = "https://jim:hunter2@logs.example/drain?key=s3cret";
    let told = story([
        environment.run(["drains"]),
        environment.run(["drains:add", "syslog+tcp://logs.example:5140"]),
        environment.run(["drains:add", "udp://logs.example"]),
        environment.run(["drains:add", "syslog://jim:hunter2@logs.example"]),
    ]);
    assert_snapshot!(tidy(&told), @r"
    $ slugline drains
    myapp has no log drains

    $ slugline drains:add syslog+tcp://logs.example:5140
    Adding log drain syslog://logs.example:5140 to myapp... done, ID
    2> Undo: slugline drains:remove ID

    $ slugline drains:add udp://logs.example
    2>  !    a log drain begins with syslog://, syslog+tcp://, syslog+tls://, http:// or https://
    [exit 1]

    $ slugline drains:add syslog://jim:hunter2@logs.example
    2>  !    a syslog drain is a host and a port, and nothing more
    [exit 1]
    ");
    let added = environment.run(["drains:add", url]).success();
    assert_snapshot!(tidy(&added.stdout), @"Adding log drain https://****:****@logs.example:443/**** to myapp... done, ID");
    let again = environment.run(["drains:add", url]).success();
    assert_snapshot!(tidy(&format!("{}{}", again.stdout, again.stderr)), @"The log of myapp goes to https://****:****@logs.example:443/**** already.");
    assert_snapshot!(tidy(&environment.run(["drains"]).to_string()), @r"
    $ slugline drains
    ID  syslog://logs.example:5140
    ID  https://****:****@logs.example:443/****
    ");
    assert!(!ledger_shows(&environment, "hunter2") && !ledger_shows(&environment, "s3cret"));
    let listed = environment.run(["drains", "--json"]).success();
    assert!(!listed.stdout.contains("hunter2"));
    let id = listed.json()[1]["id"].as_str().unwrap().to_owned();
    let removed = story([
        environment.run(["drains:remove", "syslog+tcp://logs.example:5140"]),
        environment.run(["drains:remove", "nothing"]),
    ]);
    assert_snapshot!(removed, @r"
    $ slugline drains:remove syslog+tcp://logs.example:5140
    Removing log drain from myapp... done
    2> Undo: slugline drains:add URL

    $ slugline drains:remove nothing
    2>  !    myapp has no such log drain
    2>  !    Those that it has: slugline drains
    [exit 1]
    ");
    let _ = environment.run(["drains:remove", &id]).success();
    assert_snapshot!(environment.run(["drains"]), @r"
    $ slugline drains
    myapp has no log drains
    ");
    let audit = environment.run(["audit"]).success().stdout;
    assert!(
        audit.contains("drains:add") && !audit.contains("hunter2"),
        "{audit}"
    );
}

#[test]
fn lines_arrive_at_a_syslog_server() {
    let (environment, server) = (with_app(None), Rsyslog::start(false));
    let url = format!("syslog://127.0.0.1:{}", server.port);
    let _ = environment.run(["drains:add", &url]).success();
    let procfile =
        "worker: echo one é; printf 'two\\ttabs'; echo; echo; echo end; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    let lines = server.wait_for(" end");
    let of_app: Vec<_> = lines.iter().filter(|line| line.contains(" app ")).collect();
    assert_eq!(
        of_app,
        [
            "190 myapp app worker.1 - - one é",
            "190 myapp app worker.1 - - two#011tabs",
            "190 myapp app worker.1 - - ",
            "190 myapp app worker.1 - - end",
        ]
    );
    let begun = "45 myapp slugline worker.1 - - Starting process with command `echo one";
    assert!(
        lines.iter().any(|line| line.starts_with(begun)),
        "{lines:?}"
    );
    // The last words arrive too, and those of an app that is started again.
    let _ = environment.run(["restart"]).success();
    let _ = server.wait_for("Process was killed by SIGTERM");
    let _ = environment.run(["serve", "--stop"]).success();
    wait_until("both have ended", || {
        let ended = server.received();
        ended
            .iter()
            .filter(|line| line.ends_with("by SIGTERM"))
            .count()
            == 2
    });
}

#[test]
fn lines_arrive_over_tls_where_the_certificate_is_trusted() {
    let (environment, server) = (with_app(None), Rsyslog::start(true));
    let url = format!("syslog+tls://localhost:{}", server.port);
    let _ = environment.run(["drains:add", &url]).success();
    deploy(
        &environment,
        "worker: echo first; exec sleep 1000\n",
        "575bfa8",
    );
    let mut log = String::new();
    wait_until("it is refused", || {
        log = environment.run(["logs"]).success().stdout;
        log.contains("slugline[logs]: Drain d") && log.contains(" fails: its TLS is refused: ")
    });
    assert!(
        log.contains("UnknownIssuer") || log.contains("certificate"),
        "{log}"
    );
    let _ = environment.run(["serve", "--stop"]).success();
    let trusting = environment.caller();
    let own = server.folder.path().join("own.pem");
    let trusting = trusting.with("SSL_CERT_FILE", own.to_str().unwrap());
    let _ = trusting.run(["restart"]).success();
    let lines = server.wait_for(" first");
    assert!(
        lines
            .iter()
            .any(|line| line == "190 myapp app worker.1 - - first"),
        "{lines:?}"
    );
}

#[test]
fn posts_are_repeated_until_they_are_taken() {
    let environment = with_app(None);
    let server = Web::start(
        &[Does::Answer(503), Does::Close, Does::Answer(429)],
        Does::Answer(202),
    );
    let url = format!("http://jim:hunter2@127.0.0.1:{}/drain?key=1", server.port);
    let _ = environment.run(["drains:add", &url]).success();
    let procfile = "worker: seq 1 2000; echo end; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    wait_until("all came", || {
        server
            .messages()
            .iter()
            .any(|message| message.ends_with(" - end"))
    });
    let messages = server.messages();
    let of_app = messages
        .iter()
        .filter_map(|message| message.split_once(" myapp app worker.1 - "));
    let wanted = (1..=2000)
        .map(|number| number.to_string())
        .chain(["end".to_owned()]);
    assert!(
        of_app.map(|(_, said)| said.to_owned()).eq(wanted),
        "{messages:?}"
    );
    let posts = server.posts.lock().unwrap();
    let header = |at: usize, name: &str| {
        let (head, _, _): &(String, String, bool) = &posts[at];
        let value = head.split_once(&format!("\r\n{name}: ")).unwrap().1;
        value.split_once("\r\n").unwrap().0.to_owned()
    };
    // The first was sent four times, under one name; the next has another.
    let names: Vec<_> = (0..5).map(|at| header(at, "logplex-frame-id")).collect();
    assert!(
        names[..4].iter().all(|name| *name == names[0]) && names[4] != names[0],
        "{names:?}"
    );
    assert!(posts[0].0.starts_with("post /drain?key=1 http/1.1\r\n"));
    assert_eq!(header(0, "content-type"), "application/logplex-1");
    assert_eq!(header(0, "authorization"), "basic amltomh1bnrlcji=");
    for (at, (_, body, _)) in posts.iter().enumerate() {
        let count = unframed(body).len();
        assert!(count <= 500);
        assert_eq!(header(at, "logplex-msg-count"), count.to_string());
    }
    drop(posts);
    let log = environment.run(["logs", "-s", "slugline"]).success().stdout;
    assert_eq!(log.matches("fails: it answered 503").count(), 1, "{log}");
    assert_eq!(log.matches("works again").count(), 1, "{log}");
    assert!(!log.contains("hunter2"));
}

#[test]
fn a_drain_that_hangs_costs_nobody_but_itself() {
    let environment = with_app(None);
    let (hanging, server) = (Web::start(&[], Does::Hang), Rsyslog::start(false));
    let urls = [
        format!("http://127.0.0.1:{}", hanging.port),
        format!("syslog://127.0.0.1:{}", server.port),
    ];
    for url in &urls {
        let _ = environment.run(["drains:add", url]).success();
    }
    let procfile = "worker: seq 1 100000; echo end; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    let lines = server.wait_for(" end");
    // What came too fast for the server was dropped, and counted to the line.
    let numbers = |line: &String| {
        line.strip_prefix("190 myapp app worker.1 - - ")?
            .parse()
            .ok()
    };
    let came: Vec<u64> = lines.iter().filter_map(numbers).collect();
    assert!(came.windows(2).all(|pair| pair[0] < pair[1]));
    let dropped = |line: &String| -> Option<u64> {
        let said = line.split_once("Error L10 (output buffer overflow): ")?.1;
        said.split_once(" message")?.0.parse().ok()
    };
    let dropped: u64 = lines.iter().filter_map(dropped).sum();
    let others = lines
        .iter()
        .filter(|line| line.contains(" slugline "))
        .count() as u64;
    let missing = 100_000 - came.len() as u64;
    assert!(
        missing <= dropped && dropped <= missing + others,
        "{missing} {dropped}"
    );
    assert!(came.len() > 10_000, "{}", came.len());
    // The file has all of them.
    let log = environment
        .run(["logs", "-n", "1000000", "-s", "app"])
        .success()
        .stdout;
    assert_eq!(log.lines().count(), 100_001);
    assert!(!hanging.posts.lock().unwrap().is_empty());
    // The daemon ends all the same.
    let _ = environment.run(["serve", "--stop"]).success();
}
