//! What runs: processes, logs, restarts, and the daemon itself.

use std::process::Stdio;

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment, wait_until};
use slugline_tests::{QUIET, WEB, deploy, story, with_app};

/// A web process that speaks, and a worker that does not.
const TALKER: &str = "web: echo first; echo second; echo third >&2; touch index.html; exec \"$SLUGLINE_BIN\" static .\n\
     worker: sleep 1000\n";

fn without_ids(output: Output) -> Output {
    let output = output.hide("(pid ", "PID").hide("(process ", "PID");
    output.hide(" up for ", "TIME").hide("running for ", "TIME")
}

/// A table whose columns are not as wide as what is hidden in them.
fn squeezed(output: &Output) -> String {
    let is_port = |cell: &str| cell.len() == 5 && cell.parse::<u16>().is_ok();
    let cells = |line: &str| {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(|cell| match cell {
                cell if cell.ends_with(" MB") => "MEMORY",
                cell if is_port(cell) => "PORT",
                cell => cell,
            });
        cells.collect::<Vec<_>>().join(" | ")
    };
    let text = output.to_string();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("---"))
        .map(cells);
    lines.collect::<Vec<_>>().join("\n")
}

/// The pid of the first process.
fn pid(environment: &TestEnvironment) -> Option<u64> {
    let processes = environment.run(["ps", "--json"]).success().json();
    processes[0]["pid"].as_u64()
}

#[test]
fn processes_are_listed_and_restarted() {
    let environment = with_app(None);
    let idle = story([
        environment.run(["ps"]),
        environment.run(["ps", "--json"]),
        environment.run(["restart"]),
    ]);
    assert_snapshot!(idle, @r"
    $ slugline ps
    myapp has no processes

    $ slugline ps --json
    []

    $ slugline restart
    2>  !    myapp has nothing to run yet
    2>  !    Deploy it: git push slugline main
    [exit 1]
    ");
    deploy(&environment, TALKER, "575bfa8");
    let _ = environment.run(["addons:add", "memcache"]).success();
    assert_snapshot!(squeezed(&without_ids(environment.run(["ps"]))), @r"
    $ slugline ps
    Process | State | Rel | Restarts | Memory | Port | Command
    web.1 | up for TIME | v2 | 0 | MEMORY | PORT | echo first; echo second; echo thir..
    worker.1 | up for TIME | v2 | 0 | MEMORY | sleep 1000
    memcache | up for TIME | v2 | 0 | MEMORY | PORT | memcached
    ");
    let before = pid(&environment);
    assert_snapshot!(story([environment.run(["restart"]), environment.run(["ps", "restart"])]), @r"
    $ slugline restart
    Restarting processes... done

    $ slugline ps restart
    Restarting processes... done
    ");
    let processes = environment.run(["ps", "--json"]).success().json();
    assert_ne!(processes[0]["pid"].as_u64(), before);
    assert_eq!(processes[0]["release"], "v2");
    assert_eq!(environment.http_get("myapp", "/").0, 200);
}

#[test]
fn a_process_that_is_killed_is_started_again() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let before = pid(&environment);
    let killed = environment
        .caller()
        .command("sh")
        .args(["-c", &format!("kill -9 {}", before.unwrap())])
        .status()
        .unwrap();
    assert!(killed.success());
    wait_until("it is up again", || {
        let processes = environment.run(["ps", "--json"]).success().json();
        processes[0]["state"] == "up" && processes[0]["pid"].as_u64() != before
    });
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
}

#[test]
fn logs_are_shown_from_the_end() {
    let environment = with_app(None);
    assert_snapshot!(environment.run(["logs"]), @r"$ slugline logs");
    deploy(&environment, TALKER, "575bfa8");
    let mut all = String::new();
    wait_until("all lines are there", || {
        all = environment.run(["logs"]).success().stdout;
        ["third", "Serving", "to up"]
            .iter()
            .all(|word| all.contains(word))
    });
    // What comes from several pipes has no order.
    let lines = all.lines().filter(|line| line.contains("[web.1]"));
    let words = lines.filter_map(|line| line.split_once(' ')?.1.split(" at port ").next());
    let mut said: Vec<_> = words.collect();
    said.sort_unstable();
    let said = said.join("\n");
    assert_snapshot!(said, @r#"
    app[web.1]: Serving .
    app[web.1]: first
    app[web.1]: second
    app[web.1]: third
    slugline[web.1]: Starting process with command `echo first; echo second; echo third >&2; touch index.html; exec "$SLUGLINE_BIN" static .`
    slugline[web.1]: State changed from starting to up
    "#);
    let last = environment.run(["logs", "-n", "1"]).success().stdout;
    assert_eq!(Some(last.trim_end()), all.lines().last());
    assert_snapshot!(environment.run(["logs", "--num", "-1"]), @r"
    $ slugline logs --num -1
    2>  !    unexpected argument '-1' found
    2>  !    Usage: slugline logs [OPTIONS]
    2>  !    For more information, try '--help'.
    [exit 2]
    ");
}

#[test]
fn the_daemon_is_started_stopped_and_shown() {
    let environment = with_app(None);
    let _ = environment.run(["create", "second"]).success();
    let stopped = story([
        environment.run(["serve", "--stop"]),
        environment.run(["status"]),
    ]);
    assert_snapshot!(stopped, @r"
    $ slugline serve --stop
    It does not run.

    $ slugline status
    === Slugline
    Home:   $SLUGLINE_HOME
    Serve:  not running; start it with: slugline serve

    App     Rel   Processes  Address
    ------  ----  ---------  -------------------------
    myapp   none  0 of 0 up  http://myapp.localhost:PORT
    second  none  0 of 0 up  http://second.localhost:PORT
    ");
    deploy(&environment, WEB, "575bfa8");
    assert_snapshot!(squeezed(&without_ids(environment.run(["status"]))), @r"
    $ slugline status
    === Slugline
    Home: | $SLUGLINE_HOME
    Serve: | running for TIME (pid PID)
    Router: | http://localhost:PORT
    API: | http://127.0.0.1:PORT

    App | Rel | Processes | Address
    myapp | v1 | 1 of 1 up | http://myapp.localhost:PORT
    second | none | 0 of 0 up | http://second.localhost:PORT
    ");
    let status = environment.run(["status", "--json"]).success().json();
    assert_eq!(status["serving"], true);
    assert_eq!(status["apps"][0]["up"], 1);
    assert_eq!(status["apps"][1]["release"], serde_json::Value::Null);

    let port = environment.router_port();
    let second = environment.run(["serve"]).fails(1);
    assert_snapshot!(without_ids(second), @r"
    $ slugline serve
    2>  !    a daemon runs for $SLUGLINE_HOME already (process PID)
    [exit 1]
    ");
    assert_snapshot!(environment.run(["serve", "--stop"]), @r"
    $ slugline serve --stop
    Stopped.
    ");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_daemon_in_the_foreground_starts_what_is_current() {
    let environment = with_app(None);
    deploy(&environment, WEB, "575bfa8");
    let _ = environment.run(["serve", "--stop"]).success();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = environment.run(["serve", "--port", &port]);
    let refused = refused.to_string().replace(&port, "PORT");
    assert_snapshot!(refused, @r"
    $ slugline serve --port PORT
    2>  !    port PORT is in use by another program
    2>  !    Choose another: slugline serve --port N, or SLUGLINE_PORT=N
    [exit 1]
    ");

    let mut daemon = environment.caller().command("slugline");
    let daemon = daemon.args(["serve", "--port", "0"]).stderr(Stdio::null());
    let mut daemon = daemon.spawn().unwrap();
    wait_until("the app is up", || {
        let status = environment.run(["status", "--json"]).success().json();
        status["apps"][0]["up"] == 1
    });
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn an_address_without_an_app_is_explained() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let (status, body) = environment.http_get("other", "/");
    let body = body.replace(&environment.router_port().to_string(), "PORT");
    assert_snapshot!(format!("{status}\n{body}"), @r"
    404
    There is no app at other.localhost.
    These apps are here:
      http://myapp.localhost:PORT
    ");
    let (status, body) = environment.http_get("myapp", "/");
    assert_snapshot!(format!("{status}\n{body}"), @r"
    503
    myapp cannot answer: it has no web process. (H14)
    Its processes: slugline ps --app myapp
    Its log:       slugline logs --app myapp
    ");
}

#[test]
fn a_worker_that_cannot_start_fails_its_release() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, WEB, "575bfa8");
    environment.write_file("source/Procfile", format!("{WEB}worker: exit 3\n"));
    let failed = environment.run(["deploy", "source"]).fails(1);
    assert!(
        failed
            .stderr
            .starts_with(" !    v2 failed: worker.1 exited with status 3"),
        "{failed}"
    );
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
}
