//! One-off commands: with a terminal, through pipes, detached, on other releases; and that none of
//! them outlives whoever asked for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Child, Output, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{QUIET, WEB, deploy, story, with_app};

/// The steps of a person at a terminal, and what it showed. See `run_terminal.py`.
fn at_a_terminal(environment: &TestEnvironment, steps: &str, words: &[&str]) -> String {
    let mut command = environment
        .caller()
        .with("TERM", "vt100")
        .command("python3");
    let program = environment.caller().command("slugline");
    command.args(["-c", include_str!("run_terminal.py"), steps]);
    command.arg(program.get_program()).args(words);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A shell that a person types to.
const SHELL: &[&str] = &[
    "run",
    "env",
    "PS1=$ ",
    "bash",
    "--norc",
    "--noprofile",
    "--noediting",
];

fn piped(environment: &TestEnvironment, words: &[&str]) -> Child {
    let mut command = environment.caller().command("slugline");
    command.args(words);
    let pipe = Stdio::piped;
    command.stdin(pipe()).stdout(pipe()).stderr(pipe());
    command.spawn().unwrap()
}

fn with_input(environment: &TestEnvironment, words: &[&str], input: &str) -> Output {
    let mut child = piped(environment, words);
    let (mut to, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writing = std::thread::spawn(move || to.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

/// What runs of an app, by name.
fn names(environment: &TestEnvironment) -> Vec<String> {
    let processes = environment.run(["ps", "--json"]).success().json();
    let processes = processes.as_array().unwrap().clone();
    let name = |process: &serde_json::Value| process["process"].as_str().unwrap().to_owned();
    processes.iter().map(name).collect()
}

/// How many trees are unpacked.
fn trees(environment: &TestEnvironment) -> usize {
    let trees = std::fs::read_dir(environment.home().join("run/myapp"));
    trees.map(Iterator::count).unwrap_or_default()
}

/// Whether a process runs whose command line holds this.
fn runs(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    // What holds it and is no sleep is the client, or the shell that becomes it.
    lines.any(|line| line.starts_with("sleep") && line.contains(mark))
}

#[test]
fn a_command_runs_once_with_the_config_and_its_status_is_ours() {
    let environment = with_app(None);
    let nothing = environment.run(["run", "true"]);
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    assert_snapshot!(
        story([
            nothing,
            environment.run(["run", "echo $GREETING from $PS of $SLUGLINE_RELEASE_VERSION; cat Procfile"]),
            environment.run(["run", "echo", "$GREETING", "a  b"]),
            environment.run(["run", "-e", "GREETING=good day", "echo $GREETING; echo oops >&2; exit 42"]),
            environment.run(["run", "kill -TERM $$"]),
            environment.run(["run", "-e", "GREETING", "true"]),
            environment.run(["run", "echo", "-a", "--app"]),
            environment.run(["run"]),
        ]),
        @r"
        $ slugline run true
        2>  !    myapp has nothing to run yet
        2>  !    Deploy it: git push slugline main
        [exit 1]

        $ slugline run 'echo $GREETING from $PS of $SLUGLINE_RELEASE_VERSION; cat Procfile'
        hello from run.1 of v2
        # Nothing runs.

        $ slugline run echo '$GREETING' 'a  b'
        $GREETING a  b

        $ slugline run -e 'GREETING=good day' 'echo $GREETING; echo oops >&2; exit 42'
        good day
        2> oops
        [exit 42]

        $ slugline run 'kill -TERM $$'
        [exit 143]

        $ slugline run -e GREETING true
        2>  !    Usage: slugline run --env KEY=value COMMAND
        [exit 2]

        $ slugline run echo -a --app
        -a --app

        $ slugline run
        2>  !    the following required arguments were not provided:
        2>  !    <COMMAND>...
        2>  !    Usage: slugline run <COMMAND>...
        2>  !    For more information, try '--help'.
        [exit 2]
        "
    );
    assert_eq!(trees(&environment), 1, "the trees of one-offs go with them");
}

#[test]
fn input_and_both_outputs_are_passed_through_to_their_ends() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let input = "line\n".repeat(100_000);
    let output = with_input(&environment, &["run", "cat; echo the end >&2"], &input);
    assert!(output.status.success());
    assert!(
        output.stdout == input.as_bytes(),
        "{} bytes",
        output.stdout.len()
    );
    assert_eq!(output.stderr, b"the end\n");
    // What does not read its input does not wait for its end.
    let mut child = piped(&environment, &["run", "exit 7"]);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    // An end of ours that is closed is closed for the command: SIGPIPE ends it.
    let mut child = piped(&environment, &["run", "while echo y; do :; done"]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13));
}

#[test]
fn a_terminal_is_one_for_the_command() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let steps = r#"[{"until": "up, run.1"}, {"until": "ready"}, {"resize": [50, 132]},
        {"type": "next\r"}, {"until": "go"}, {"type": "\u0003"}]"#;
    // No shell that a person types to: whether it or what it runs has the terminal changes at any moment.
    let sizes = "tty > /dev/null && stty size; echo $TERM; echo ready; read line; \
                 until stty size | grep 132; do sleep 0.01; done; \
                 trap 'echo interrupted; exit 3' INT; echo go; while :; do sleep 0.01; done";
    let shown = at_a_terminal(&environment, steps, &["run", sizes]);
    let shown = shown.replace(sizes, "SIZES");
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
    let steps =
        r#"[{"until": "up, run.1"}, {"until": "ready"}, {"type": "x"}, {"until": "got x"}]"#;
    let raw = "stty raw -echo; printf ready; echo got $(head -c 1); exit 9";
    assert_snapshot!(at_a_terminal(&environment, steps, &["run", raw]), @r"
    Running stty raw -echo; printf ready; echo got $(head -c 1); exit 9 attached to terminal... up, run.1
    readygot x
    [exit 9]
    ");
    let steps = r#"[{"until": "up, run.1"}, {"until": "ready"}, {"type": "\u0003"}]"#;
    let trap = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done";
    assert_snapshot!(at_a_terminal(&environment, steps, &["run", trap]), @r"
    Running trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done attached to terminal... up, run.1
    ready
    ^Ccaught
    [exit 5]
    ");
    let steps = r#"[{"until": "up, run.1"}, {"until": "ready"}, {"kill": 15}]"#;
    assert_snapshot!(at_a_terminal(&environment, steps, &["run", "echo ready; sleep 7001"]), @r"
    Running echo ready; sleep 7001 attached to terminal... up, run.1
    ready
    [exit 143]
    ");
    wait_until("it has ended", || !runs("7001"));
}

#[test]
fn no_command_outlives_whoever_asked_for_it() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let wait_for = |mark: &str| wait_until("it runs", || runs(mark));
    let gone = |mark: &str| {
        wait_until("all of it has ended", || !runs(mark));
        wait_until("it is listed no more", || names(&environment).is_empty());
        wait_until("its tree is gone", || trees(&environment) == 1);
    };
    // Ctrl-C.
    let mut child = piped(&environment, &["run", "sleep 7002 & sleep 7002"]);
    wait_for("7002");
    let pid = child.id().to_string();
    let kill = |signal: &str, pid: &str| {
        let mut kill = environment.caller().command("kill");
        assert!(kill.args([signal, pid]).status().unwrap().success());
    };
    kill("-INT", &pid);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    gone("7002");
    // The client is killed.
    let mut child = piped(&environment, &["run", "sleep 7003 & sleep 7003"]);
    wait_for("7003");
    child.kill().unwrap();
    child.wait().unwrap();
    gone("7003");
    // The terminal is closed; the shell's job has a group of its own.
    let steps = r#"[{"until": "$ "}, {"type": "sleep 7004 & sleep 7004\r"}, {"until": "[1]"}, {"hang up": 1}]"#;
    assert_snapshot!(at_a_terminal(&environment, steps, SHELL), @"");
    gone("7004");
    // The app is destroyed.
    let _ = environment.run(["create", "other"]).success();
    let _ = environment
        .run(["deploy", "source", "--app", "other"])
        .success();
    let child = piped(&environment, &["run", "--app", "other", "sleep 7005"]);
    wait_for("7005");
    let _ = environment
        .run(["destroy", "--app", "other", "--confirm", "other"])
        .success();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    assert!(!runs("7005"));
    // The daemon ends.
    let child = piped(&environment, &["run", "sleep 7006 & sleep 7006"]);
    wait_for("7006");
    let _ = environment.run(["serve", "--stop"]).success();
    child.wait_with_output().unwrap();
    assert!(!runs("7006"));
}

#[test]
fn nothing_outlives_a_daemon_that_is_killed_once_there_is_another() {
    let environment = with_app(None);
    deploy(
        &environment,
        "worker: setsid sleep 7011 & exec sleep 7012\n",
        "575bfa8",
    );
    let mut child = piped(&environment, &["run", "setsid sleep 7013 & sleep 7014"]);
    let all = ["7011", "7012", "7013", "7014"];
    wait_until("all run", || all.iter().all(|mark| runs(mark)));
    let status = environment.run(["status", "--json"]).success().json();
    let daemon = status["pid"].as_u64().unwrap().to_string();
    let mut kill = environment.caller().command("kill");
    assert!(kill.args(["-9", &daemon]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // What was tied to it ends with it; what that left behind, when another begins.
    assert_eq!((runs("7011"), runs("7013")), (true, true));
    let _ = environment.run(["ps:scale", "worker=0"]).success();
    let _ = environment.run(["restart"]).success();
    wait_until("all have ended", || !all.iter().any(|mark| runs(mark)));
    // What has left its session does not outlive a daemon that stops, either.
    let _ = environment
        .run(["run:detached", "setsid sleep 7015 & sleep 1000"])
        .success();
    wait_until("it runs", || runs("7015"));
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(!runs("7015"));
}

#[test]
fn a_detached_command_writes_to_the_log_and_is_listed() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let started = environment.run([
        "run:detached",
        "echo begun; test -t 0 || cat; sleep 7007; echo never",
    ]);
    let second = environment.run(["run", "detached", "echo and done"]);
    wait_until("both have spoken", || {
        let log = environment.run(["logs"]).success().stdout;
        log.contains("begun") && log.contains("to complete")
    });
    let listed = names(&environment);
    // Nothing that runs is taken away.
    let _ = environment.run(["gc"]).success();
    assert_eq!(trees(&environment), 2);
    assert!(runs("7007"));
    let log = environment.run(["logs"]).success().stdout;
    let mut lines: Vec<_> = log
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.1))
        .collect();
    lines.sort_unstable();
    assert_snapshot!(format!("{}\n{}\n\n{}", story([started, second]), listed.join(", "), lines.join("\n")), @r"
    $ slugline run:detached 'echo begun; test -t 0 || cat; sleep 7007; echo never'
    Running echo begun; test -t 0 || cat; sleep 7007; echo never... up, run.1
    2> Its output: slugline logs

    $ slugline run detached 'echo and done'
    Running echo and done... up, run.2
    2> Its output: slugline logs

    run.1

    app[run.1]: begun
    app[run.2]: and done
    slugline[run.1]: Starting process with command `echo begun; test -t 0 || cat; sleep 7007; echo never`
    slugline[run.1]: State changed from starting to up
    slugline[run.2]: Process exited with status 0
    slugline[run.2]: Starting process with command `echo and done`
    slugline[run.2]: State changed from starting to up
    slugline[run.2]: State changed from up to complete
    ");
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(!runs("7007"));
}

#[test]
fn any_release_that_is_kept_can_be_run_with_what_add_ons_lend_now() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["addons:add", "memcache"]).success();
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    deploy(&environment, WEB, "8c35f77");
    let print = "head -c 5 Procfile; echo; echo ${GREETING-none} ${MEMCACHE_SERVERS:+lent} $SLUGLINE_RELEASE_VERSION";
    assert_snapshot!(
        story([
            environment.run(["run", print]),
            environment.run(["run", "--release", "v1", print]),
            environment.run(["run", "--release", "v9", print]),
        ]),
        @r"
        $ slugline run 'head -c 5 Procfile; echo; echo ${GREETING-none} ${MEMCACHE_SERVERS:+lent} $SLUGLINE_RELEASE_VERSION'
        web:·
        hello lent v4

        $ slugline run --release v1 'head -c 5 Procfile; echo; echo ${GREETING-none} ${MEMCACHE_SERVERS:+lent} $SLUGLINE_RELEASE_VERSION'
        # Not
        none lent v1

        $ slugline run --release v9 'head -c 5 Procfile; echo; echo ${GREETING-none} ${MEMCACHE_SERVERS:+lent} $SLUGLINE_RELEASE_VERSION'
        2>  !    There is no release v9; the newest is v4
        2>  !    The nearest that is kept is v4.
        [exit 1]
        "
    );
}

#[test]
fn what_is_run_once_counts_among_no_processes_of_the_app() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let _ = environment.run(["run:detached", "sleep 7016"]).success();
    wait_until("it runs", || {
        let shown = environment.run(["ps"]).success().stdout;
        shown.contains("run.1")
    });
    let status = environment.run(["status", "--json"]).success().json();
    let app = &status["apps"][0];
    assert_eq!((&app["up"], &app["processes"]), (&1.into(), &1.into()));
    let _ = environment.run(["ps:stop", "run.1"]).success();
    // Nor can a process type be mistaken for one.
    environment.write_file("source/Procfile", "web: true\nrun: true\n");
    let refused = environment.run(["deploy", "source"]).fails(1);
    let why = "Procfile line 2: run is what `slugline run` starts; choose another name for this \
               process type";
    assert!(refused.stderr.contains(why), "{refused}");
}
