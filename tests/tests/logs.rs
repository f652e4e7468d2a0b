//! Logs: what is shown of them, and that nothing that a process said is lost, whoever dies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{deploy, story, temporary_of, with_app};

/// The command `slugline logs` and what it shows, as it comes.
struct Tail {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Tail {
    fn new(environment: &TestEnvironment, words: &[&str]) -> Self {
        let mut command = environment.caller().command("slugline");
        let command = command.arg("logs").args(words).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended: {line:?}");
        line.trim_end().to_owned()
    }

    /// The lines up to one that says this.
    fn until(&mut self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains(end)) {
            lines.push(self.line());
        }
        lines
    }

    fn ends(mut self, signal: &str) -> (Option<i32>, String) {
        kill(signal, self.child.id());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

fn kill(signal: &str, pid: impl std::fmt::Display) {
    let pid = pid.to_string();
    let killed = std::process::Command::new("kill")
        .args([signal, &pid])
        .status();
    assert!(killed.unwrap().success());
}

/// What the processes of `worker` have said, as the log has it.
fn said(environment: &TestEnvironment) -> Vec<String> {
    let words = ["logs", "-n", "1000000", "-s", "app", "-p", "worker"];
    let shown = environment.run(words).success().stdout;
    shown.lines().map(message).collect()
}

fn message(line: &str) -> String {
    line.split_once("]: ")
        .map_or(line, |(_, message)| message)
        .to_owned()
}

fn wait_for(environment: &TestEnvironment, words: &str) {
    wait_until(words, || {
        said(environment).iter().any(|line| line.contains(words))
    });
}

/// The process id of the daemon.
fn daemon(environment: &TestEnvironment) -> u64 {
    let status = environment.run(["status", "--json"]).success().json();
    status["pid"].as_u64().unwrap()
}

/// A daemon in the foreground, as soon as the one before it is quite gone.
fn serve(environment: &TestEnvironment) -> Child {
    let mut serving = None;
    wait_until("it serves", || {
        let mut command = environment.caller().command("slugline");
        let command = command
            .args(["serve", "--port", "0"])
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut words = BufReader::new(child.stderr.take().unwrap());
        words.read_line(&mut said).unwrap();
        while !said.contains("Serving") && words.read_line(&mut said).unwrap() > 0 {}
        std::thread::spawn(move || words.lines().map_while(Result::ok).for_each(drop));
        match said.contains("Serving") {
            true => serving = Some(child),
            false => drop(child.wait().unwrap()),
        }
        serving.is_some()
    });
    serving.unwrap()
}

#[test]
fn lines_are_chosen_before_they_are_counted() {
    let environment = with_app(None);
    let procfile = "worker: for n in 1 2 3; do echo worker $n; done; exec sleep 1000\n\
                    clock: for n in 1 2 3; do echo clock $n; done; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    wait_for(&environment, "worker 3");
    let shown = |words: &[&str]| {
        let output = environment.run([&["logs"], words].concat()).success();
        let lines = output
            .stdout
            .lines()
            .map(|line| line.split_once(' ').unwrap().1);
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    wait_until("all is said", || {
        let all = shown(&[]);
        all.contains("clock 3") && all.matches("starting to up").count() == 2
    });
    assert_snapshot!(shown(&["-n", "2", "-p", "worker", "-s", "app"]), @r"
    app[worker.1]: worker 2
    app[worker.1]: worker 3
    ");
    assert_snapshot!(shown(&["--source", "app", "--process", "clock.1"]), @r"
    app[clock.1]: clock 1
    app[clock.1]: clock 2
    app[clock.1]: clock 3
    ");
    assert_snapshot!(shown(&["-n", "1", "-p", "clock.1", "-s", "slugline"]), @"slugline[clock.1]: State changed from starting to up");
    assert_snapshot!(shown(&["-p", "wor"]), @"");
    let json = environment.run(["logs", "-p", "worker", "-s", "app", "-n", "1", "--json"]);
    let json = json.success().json();
    assert_eq!(json["at"].as_str().map(str::len), Some(25));
    assert_eq!(
        (&json["source"], &json["process"], &json["message"]),
        (&"app".into(), &"worker.1".into(), &"worker 3".into())
    );
    assert_snapshot!(story([environment.run(["logs", "-s", "web"])]), @r"
    $ slugline logs -s web
    2>  !    invalid value 'web' for '--source <SOURCE>'
    2>  !    [possible values: app, router, slugline, addon]
    2>  !    For more information, try '--help'.
    [exit 2]
    ");
}

#[test]
fn a_tail_goes_on_across_daemons_and_ends_cleanly() {
    let environment = with_app(None);
    // Before there is anything to show.
    let mut early = Tail::new(&environment, &["--tail", "-s", "app"]);
    let procfile = "worker: echo here is $$; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    let first = early.line();
    assert!(first.contains("app[worker.1]: here is "), "{first}");
    let mut late = Tail::new(&environment, &["-t", "-n", "1", "-s", "app"]);
    assert_eq!(late.line(), first);
    let before = daemon(&environment);
    kill("-9", before);
    let mut serving = serve(&environment);
    let second = early.line();
    assert_eq!(late.line(), second);
    assert_ne!(first, second);
    assert_eq!(said(&environment), [message(&first), message(&second)]);
    assert_eq!(early.ends("-INT"), (Some(0), String::new()));
    assert_eq!(late.ends("-TERM"), (Some(0), String::new()));
    // Whoever reads goes away, and there is nothing more to say.
    let mut piped = Tail::new(&environment, &["-t", "-n", "1", "-s", "app"]);
    assert_eq!(piped.line(), second);
    drop(piped.lines);
    assert!(piped.child.wait().unwrap().success());
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(serving.wait().unwrap().success());
}

#[test]
fn a_tail_follows_a_flood_from_file_to_file() {
    let environment = with_app(None);
    let procfile = "worker: go=${TMPDIR:-/tmp}/go; mkfifo $go; echo ready; read line < $go; \
                    seq 1 300000; echo end; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    wait_for(&environment, "ready");
    let mut tail = Tail::new(&environment, &["-t", "-s", "app"]);
    assert_eq!(message(&tail.line()), "ready");
    std::fs::write(temporary_of(&environment, "worker.1").join("go"), "\n").unwrap();
    let lines = tail.until(": end");
    let wanted = (1..=300_000).map(|number| number.to_string());
    let wanted = wanted.chain(["end".to_owned()]);
    assert!(
        lines.iter().map(|line| message(line)).eq(wanted),
        "{} lines",
        lines.len()
    );
    let files = std::fs::read_dir(environment.home().join("logs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        names.filter(|name| name.starts_with("myapp.log")).count(),
        2
    );
    assert_eq!(tail.ends("-INT"), (Some(0), String::new()));
}

#[test]
fn the_last_words_are_kept_however_it_dies() {
    let check = |end: &str, expected: &[&str]| {
        let environment = with_app(None);
        // It says more than a pipe holds, and ends in the middle of a line; a child speaks as well.
        let procfile = format!(
            "worker: go=${{TMPDIR:-/tmp}}/go; mkfifo $go; echo ready; read line < $go; (echo of a child; exec sleep 1000) & sleep 0.1; seq 1 20000; {end}\n"
        );
        environment.write_file("source/Procfile", &procfile);
        let _ = environment.run(["deploy", "source"]).success();
        wait_for(&environment, "ready");
        std::fs::write(temporary_of(&environment, "worker.1").join("go"), "\n").unwrap();
        let mut lines = Vec::new();
        wait_until("it died", || {
            let all = environment.run(["logs", "-n", "100000"]).success().stdout;
            lines = all.lines().map(message).collect();
            lines
                .iter()
                .any(|line| line == "State changed from up to crashed")
        });
        let mut said: Vec<String> = said(&environment);
        // It has been started again.
        while said.last().is_some_and(|line| line == "ready") {
            let _ = said.pop();
        }
        let numbers = (1..=20_000).map(|number| number.to_string());
        let first = ["ready", "of a child"].map(str::to_owned);
        let wanted = first.into_iter().chain(numbers);
        let wanted = wanted.chain(expected.iter().map(|line| (*line).to_owned()));
        assert!(
            said.iter().cloned().eq(wanted),
            "{end}: {} lines, {:?}",
            said.len(),
            said.last()
        );
    };
    check("printf 'no end'; exit 3", &["no end"]);
    check("printf 'no end' >&2; kill -9 $$", &["no end"]);
}

#[test]
fn what_is_in_the_pipes_is_kept_when_the_daemon_ends() {
    let environment = with_app(None);
    let procfile = "worker: trap 'seq 1 20000; printf bye; exit' TERM; echo ready; \
                    sleep 1000 & wait\n";
    deploy(&environment, procfile, "575bfa8");
    wait_for(&environment, "ready");
    let pid = daemon(&environment);
    kill("-TERM", pid);
    wait_until("the daemon ended", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
    let wanted = (1..=20_000).map(|number| number.to_string());
    let wanted = ["ready".to_owned()]
        .into_iter()
        .chain(wanted)
        .chain(["bye".to_owned()]);
    assert!(said(&environment).into_iter().eq(wanted));
}

#[test]
fn what_was_read_is_in_the_file_when_the_daemon_is_killed() {
    let environment = with_app(None);
    // It goes on only when a line is where a kill cannot take it from.
    let procfile = "worker: for n in $(seq 1 50); do echo $n; \
                    until grep -q \"worker.1.: $n$\" \"$LOG\"; do :; done; done; \
                    echo all; exec sleep 1000\n";
    let log = environment.home().join("logs/myapp.log");
    let set = format!("LOG={}", log.display());
    // No app sees it otherwise.
    let open = environment.caller().with("SLUGLINE_ISOLATION", "off");
    environment.write_file("source/Procfile", "worker: exec sleep 1000\n");
    let _ = open.run(["deploy", "source"]).success();
    let _ = environment.run(["config:add", &set]).success();
    deploy(&environment, procfile, "575bfa8");
    wait_for(&environment, "all");
    kill("-9", daemon(&environment));
    assert_eq!(said(&environment).len(), 51);
}

#[test]
fn odd_output_is_made_into_lines() {
    let environment = with_app(None);
    let procfile = "worker: head -c 1000000 /dev/zero | tr '\\0' x; echo; \
                    printf 'a\\377b\\r\\n10%%\\r20%%\\nnul\\0 \\033[2J\\n\\n'; \
                    echo all; exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    wait_for(&environment, "all");
    let said = said(&environment);
    assert_eq!(said.len(), 100 + 5);
    assert!(said[..100].iter().all(|line| line.len() == 10_000));
    let expected = ["a\u{fffd}b", "10%\r20%", "nul\0 \u{1b}[2J", "", "all"];
    assert_eq!(said[100..], expected);
    // A terminal gets what does not disturb it.
    let mut script = environment.caller().command("script");
    let program = environment.caller().command("slugline");
    let words = format!("{} logs -s app -n 4", program.get_program().display());
    let shown = script
        .args(["-qec", &words, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout);
    let shown: Vec<_> = shown
        .lines()
        .map(|line| message(line.trim_end_matches('\r')))
        .collect();
    assert_eq!(shown, ["10% 20%", "nul ", "", "all"]);
}

#[test]
fn the_next_app_of_a_name_begins_with_no_log() {
    let environment = with_app(None);
    let procfile = |words: &str| format!("worker: echo {words}; exec sleep 1000\n");
    deploy(&environment, &procfile("first app"), "575bfa8");
    wait_for(&environment, "first app");
    let _ = environment
        .run(["apps:destroy", "--confirm", "myapp"])
        .success();
    assert_eq!(
        std::fs::read_dir(environment.home().join("logs"))
            .unwrap()
            .count(),
        1
    );
    let _ = environment.run(["apps:create", "myapp"]).success();
    deploy(&environment, &procfile("second app"), "575bfa8");
    wait_for(&environment, "second app");
    assert_eq!(said(&environment), ["second app"]);
}
