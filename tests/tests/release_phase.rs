//! The release command of an app: run once for each release, before any of its processes.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{WEB, commit_file, deploy, repository, story, with_app};

/// An app with a release command that fails where `STUCK` is set.
fn migrating() -> String {
    let release = "release: echo \"moving to $SLUGLINE_RELEASE_VERSION\"; \
         test -z \"$STUCK\" || { echo \"stuck at $STUCK\" >&2; exit 3; }\n";
    format!("{release}{WEB}")
}

fn page(environment: &TestEnvironment) -> String {
    environment.http_get("myapp", "/").1
}

#[test]
fn it_runs_before_the_processes_and_what_it_wrote_is_kept() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, &migrating(), "575bfa8");
    let outputs = [
        environment.run(["config:add", "GREETING=hello"]),
        environment.run(["releases:output"]),
        environment.run(["releases:output", "v1"]),
        environment.run(["releases:output", "v2", "--json"]),
        environment.run(["addons:add", "memcache"]),
        environment.run(["addons:remove", "memcache", "--confirm", "myapp"]),
        environment.run(["releases:output"]),
        environment.run(["releases:output", "v9"]),
        environment.run(["rollback", "v1"]),
        environment.run(["rollback", "--skip-release-phase"]),
        environment.run(["releases:output", "v6"]),
    ];
    assert_snapshot!(story(outputs), @r#"
    $ slugline config:add GREETING=hello
    Adding config vars:
      GREETING => hello
    Updating vars and restarting app... done, v2
    2>   moving to v2

    $ slugline releases:output
    moving to v2

    $ slugline releases:output v1
    moving to v1

    $ slugline releases:output v2 --json
    {
      "output": "moving to v2\n",
      "release": "v2"
    }

    $ slugline addons:add memcache
    Adding memcache to myapp... done, v3 (free)
          Your cache is empty and ready.
    2>   moving to v3

    $ slugline addons:remove memcache --confirm myapp
    Removing memcache from myapp... done, v4 (free)

    $ slugline releases:output
    2> v4 ran no release command.

    $ slugline releases:output v9
    2>  !    There is no release v9; the newest is v4
    2>  !    The nearest that is kept is v4.
    [exit 1]

    $ slugline rollback v1
    Rolled back to v1
    2>   moving to v5
    2> v5 now runs, with the code and config of v1. Undo: slugline rollback

    $ slugline rollback --skip-release-phase
    Rolled back to v4
    2> v6 now runs, with the code and config of v4. Undo: slugline rollback

    $ slugline releases:output v6
    2> v6 ran no release command.
    "#);
    assert_eq!(page(&environment), "hello from v6\n");
    let log = environment.run(["logs", "-n", "1000"]).success();
    let lines = log.to_string();
    let lines = lines.lines().filter(|line| line.contains("app[release.1]"));
    let lines = lines.filter_map(|line| line.split_once(' '));
    let lines: Vec<_> = lines.map(|it| it.1).collect();
    assert_snapshot!(lines.join("\n"), @r"
    app[release.1]: moving to v1
    app[release.1]: moving to v2
    app[release.1]: moving to v3
    app[release.1]: moving to v5
    ");
}

#[test]
fn where_it_fails_the_release_fails_and_is_tried_again() {
    let environment = with_app(None);
    deploy(&environment, &migrating(), "575bfa8");
    let outputs = [
        environment.run(["releases:retry"]),
        environment.run(["config:add", "STUCK=5"]),
        environment.run(["config"]),
        environment.run(["releases:output"]),
        environment.run(["releases:retry", "--dry-run"]),
        environment.run(["releases:retry"]),
        environment.run(["addons:add", "memcache"]),
    ];
    assert_snapshot!(story(outputs), @r"
    $ slugline releases:retry
    2>  !    v1 did not fail: there is nothing to retry
    [exit 1]

    $ slugline config:add STUCK=5
    Adding config vars:
      STUCK => 5
    Updating vars and restarting app... failed
    2>   moving to v2
    2>   stuck at 5
    2>  !    v2 failed: release.1 exited with status 3
    2>  !    v1 runs on, unchanged.
    [exit 1]

    $ slugline config

    $ slugline releases:output
    moving to v2
    stuck at 5

    $ slugline releases:retry --dry-run
    Would make v3 of myapp: Config add STUCK
      config  + STUCK
    2> Nothing has been changed.

    $ slugline releases:retry
    Retrying Config add STUCK... failed
    2>   moving to v3
    2>   stuck at 5
    2>  !    v3 failed: release.1 exited with status 3
    2>  !    v1 runs on, unchanged.
    [exit 1]

    $ slugline addons:add memcache
    Adding memcache to myapp... done, v4 (free)
          Your cache is empty and ready.
    2>   moving to v4
    ");
    assert_eq!(page(&environment), " from v4\n");
}

#[test]
fn a_push_whose_release_command_fails_is_rejected() {
    let environment = TestEnvironment::new();
    repository(&environment, &migrating());
    let _ = environment.run(["apps:create", "myapp"]).success();
    let _ = environment
        .git(["push", "--quiet", "slugline", "main"])
        .success();
    // It needs somebody who listens there, and nobody does yet.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let command = format!(
        "release: echo looking; (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null || exit 1\n"
    );
    commit_file(&environment, "Procfile", format!("{command}{WEB}"));
    let pushed = environment.git(["push", "slugline", "main"]);
    // Git pads what a remote says.
    let pushed = pushed.to_string();
    let lines = pushed
        .lines()
        .map(|line| line.trim_end_matches(|c: char| !c.is_ascii_graphic()))
        .filter(|line| !line.contains("slug size"));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    $ git push slugline main
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:        Procfile declares types -> release, web
    2> remote: -----> Running release command...
    2> remote:        looking
    2> remote:  !    v2 failed: release.1 exited with status 1
    2> remote:  !    v1 runs on, unchanged.
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
    assert_eq!(page(&environment), " from v1\n");
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let retried = environment.run(["releases:retry"]);
    let retried = retried.hide("Deploy ", "COMMIT");
    assert_snapshot!(retried, @r"
    $ slugline releases:retry
    Retrying Deploy COMMIT done, v3
    2>   looking
    ");
    assert_eq!(page(&environment), " from v3\n");
}

#[test]
fn one_that_takes_too_long_fails() {
    let environment = with_app(None);
    environment.write_file("source/Procfile", format!("release: exec sleep 600\n{WEB}"));
    let commit = slugline_tests::commit("575bfa8");
    let caller = environment.caller().with("SLUGLINE_RELEASE_TIMEOUT", "1");
    assert_snapshot!(caller.run(["deploy", "source", "--commit", &commit]), @r"
    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> release, web
    -----> Compiled slug size is 216B
    -----> Running release command...
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    v1 failed: release.1 did not end within 1 s
    2>  !    Nothing runs.
    [exit 1]
    ");
    assert_eq!(environment.http_get("myapp", "/").0, 503);
}

#[test]
fn ctrl_c_ends_it_and_leaves_the_release_failed() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, WEB, "575bfa8");
    environment.write_file("source/Procfile", format!("release: exec sleep 600\n{WEB}"));
    let mut deploying = environment.caller().command("slugline");
    let deploying = deploying.args(["deploy", "source"]).stdout(Stdio::null());
    let mut deploying = deploying.stderr(Stdio::piped()).spawn().unwrap();
    let mut pid = None;
    wait_until("the release command runs", || {
        let processes = environment.run(["ps", "--json"]).success().json();
        let processes = processes.as_array().unwrap().iter();
        let mut release = processes.filter(|it| it["process"] == "release.1");
        pid = release.find_map(|it| it["pid"].as_u64());
        pid.is_some()
    });
    let interrupt = Command::new("kill")
        .args(["-INT", &deploying.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(deploying.wait().unwrap().code(), Some(130));
    let stat = format!("/proc/{}/stat", pid.unwrap());
    let gone = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z"));
    wait_until("it is ended", || !gone());
    let history = environment.run(["releases", "--json"]).success().json();
    assert_eq!(history[0]["name"], "v2");
    assert_eq!(history[0]["status"], "failed");
    assert_eq!(page(&environment), " from v1\n");
}
