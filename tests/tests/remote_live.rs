//! Commands for the apps of another machine while they run: what they say comes as it is said, what is typed and
//! signalled goes there, and nobody is left behind; over TLS, too, with a token from a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{QUIET, WEB, deploy, repository, with_app};

/// A command of a client that has an empty home, unless it is told otherwise.
fn client(environment: &TestEnvironment, token: &str, words: &[&str]) -> Command {
    let mut command = environment.caller().command("slugline");
    command.env_clear().args(words);
    command.env("PATH", std::env::var("PATH").unwrap());
    command.env("HOME", environment.folder().join("nowhere"));
    command.env("SLUGLINE_HOST", environment.api_url());
    command
        .env("SLUGLINE_TOKEN", token)
        .env("SLUGLINE_APP", "myapp");
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn piped(mut command: Command) -> Child {
    let pipe = Stdio::piped;
    command.stdin(pipe()).stdout(pipe()).stderr(pipe());
    command.spawn().unwrap()
}

/// What a command said on both outputs, with its status.
fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap_or(-1);
    let (output, errors) = (text(&output.stdout), text(&output.stderr));
    let errors: String = errors.lines().map(|line| format!("2> {line}\n")).collect();
    format!("{output}{errors}[exit {status}]\n")
}

/// The steps of a person at a terminal, and what it showed. See `run_terminal.py`.
fn at_a_terminal(command: Command, steps: &str) -> String {
    let mut person = Command::new("python3");
    person.args(["-c", include_str!("run_terminal.py"), steps]);
    person.arg(command.get_program()).args(command.get_args());
    person.env_clear();
    let set = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
        Some((name.to_owned(), value?.to_owned()))
    };
    person.envs(command.get_envs().filter_map(set));
    person.env("TERM", "vt100");
    person.current_dir(command.get_current_dir().unwrap());
    let output = person.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Whether a process runs whose command line holds this.
fn runs(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.any(|line| line.starts_with("sleep") && line.contains(mark))
}

fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let pid = child.id().to_string();
    assert!(kill.args([name, &pid]).status().unwrap().success());
}

#[test]
fn what_is_said_comes_as_it_is_said_and_signals_arrive() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let token = environment.token(&[]);
    let new = |words: &[&str]| client(&environment, &token, words);
    // A log, until Ctrl-C.
    let _ = environment.run(["run:detached", "echo before"]).success();
    let mut tail = piped(new(&["logs", "-t"]));
    let mut lines = BufReader::new(tail.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains(": before\n") {
        assert!(lines.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let _ = environment.run(["run:detached", "echo after"]).success();
    while !told.contains(": after\n") {
        assert!(lines.read_line(&mut told).unwrap() > 0, "{told}");
    }
    signal(&tail, "-INT");
    assert_eq!(tail.wait().unwrap().code(), Some(0));
    // Nobody reads it any more.
    let mut tail = piped(new(&["ps", "--watch"]));
    drop(tail.stdout.take());
    assert_eq!(tail.wait().unwrap().code(), Some(0));
    // Input, both outputs, their ends and the exit status.
    let input = "line\n".repeat(60_000);
    let mut child = piped(new(&["run", "cat; echo the end >&2; exit 7"]));
    let (mut to, sent) = (child.stdin.take().unwrap(), input.clone());
    let writing = std::thread::spawn(move || to.write_all(sent.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.stdout == input.as_bytes(), "{}", output.stdout.len());
    assert_eq!(
        (output.stderr.as_slice(), output.status.code()),
        (&b"the end\n"[..], Some(7))
    );
    // What reads nothing leaves what is piped in to whoever reads next.
    let shell = new(&[]);
    let program = shell.get_program();
    let mut loops = Command::new("sh");
    let each = "while read line; do \"$0\" apps; echo \"$line\"; done";
    loops.args(["-c", each]).arg(program);
    loops
        .env_clear()
        .envs(shell.get_envs().filter_map(|(a, b)| Some((a, b?))));
    let mut loops = piped(loops);
    loops.stdin.take().unwrap().write_all(b"a\nb\n").unwrap();
    let output = loops.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "myapp\na\nmyapp\nb\n"
    );
    // Where nobody reads what it shows, the second Ctrl-C ends it.
    let mut child = piped(new(&["run", "sleep 7101 & while :; do echo y; done"]));
    wait_until("it runs", || runs("7101"));
    signal(&child, "-INT");
    wait_until("it has ended", || {
        signal(&child, "-INT");
        child.try_wait().unwrap().is_some()
    });
    wait_until("it is ended", || !runs("7101"));
    // Ctrl-C ends what runs, and being killed takes it along.
    let mut child = piped(new(&["run", "sleep 7102 & sleep 7102"]));
    wait_until("it runs", || runs("7102"));
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until("it has ended", || !runs("7102"));
    let mut child = piped(new(&["run", "sleep 7103 & sleep 7103"]));
    wait_until("it runs", || runs("7103"));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("it is ended", || !runs("7103"));
    wait_until("what was private to commands is gone", || {
        let left = std::fs::read_dir(environment.home().join("remote"));
        left.unwrap().count() == 0
    });
}

#[test]
fn a_change_that_waits_is_given_up_at_ctrl_c() {
    let environment = with_app(None);
    let _serving = environment.serve();
    environment.write_file(
        "slow/Procfile",
        "web: sleep 7201 & touch \"$MARK\"; exec sleep 7201\n",
    );
    let mark = environment.folder().join("mark");
    let variable = format!("MARK={}", mark.display());
    let _ = environment.run(["config:add", &variable]).success();
    let token = environment.token(&[]);
    // It waits for a port that is never opened.
    let slow = piped(client(&environment, &token, &["deploy", "slow"]));
    wait_until("it is being launched", || runs("7201"));
    let mut waiting = piped(client(&environment, &token, &["config:add", "A=1"]));
    let mut line = String::new();
    let mut errors = BufReader::new(waiting.stderr.take().unwrap());
    errors.read_line(&mut line).unwrap();
    assert!(line.starts_with("Waiting for "), "{line}");
    signal(&waiting, "-INT");
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    signal(&slow, "-INT");
    let output = slow.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    wait_until("nothing is left of it", || !runs("7201"));
    let config = environment.run(["config"]).success().stdout;
    assert!(!config.contains("A =>"), "{config}");
}

#[test]
fn a_terminal_is_one_for_the_command() {
    let environment = with_app(Some("releases:advanced"));
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let token = environment.token(&[]);
    let new = |words: &[&str]| client(&environment, &token, words);
    let steps = r#"[{"until": "up, run.1"}, {"until": "ready"}, {"resize": [50, 132]},
        {"type": "next\r"}, {"until": "go"}, {"type": "\u0003"}]"#;
    let sizes = "tty > /dev/null && stty size; echo $TERM; echo ready; read line; \
                 until stty size | grep 132; do sleep 0.01; done; \
                 trap 'echo interrupted; exit 3' INT; echo go; while :; do sleep 0.01; done";
    let shown = at_a_terminal(new(&["run", sizes]), steps).replace(sizes, "SIZES");
    assert_snapshot!(shown, @r"
    Running SIZES attached to terminal... up, run.1
    24 80
    vt100
    ready
    next
    50 132
    go
    ^Cinterrupted
    [exit 3]
    ");
    // A question, and its answer.
    let destroy = ["addons:remove", "releases"];
    let steps = r#"[{"until": "> "}, {"type": "myap\r"}]"#;
    assert_snapshot!(at_a_terminal(new(&destroy), steps), @r#"
     !    An app without a tier keeps less: v1 would be lost.
     !    WARNING: Potentially Destructive Action
     !    This command will affect the app: myapp
     !    To proceed, type "myapp" or re-run this command with --confirm myapp

    > myap
     !    Input did not match myapp. Aborted.
    [exit 1]
    "#);
    let steps = r#"[{"until": "> "}, {"type": "myapp\r"}]"#;
    assert_snapshot!(at_a_terminal(new(&destroy), steps), @r#"
     !    An app without a tier keeps less: v1 would be lost.
     !    WARNING: Potentially Destructive Action
     !    This command will affect the app: myapp
     !    To proceed, type "myapp" or re-run this command with --confirm myapp

    > myapp
    Removing releases from myapp... done, v2 (free)
    [exit 0]
    "#);
    // What only shows leaves the terminal as it is: what is typed meanwhile is for the next.
    assert_snapshot!(at_a_terminal(new(&["apps"]), "[]"), @r"
    myapp
    [exit 0]
    ");
    let steps = r#"[{"until": "up, run.1"}, {"until": "ready"}, {"kill": 15}]"#;
    let shown = at_a_terminal(new(&["run", "echo ready; sleep 7301"]), steps);
    assert!(shown.ends_with("ready\n[exit 143]\n"), "{shown}");
    wait_until("it has ended", || !runs("7301"));
    let steps = r#"[{"until": "ready"}, {"hang up": 1}]"#;
    assert_eq!(
        at_a_terminal(new(&["run", "echo ready; sleep 7302"]), steps),
        ""
    );
    wait_until("it has ended", || !runs("7302"));
}

/// Passes connections on to a server, until it is dropped: then they end in the middle.
struct Between {
    port: u16,
    streams: std::sync::Arc<std::sync::Mutex<Vec<TcpStream>>>,
}

impl Between {
    fn new(at: &str, to: &str) -> Self {
        let listener = TcpListener::bind((at, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let streams = std::sync::Arc::<std::sync::Mutex<Vec<TcpStream>>>::default();
        let (to, kept) = (to.to_owned(), std::sync::Arc::clone(&streams));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&to).unwrap();
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                kept.lock().unwrap().extend([client, server]);
            }
        });
        Self { port, streams }
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[test]
fn a_connection_that_is_lost_is_told_of_and_ends_the_command() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let token = environment.token(&[]);
    let url = environment.api_url();
    let between = Between::new("127.0.0.1", &url[7..]);
    let host = format!("http://127.0.0.1:{}", between.port);
    let mut command = client(&environment, &token, &["run", "sleep 7401"]);
    command.env("SLUGLINE_HOST", &host);
    let child = piped(command);
    wait_until("it runs", || runs("7401"));
    between.cut();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).replace(&host[7..], "HOST");
    assert_snapshot!(format!("{said}[exit {}]", output.status.code().unwrap()), @r"
     !    The connection to HOST is lost: it ended
     !    A change that was begun is finished or undone there: see `slugline releases`.
    [exit 4]
    ");
    wait_until("it is ended", || !runs("7401"));
    // The server ends.
    let mut child = piped(client(&environment, &token, &["logs", "-t"]));
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert!(lines.read_line(&mut String::new()).unwrap() > 0);
    let _ = environment.run(["serve", "--stop"]).success();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = said.replace(&url[7..], "HOST");
    assert_snapshot!(said, @r"
    !    The server ends.
    !    The connection to HOST is lost: it ended
    !    A change that was begun is finished or undone there: see `slugline releases`.
    ");
}

#[test]
fn a_command_ends_with_its_token() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let other = environment.token(&[]);
    let token = environment.token(&["--description", "doomed"]);
    let tokens = || environment.run(["tokens", "--json"]).success().json();
    let begins = |token: &str, seconds: &str| {
        let words = format!("sleep {seconds}");
        let child = piped(client(&environment, token, &["run", &words]));
        wait_until("it runs", || runs(seconds));
        child
    };
    let (run, mut stays) = (begins(&token, "7411"), begins(&other, "7412"));
    let all = tokens();
    let doomed = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["description"] == "doomed");
    let first = doomed.unwrap()["id"].as_str().unwrap().to_owned();
    let _ = environment.run(["tokens:revoke", &first]).success();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_snapshot!(said.replace(&environment.api_url()[7..], "HOST"), @r"
    !    Invalid credentials provided.
    !    The connection to HOST is lost: it ended
    !    A change that was begun is finished or undone there: see `slugline releases`.
    ");
    wait_until("it is ended", || !runs("7411"));
    assert!(stays.try_wait().unwrap().is_none() && runs("7412"));
    stays.kill().unwrap();
    let _ = stays.wait();
    wait_until("it is ended as well", || !runs("7412"));
}

/// Somebody with a home, who speaks TLS with a server whose certificate they trust.
struct Trusting<'a> {
    environment: &'a TestEnvironment,
    url: String,
    home: std::path::PathBuf,
}

impl<'a> Trusting<'a> {
    fn new(environment: &'a TestEnvironment) -> Self {
        let pem = environment.run(["certs:show"]).success().stdout;
        environment.write_file("ours.pem", pem);
        let home = environment.folder().join("client");
        std::fs::create_dir(&home).unwrap();
        Self {
            environment,
            url: environment.api_url().replace("http://", "https://"),
            home,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = client(self.environment, "", words);
        command.env_remove("SLUGLINE_TOKEN");
        command.env("SLUGLINE_HOST", &self.url);
        command.env("SLUGLINE_CA", self.environment.work().join("ours.pem"));
        command.env("HOME", &self.home);
        command
    }

    fn run(&self, words: &[&str]) -> String {
        self.shown(&said(self.command(words)))
    }

    fn log_in(&self, line: &str) -> String {
        let mut child = piped(self.command(&["login"]));
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{line}").unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.shown(&(text(&output.stdout) + &text(&output.stderr)))
    }

    fn place(&self) -> &str {
        self.url.strip_prefix("https://").unwrap()
    }

    /// Without what differs from one machine to the next.
    fn shown(&self, text: &str) -> String {
        let folder = self.environment.folder().display().to_string();
        let router = format!(":{}", self.environment.router_port());
        let text = text
            .replace(self.place(), "HOST")
            .replace(&folder, "$FOLDER");
        text.replace(&router, ":PORT")
    }
}

#[test]
fn a_token_is_kept_in_a_file_that_nobody_else_reads() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, WEB, "575bfa8");
    let token = environment.token(&[]);
    let ann = Trusting::new(&environment);
    let netrc = ann.home.join(".netrc");
    let allow = |mode| std::fs::set_permissions(&netrc, std::fs::Permissions::from_mode(mode));
    let mut all = vec![ann.run(&["apps"]), ann.log_in("slg_nonsense")];
    assert!(!netrc.exists());
    all.push(ann.log_in(&token));
    let line = format!("machine {} login slugline password {token}\n", ann.place());
    assert_eq!(std::fs::read_to_string(&netrc).unwrap(), line);
    let mode = netrc.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    all.push(ann.run(&["apps"]));
    all.push(ann.run(&["deploy", "source"]));
    // At a terminal it is not shown.
    let mut login = ann.command(&["login"]);
    login.env("TERM", "vt100");
    let steps =
        format!(r#"[{{"until": "Token for "}}, {{"until": ": "}}, {{"type": "{token}\r"}}]"#);
    all.push(ann.shown(&at_a_terminal(login, &steps)));
    allow(0o644).unwrap();
    all.push(ann.run(&["apps"]));
    allow(0o600).unwrap();
    all.push(ann.run(&["logout"]));
    assert_eq!(std::fs::read_to_string(&netrc).unwrap(), "");
    all.push(ann.run(&["logout"]));
    assert_snapshot!(all.concat(), @r"
    2>  !    There is no token for HOST.
    2>  !    Log in: slugline login; or set SLUGLINE_TOKEN.
    [exit 1]
     !    HOST does not know this token, or it is good for nothing any more.
     !    Log in with another: slugline login
    Logged in to HOST as jim@example.com
    The token is in $FOLDER/client/.netrc
    myapp
    [exit 0]
    -----> Compiled before, with the same settings: using that slug
    -----> Compiled slug size is 202B
    -----> Launching... done, v2
           http://myapp.localhost:PORT deployed to Slugline
    [exit 0]
    Token for HOST: 
    Logged in to HOST as jim@example.com
    The token is in $FOLDER/client/.netrc
    [exit 0]
    2>  !    Others may read $FOLDER/client/.netrc, in which passwords are.
    2>  !    Mend it: chmod 600 $FOLDER/client/.netrc
    [exit 1]
    Logged out of HOST
    2> The token itself is as good as before. At the server: slugline tokens:revoke ID
    [exit 0]
    2>  !    $FOLDER/client/.netrc has no token for HOST
    [exit 1]
    ");
}

#[test]
fn a_token_is_said_only_to_who_is_trusted() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let token = environment.token(&[]);
    let ann = Trusting::new(&environment);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    environment.write_file("other.pem", other.cert.pem());
    let command = || {
        let mut command = ann.command(&["apps"]);
        command.env("SLUGLINE_TOKEN", &token);
        command
    };
    let mut untrusting = command();
    untrusting.env("SLUGLINE_CA", environment.work().join("other.pem"));
    let between = Between::new("127.0.0.2", ann.place());
    let elsewhere = format!("127.0.0.2:{}", between.port);
    let mut misnamed = command();
    misnamed.env("SLUGLINE_HOST", format!("https://{elsewhere}"));
    let misnamed = said(misnamed).replace(&elsewhere, "OTHER");
    let all = ann.shown(&said(untrusting)) + &misnamed + &said(command());
    assert_snapshot!(all, @r"
    2>  !    The certificate of HOST is not one that this machine trusts.
    2>  !    If it is the server's own: `slugline certs:show > slugline.pem` at the server, and here export SLUGLINE_CA=slugline.pem
    [exit 1]
    2>  !    The certificate of OTHER is for another name.
    2>  !    Use a name that it is for; or give the server one for this name: `slugline serve --api-cert FILE --api-key FILE`
    [exit 1]
    myapp
    [exit 0]
    ");
}

#[test]
fn a_git_remote_names_the_app_and_a_push_deploys_it() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let token = environment.token(&[]);
    repository(&environment, QUIET);
    let new = |words: &[&str]| {
        let mut command = client(&environment, &token, words);
        command.env_remove("SLUGLINE_APP");
        command
    };
    let url = environment.api_url();
    let mut browse = new(&["open"]);
    browse.env("BROWSER", "true");
    let all = [
        said(new(&["apps:create", "shop"])),
        said(new(&["releases"])),
        said(new(&["git:remote", "--app", "shop", "--remote", "other"])),
        said(new(&["git:remote", "--branch", "live"])),
        said(new(&["git:remote", "--app", "nope"])),
        said(browse),
    ];
    let all = all.concat().replace(&url, "URL");
    let all = all.replace(&format!(":{}", environment.router_port()), ":PORT");
    assert_snapshot!(all, @r"
    Creating shop... done
    http://shop.localhost:PORT | URL/shop.git
    Git remote slugline added
    [exit 0]
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]
    Git remote other added
    [exit 0]
    A push to live deploys shop
    Git remote slugline updated
    [exit 0]
    2>  !    there is no app nope
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    http://shop.localhost:PORT
    [exit 0]
    ");
    let remotes = environment.git(["remote", "-v"]).success().stdout;
    assert!(
        remotes.contains(&format!("slugline\t{url}/shop.git (push)")),
        "{remotes}"
    );
    // A token in the address does not hide the app.
    let with_token = url.replace("http://", &format!("http://x:{token}@"));
    let with_token = format!("{with_token}/shop.git");
    let _ = environment
        .git(["remote", "set-url", "slugline", &with_token])
        .success();
    let _ = environment.git(["remote", "remove", "other"]).success();
    let _ = environment
        .git(["push", "--quiet", "slugline", "main:live"])
        .success();
    let info = said(new(&["apps:info"]));
    assert!(info.contains("Slug Size:"), "{info}");
}
