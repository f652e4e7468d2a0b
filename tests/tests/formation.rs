//! How many processes run, and what each may use: scaled, stopped, restarted, limited, shown.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{WEB, deploy, story, with_app};

/// What runs of the app and how it is: `web.1 up`.
fn states(environment: &TestEnvironment) -> String {
    let processes = environment.run(["ps", "--json"]).success().json();
    let word = |process: &serde_json::Value, key: &str| process[key].as_str().unwrap().to_owned();
    let processes = processes.as_array().unwrap().clone();
    let states = processes
        .iter()
        .map(|it| format!("{} {}", word(it, "process"), word(it, "state")));
    states.collect::<Vec<_>>().join(", ")
}

fn wait_for(environment: &TestEnvironment, expected: &str) {
    let mut last = String::new();
    wait_until(expected, || {
        let now = states(environment);
        if now != last {
            last.clone_from(&now);
        }
        now == expected
    });
}

fn pids(environment: &TestEnvironment) -> Vec<u64> {
    let processes = environment.run(["ps", "--json"]).success().json();
    let processes = processes.as_array().unwrap().clone();
    processes
        .iter()
        .filter_map(|it| it["pid"].as_u64())
        .collect()
}

fn app_with(procfile: &str) -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, procfile, "575bfa8");
    environment
}

fn procfile() -> String {
    format!("{WEB}worker: exec sleep 1000\nrelease: true\n")
}

#[test]
fn an_app_is_scaled_without_a_release_and_stays_so() {
    let environment = app_with(&procfile());
    let before = pids(&environment);
    assert_snapshot!(
        story([
            environment.run(["ps:scale"]),
            environment.run(["ps:scale", "web=2", "worker+1"]),
            environment.run(["ps", "scale", "web+1", "worker-1"]),
            environment.run(["ps:scale", "web=3"]),
            environment.run(["ps:scale"]),
            environment.run(["ps:scale", "--json"]),
            environment.run(["ps:scale", "wbe=3"]),
            environment.run(["ps:scale", "release=1"]),
            environment.run(["ps:scale", "web=101"]),
            environment.run(["ps:scale", "web"]),
        ]),
        @r#"
        $ slugline ps:scale
        web=1 worker=1

        $ slugline ps:scale web=2 worker+1
        Scaling web processes... done, now running 2
        Scaling worker processes... done, now running 2

        $ slugline ps scale web+1 worker-1
        Scaling web processes... done, now running 3
        Scaling worker processes... done, now running 1

        $ slugline ps:scale web=3
        Scaling web processes... done, now running 3

        $ slugline ps:scale
        web=3 worker=1

        $ slugline ps:scale --json
        {
          "web": 3,
          "worker": 1
        }

        $ slugline ps:scale wbe=3
        2>  !    myapp has no process type wbe
        2>  !    Did you mean web?
        [exit 1]

        $ slugline ps:scale release=1
        2>  !    myapp has no process type release
        2>  !    It has: web, worker
        [exit 1]

        $ slugline ps:scale web=101
        2>  !    web: at most 100 processes of a type run
        [exit 1]

        $ slugline ps:scale web
        2>  !    Usage: slugline ps:scale web=2 worker+1
        [exit 2]
        "#
    );
    wait_for(&environment, "web.1 up, web.2 up, web.3 up, worker.1 up");
    assert!(
        pids(&environment).starts_with(&before[..1]),
        "what ran runs on"
    );
    // A release, a rollback and another daemon run as many.
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    wait_for(&environment, "web.1 up, web.2 up, web.3 up, worker.1 up");
    let _ = environment.run(["rollback"]).success();
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = environment.run(["ps:scale", "worker=0"]).success();
    let _ = environment.run(["restart"]).success();
    wait_for(&environment, "web.1 up, web.2 up, web.3 up");
    assert_eq!(environment.http_get("myapp", "/").1, " from v3\n");
    let _ = environment.run(["ps:scale", "web=0"]).success();
    wait_for(&environment, "");
    assert_eq!(environment.http_get("myapp", "/").0, 503);
    wait_until("the router has said why", || {
        environment
            .run(["logs"])
            .success()
            .stdout
            .contains("code=H14")
    });
    let _ = environment.run(["ps:scale", "web=1"]).success();
    assert_eq!(environment.http_get("myapp", "/").0, 200);
    let releases = environment.run(["releases", "--json"]).success().json();
    assert_eq!(releases.as_array().unwrap().len(), 3);
}

#[test]
fn no_request_is_lost_while_processes_come_and_go() {
    let environment = Arc::new(app_with(&procfile()));
    let over = Arc::new(AtomicBool::new(false));
    let asking = std::thread::spawn({
        let (environment, over) = (Arc::clone(&environment), Arc::clone(&over));
        move || {
            let mut statuses = Vec::new();
            while !over.load(Ordering::Relaxed) {
                statuses.push(environment.http_get("myapp", "/").0);
            }
            statuses
        }
    });
    for words in [
        &["ps:scale", "web=3"][..],
        &["ps:scale", "web=1"],
        &["restart", "web.1"],
        &["ps:scale", "web=2"],
        &["restart", "web"],
        &["ps:stop", "web.2"],
        &["ps:scale", "web=1"],
    ] {
        let _ = environment.run(words).success();
    }
    over.store(true, Ordering::Relaxed);
    let statuses = asking.join().unwrap();
    assert!(
        statuses.len() > 1 && statuses.iter().all(|status| *status == 200),
        "{statuses:?}"
    );
}

#[test]
fn processes_are_stopped_and_restarted_one_by_one() {
    let environment = app_with(&procfile());
    let _ = environment.run(["ps:scale", "worker=2"]).success();
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 up");
    let before = pids(&environment);
    let stopped = environment.run(["ps:stop", "worker.2"]);
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 stopped");
    let restarted = environment.run(["restart", "worker.1"]);
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 stopped");
    let after = pids(&environment);
    assert!(
        after[0] == before[0] && after[1] != before[1],
        "{before:?} {after:?}"
    );
    let types = environment.run(["ps:restart", "worker"]);
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 up");
    let web = environment.run(["ps:stop", "web"]);
    wait_for(&environment, "web.1 stopped, worker.1 up, worker.2 up");
    assert_eq!(environment.http_get("myapp", "/").0, 503);
    assert_snapshot!(
        story([stopped, restarted, types, web, environment.run(["ps:stop", "web.7"]), environment.run(["restart", "wbe"])]),
        @r"
        $ slugline ps:stop worker.2
        Stopping worker.2 process... done
        2> It starts again with the next release, or with: slugline restart worker.2

        $ slugline restart worker.1
        Restarting worker.1 process... done

        $ slugline ps:restart worker
        Restarting worker processes... done

        $ slugline ps:stop web
        Stopping web processes... done
        2> It starts again with the next release, or with: slugline restart web

        $ slugline ps:stop web.7
        2>  !    myapp has no process web.7
        2>  !    What it has: slugline ps --app myapp
        [exit 1]

        $ slugline restart wbe
        2>  !    myapp has no process wbe
        2>  !    What it has: slugline ps --app myapp
        [exit 1]
        "
    );
    // A release that fails does not take the place of one of which something was stopped.
    environment.write_file("source/Procfile", format!("{WEB}worker: exit 3\n"));
    let _ = environment.run(["deploy", "source"]).fails(1);
    wait_for(&environment, "web.1 stopped, worker.1 up, worker.2 up");
    environment.write_file("source/Procfile", procfile());
    // The next release starts what was stopped, and a one-off is a process too.
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 up");
    let _ = environment.run(["run:detached", "sleep 1000"]).success();
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 up, run.1 up");
    let _ = environment.run(["ps:stop", "run.1"]).success();
    wait_for(&environment, "web.1 up, worker.1 up, worker.2 up");
}

#[test]
fn a_process_over_its_limits_is_ended_or_refused() {
    let environment = app_with(
        "worker: exec python3 -c 'import time; x = b\"x\" * (100 << 20); time.sleep(1000)'\n\
        files: ulimit -n; exec sleep 1000\n",
    );
    let story = story([
        environment.run(["ps:limit"]),
        environment.run(["ps:limit", "files", "files=64"]),
        environment.run(["ps:limit", "worker", "memory=70"]),
        environment.run(["ps:limit"]),
        environment.run(["ps:limit", "--json"]),
        environment.run(["ps:limit", "wrker", "memory=70"]),
        environment.run(["ps:limit", "worker", "disk=70"]),
        environment.run(["ps:limit", "worker"]),
    ]);
    assert_snapshot!(story, @r#"
    $ slugline ps:limit
    Type    Memory (MB)  CPU  Files
    ------  -----------  ---  -----
    files   off          off  off
    worker  off          off  off

    $ slugline ps:limit files files=64
    Limiting files processes... done, now memory=off cpu=off files=64
    2> The limit of open files is that of processes started from now on: slugline restart files

    $ slugline ps:limit worker memory=70
    Limiting worker processes... done, now memory=70 cpu=off files=off

    $ slugline ps:limit
    Type    Memory (MB)  CPU  Files
    ------  -----------  ---  -----
    files   off          off  64
    worker  70           off  off

    $ slugline ps:limit --json
    {
      "files": {
        "cpu_percent": null,
        "memory_mb": null,
        "open_files": 64
      },
      "worker": {
        "cpu_percent": null,
        "memory_mb": 70,
        "open_files": null
      }
    }

    $ slugline ps:limit wrker memory=70
    2>  !    myapp has no process type wrker
    2>  !    Did you mean worker?
    [exit 1]

    $ slugline ps:limit worker disk=70
    2>  !    Usage: slugline ps:limit web memory=512 cpu=50% files=1024
    [exit 2]

    $ slugline ps:limit worker
    2>  !    the following required arguments were not provided:
    2>  !    <LIMIT=N>...
    2>  !    Usage: slugline ps:limit <TYPE> <LIMIT=N>...
    2>  !    For more information, try '--help'.
    [exit 2]
    "#);
    let log = || environment.run(["logs", "-n", "1000"]).success().stdout;
    wait_until("it is over", || {
        log().contains("slugline[worker.1]: Error R14 (Memory quota exceeded)")
    });
    let _ = environment
        .run(["ps:limit", "worker", "memory=32"])
        .success();
    wait_until("it is far over", || {
        log().contains("slugline[worker.1]: Error R15 (Memory quota vastly exceeded)")
    });
    let stopped = "Process was stopped: it was over its memory";
    assert!(log().contains("% of 70M)") && log().contains(stopped));
    let _ = environment
        .run(["ps:limit", "worker", "memory=off"])
        .success();
    let _ = environment.run(["restart", "files"]).success();
    wait_until("its files are limited", || {
        log().contains("app[files.1]: 64\n")
    });
    wait_for(&environment, "files.1 up, worker.1 up");
    let processes = environment.run(["ps", "--json"]).success().json();
    assert_eq!(processes[1]["memory_limit_bytes"], serde_json::Value::Null);
}

#[test]
fn what_runs_is_watched_until_nobody_reads() {
    let environment = app_with(&procfile());
    let mut command = environment.caller().command("slugline");
    let mut child = command
        .args(["ps", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let head: Vec<_> = lines.take(9).collect();
    assert!(
        head[0].starts_with("Process   State ")
            && head[0].ends_with("Restarts  Memory  Port   Command"),
        "{head:?}"
    );
    assert!(
        head[2].starts_with("web.1     up for ") && head[2].contains(" MB "),
        "{head:?}"
    );
    assert_eq!((head[4].as_str(), &head[5][..7]), ("", "Process"));
    assert!(child.wait().unwrap().success());
}
