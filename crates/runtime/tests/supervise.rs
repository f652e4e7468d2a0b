//! Keeping processes and servers running: restarts, environment, logs, ending.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::*;
use slugline_core::release::Version;
use slugline_runtime::{Limits, ProcessState};

#[test]
fn what_crashes_is_started_again_with_back_off() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("crashing"));
    let spec = with_process(
        release("crashing", 1, dir.path()),
        "worker",
        "date +%s%N; exit 1",
    );
    let before = Instant::now();
    daemon.control().run(&spec).unwrap();
    let status = daemon.wait(&name, "worker.1", |it| it.restarts >= 4);
    // 0, 50, 100 and 200 ms lie between the first five starts.
    assert!(
        before.elapsed() >= Duration::from_millis(350),
        "{:?}",
        before.elapsed()
    );
    assert_eq!(
        (status.command.as_str(), status.version),
        ("date +%s%N; exit 1", Version::new(1))
    );
    let times = eventually("five starts", || {
        let log = daemon.log(&name);
        let times = log
            .iter()
            .filter_map(|line| line.split_once("app[worker.1]: ")?.1.parse().ok())
            .map(|nanoseconds: u64| nanoseconds / 1_000_000)
            .collect::<Vec<_>>();
        (times.len() >= 5).then_some(times)
    });
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .take(4)
        .collect();
    assert!(
        gaps[1] >= 50 && gaps[2] >= 100 && gaps[3] >= 200,
        "{gaps:?}"
    );
}

#[test]
fn the_log_has_the_last_words_before_the_death() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("talking"));
    daemon.release(&web("talking", 1, dir.path()));
    assert_eq!(daemon.get(&name, "/crash").status, 503);
    daemon.wait(&name, "web.1", |it| it.restarts == 1 && is_up(it));
    let log = daemon.log(&name);
    let text: Vec<_> = log
        .iter()
        .filter_map(|line| line.split_once(' '))
        .map(|it| it.1)
        .filter(|it| !it.starts_with("router: "))
        .collect();
    let command = format!(
        "slugline[web.1]: Starting process with command `{} app.py`",
        *PYTHON
    );
    let expected = [
        command.as_str(),
        "app[web.1]: listening",
        "slugline[web.1]: State changed from starting to up",
        "app[web.1]: last words",
        "slugline[web.1]: Process exited with status 3",
        "slugline[web.1]: State changed from up to crashed",
        command.as_str(),
    ];
    // `listening` and `up` have no order among them.
    let (mut first, mut wanted) = (text[..7].to_vec(), expected.to_vec());
    first[1..3].sort_unstable();
    wanted[1..3].sort_unstable();
    assert_eq!(first, wanted);
}

#[test]
fn requests_after_a_crash_wait_for_the_next_start() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("phoenix"));
    daemon.release(&web("phoenix", 1, dir.path()));
    for _ in 0..3 {
        assert_eq!(daemon.get(&name, "/crash").status, 503);
        let answer = daemon.get(&name, "/version");
        assert_eq!((answer.status, answer.body.as_str()), (200, "v1"));
    }
}

#[test]
fn a_flood_of_output_before_death_is_logged_to_the_last_line() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("flood"));
    let command = "seq 1 20000; printf 'no end' >&2; exit 1";
    let spec = with_process(release("flood", 1, dir.path()), "worker", command);
    let error = daemon.control().launch(&spec).unwrap_err();
    let slugline_runtime::ControlError::Unhealthy { log, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (log.len(), log[0].as_str(), log[19].as_str()),
        (20, "19982", "no end")
    );
    let logs = daemon.home.path().join("logs");
    let all = slugline_runtime::tail(&logs, &name, 100_000).unwrap();
    let of_app = all
        .iter()
        .filter_map(|line| line.split_once("app[worker.1]: "))
        .map(|it| it.1);
    let expected = (1..=20_000)
        .map(|n| n.to_string())
        .chain(["no end".to_owned()]);
    assert!(of_app.eq(expected), "{} lines", all.len());
}

#[test]
fn a_process_sees_its_release_and_nothing_of_the_daemon() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("tidy"));
    std::fs::create_dir(dir.path().join(".profile.d")).unwrap();
    let profile = "export FROM_PROFILE=\"$GREETING there\"\n";
    std::fs::write(dir.path().join(".profile.d/a.sh"), profile).unwrap();
    let mut spec = web("tidy", 12, dir.path());
    let odd = "two\nlines, 'quotes' and = é";
    spec.env.insert("GREETING".into(), "hello".into());
    spec.env.insert("ODD".into(), odd.into());
    spec.processes
        .insert("web".into(), format!("true && EXTRA=1 {} app.py", *PYTHON));
    daemon.release(&spec);
    // The daemon's own environment, which is this test's, has more than what is passed on.
    let passed = ["PATH", "LANG", "TZ"];
    assert!(std::env::vars_os().any(|(key, _)| passed.iter().all(|name| key != *name)));
    let env: BTreeMap<String, String> =
        serde_json::from_str(&daemon.get(&name, "/env").body).unwrap();
    let port = daemon.status(&name).processes[0].port.unwrap().to_string();
    let expected = [
        ("EXTRA", "1"),
        ("FROM_PROFILE", "hello there"),
        ("GREETING", "hello"),
        ("HOME", dir.path().to_str().unwrap()),
        ("ODD", odd),
        ("PORT", &port),
        ("PS", "web.1"),
        ("SLUGLINE_APP", "tidy"),
        ("SLUGLINE_RELEASE_VERSION", "v12"),
        ("SLUGLINE_SERVED_FROM", daemon.home.path().to_str().unwrap()),
    ];
    for (key, value) in expected {
        assert_eq!(env.get(key).map(String::as_str), Some(value), "{key}");
    }
    // The shell adds some of its own.
    let known = [
        "LANG", "LC_CTYPE", "OLDPWD", "PATH", "PWD", "SHLVL", "TZ", "_",
    ];
    for key in env.keys() {
        let ours = expected.iter().any(|(name, _)| name == key) || known.contains(&key.as_str());
        assert!(ours, "{key} should not be there");
    }
}

#[test]
fn a_server_survives_a_switch_and_is_replaced_with_its_command() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("served"));
    let port = free_port();
    let with = |version, flavour| {
        let mut spec = web("served", version, dir.path());
        spec.servers.push(server('a', port, flavour));
        spec
    };
    daemon.release(&with(1, "small"));
    let small = daemon.wait(&name, "memcache", is_up);
    assert_eq!(
        (small.server, small.port, small.command.as_str()),
        (true, Some(port), &**PYTHON)
    );
    daemon.release(&with(2, "small"));
    assert_eq!(daemon.wait(&name, "memcache", is_up).pid, small.pid);
    daemon.release(&with(3, "large"));
    let large = daemon.wait(&name, "memcache", is_up);
    assert_ne!(large.pid, small.pid);
    assert!(!runs(small.pid.unwrap()));
    daemon.wait_for_log(&name, "addon[memcache]: serving large");
    // One that cannot be healthy leaves the servers as they were.
    let mut bad = with_process(with(4, "large"), "web", "exit 1");
    bad.servers.push(server('b', free_port(), "other"));
    daemon.control().launch(&bad).unwrap_err();
    assert_eq!(daemon.status(&name).processes.len(), 2);
    assert_eq!(daemon.wait(&name, "memcache", is_up).pid, large.pid);
    daemon.release(&web("served", 5, dir.path()));
    eventually("the server ends", || {
        (!runs(large.pid.unwrap())).then_some(())
    });
    assert_eq!(daemon.status(&name).processes.len(), 1);
}

#[test]
fn a_server_that_fails_refuses_the_launch() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("serverless"));
    daemon.release(&web("serverless", 1, dir.path()));
    let mut spec = web("serverless", 2, dir.path());
    let mut failing = server('a', free_port(), "x");
    failing.command = vec!["/nowhere/memcached".into()];
    spec.servers.push(failing);
    let error = daemon.control().launch(&spec).unwrap_err().to_string();
    assert!(
        error.starts_with("memcache could not be started: No such file"),
        "{error}"
    );
    assert_eq!(daemon.get(&name, "/version").body, "v1");
}

#[test]
fn what_ignores_sigterm_is_killed_after_its_grace_and_its_children_with_it() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("stubborn"));
    let mut spec = web("stubborn", 1, dir.path());
    spec.env.insert("STUBBORN".into(), "1".into());
    spec.stop_grace_ms = 300;
    let command = "sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 600; done' & \
                   trap '' TERM; wait; sleep 600";
    let spec = with_process(spec, "worker", command);
    daemon.release(&spec);
    daemon.wait_for_log(&name, "app[worker.1]: child");
    let log = daemon.log(&name);
    let child = log
        .iter()
        .find_map(|line| line.split_once("app[worker.1]: child "))
        .unwrap()
        .1;
    let child: u32 = child.parse().unwrap();
    let web: u32 = daemon.get(&name, "/pid").body.parse().unwrap();
    assert!(runs(child) && runs(web));
    let before = Instant::now();
    daemon.control().stop(&name).unwrap();
    assert!(before.elapsed() >= Duration::from_millis(300));
    assert!(!runs(child) && !runs(web));
    let log = daemon.log(&name).join("\n");
    for line in [
        "slugline[web.1]: Stopping process with SIGTERM",
        "slugline[web.1]: Process still runs after 0.3 s: stopping it with SIGKILL",
        "slugline[web.1]: Process was killed by SIGKILL",
    ] {
        assert!(log.contains(line), "{log}");
    }
}

#[test]
fn a_stopped_app_says_so_and_can_be_run_again() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("resting"));
    let spec = web("resting", 3, dir.path());
    daemon.control().stop(&name).unwrap();
    daemon.release(&spec);
    let pid = daemon.wait(&name, "web.1", is_up).pid.unwrap();
    daemon.control().stop(&name).unwrap();
    assert!(!runs(pid));
    let status = daemon.status(&name);
    assert_eq!(status.version, Some(Version::new(3)));
    assert_eq!(status.processes[0].state, ProcessState::Stopped);
    assert_eq!(status.processes[0].pid, None);
    assert_eq!(daemon.get(&name, "/version").status, 503);
    daemon.control().run(&spec).unwrap();
    // The request waits for the process that is being started.
    assert_eq!(daemon.get(&name, "/version").body, "v3");
}

#[test]
fn run_takes_the_place_of_what_runs() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("first"));
    let crashing = with_process(release("first", 1, dir.path()), "web", "exit 1");
    daemon.control().run(&crashing).unwrap();
    daemon.wait(&name, "web.1", |it| it.state == ProcessState::Crashed);
    daemon.control().run(&web("first", 2, dir.path())).unwrap();
    assert_eq!(daemon.get(&name, "/version").body, "v2");
    assert_eq!(daemon.status(&name).processes.len(), 1);
}

#[test]
fn what_is_current_is_run_from_the_start_and_waits_for_its_servers() {
    let (dir, port) = (slug(), free_port());
    let code = format!(
        "{} -c \"import socket; socket.create_connection(('127.0.0.1',{port}))\"",
        *PYTHON
    );
    let mut spec = web("early", 7, dir.path());
    spec.processes
        .insert("web".into(), format!("{code} && {} app.py", *PYTHON));
    spec.servers.push(server('a', port, "x"));
    let daemon = Daemon::with(limits(), &[spec]);
    let name = app("early");
    assert_eq!(daemon.get(&name, "/version").body, "v7");
    assert_eq!(daemon.wait(&name, "web.1", is_up).restarts, 0);
}

#[test]
fn a_web_process_that_is_deaf_is_started_again() {
    let (dir, name) = (slug(), app("deaf"));
    let limits = Limits {
        hold: Duration::from_millis(50),
        ..limits()
    };
    let mut spec = with_process(release("deaf", 1, dir.path()), "web", "exec sleep 600");
    spec.boot_limit_ms = 100;
    let daemon = Daemon::with(limits, &[spec]);
    daemon.wait(&name, "web.1", |it| it.restarts >= 1);
    daemon.wait_for_log(&name, "slugline[web.1]: Process did not open port");
    assert_eq!(daemon.get(&name, "/").status, 503);
}
