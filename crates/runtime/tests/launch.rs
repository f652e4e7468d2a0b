//! Launching beside what runs, switching, failing, abandoning.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::*;
use slugline_core::release::Version;
use slugline_runtime::{ControlError, Limits, ProcessState, Refusal};

#[test]
fn switches_under_load_lose_no_request() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("busy"));
    daemon.release(&web("busy", 1, dir.path()));
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let ask = || {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let path = if seen.len() % 5 == 0 {
                    "/slow?0.03"
                } else {
                    "/version"
                };
                let answer = daemon.get(&name, path);
                assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
                seen.push(answer.body);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            seen
        };
        let askers: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for version in 2..=6 {
            let enough = answered.load(Ordering::Relaxed) + 100;
            eventually("a hundred answers", || {
                (answered.load(Ordering::Relaxed) >= enough).then_some(())
            });
            daemon.release(&web("busy", version, dir.path()));
            assert_eq!(daemon.get(&name, "/version").body, format!("v{version}"));
        }
        done.store(true, Ordering::Relaxed);
        let seen: Vec<_> = askers
            .into_iter()
            .flat_map(|asker| asker.join().unwrap())
            .collect();
        assert!(seen.len() >= 500, "only {} requests", seen.len());
        for version in 1..6 {
            assert!(
                seen.contains(&format!("v{version}")),
                "nobody saw v{version}"
            );
        }
    });
}

#[test]
fn what_is_in_flight_is_finished_by_the_old_release_and_then_its_folder_is_given_up() {
    let (daemon, old, new, name) = (Daemon::start(), slug(), slug(), app("slow"));
    daemon.release(&web("slow", 1, old.path()));
    let pid: u32 = daemon.get(&name, "/pid").body.parse().unwrap();
    std::thread::scope(|scope| {
        let before = Instant::now();
        let slow = scope.spawn(|| daemon.get(&name, "/slow?2"));
        daemon.wait_for_log(&name, "app[web.1]: slow for 2");
        daemon.release(&web("slow", 2, new.path()));
        assert!(
            before.elapsed() < Duration::from_secs(2),
            "the switch waited for the request"
        );
        assert_eq!(daemon.get(&name, "/version").body, "v2");
        assert!(runs(pid));
        let slow = slow.join().unwrap();
        assert_eq!((slow.status, slow.body.as_str()), (200, "v1"));
    });
    eventually("the old release is given up", || {
        let retired = daemon.ledger.retired.lock().unwrap().clone();
        (retired == [(Version::new(1), old.path().to_owned())]).then_some(())
    });
    assert!(!runs(pid));
}

#[test]
fn a_request_that_takes_too_long_is_cut_off_with_the_old_release() {
    let limits = Limits {
        drain: Duration::from_millis(100),
        ..limits()
    };
    let (daemon, dir, name) = (Daemon::with(limits, &[]), slug(), app("endless"));
    daemon.release(&web("endless", 1, dir.path()));
    std::thread::scope(|scope| {
        let endless = scope.spawn(|| daemon.get(&name, "/slow?600"));
        daemon.wait_for_log(&name, "app[web.1]: slow for 600");
        daemon.release(&web("endless", 2, dir.path()));
        assert_eq!(endless.join().unwrap().status, 503);
    });
    assert_eq!(daemon.get(&name, "/version").body, "v2");
}

#[test]
fn a_folder_that_the_next_release_runs_in_is_not_given_up() {
    let (daemon, dir, other, name) = (Daemon::start(), slug(), slug(), app("same"));
    daemon.release(&web("same", 1, dir.path()));
    let first = daemon.wait(&name, "web.1", is_up).pid.unwrap();
    daemon.release(&web("same", 2, dir.path()));
    eventually("the first release ends", || (!runs(first)).then_some(()));
    daemon.release(&web("same", 3, other.path()));
    eventually("the second is given up", || {
        let retired = daemon.ledger.retired.lock().unwrap().clone();
        (retired == [(Version::new(2), dir.path().to_owned())]).then_some(())
    });
}

/// Launches what must not become healthy, beside v1, and checks why.
fn check_unhealthy(command: &str, kind: &str, expected: &str, last: &[&str]) {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("bad"));
    daemon.release(&web("bad", 1, dir.path()));
    let mut bad = with_process(web("bad", 2, dir.path()), kind, command);
    bad.boot_limit_ms = 1500;
    let error = daemon.control().launch(&bad).unwrap_err();
    let ControlError::Unhealthy { reason, log } = error else {
        panic!("{error:?}");
    };
    let port = reason
        .split(' ')
        .find(|word| word.parse::<u16>().is_ok_and(|port| port > 999));
    assert_eq!(reason.replace(port.unwrap_or("?"), "PORT"), expected);
    assert_eq!(log, last);
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    let status = daemon.status(&name);
    assert_eq!(status.version, Some(Version::new(1)));
    assert_eq!(status.processes.len(), 1);
    let end = daemon.log(&name).pop().unwrap_or_default();
    assert!(!end.is_empty());
}

#[test]
fn a_release_that_exits_changes_nothing() {
    let command = "echo one; echo two >&2; exit 7";
    check_unhealthy(
        command,
        "web",
        "web.1 exited with status 7",
        &["one", "two"],
    );
}

#[test]
fn a_release_that_is_killed_changes_nothing() {
    check_unhealthy("kill -9 $$", "web", "web.1 was killed by SIGKILL", &[]);
}

#[test]
fn a_release_that_opens_no_port_changes_nothing() {
    let expected = "web.1 did not open port PORT within 1.5 s";
    check_unhealthy(
        "echo waiting; exec sleep 600",
        "web",
        expected,
        &["waiting"],
    );
}

#[test]
fn a_release_whose_worker_dies_changes_nothing() {
    check_unhealthy("exit 1", "worker", "worker.1 exited with status 1", &[]);
    // It outlives the start of `web`, and not the time that it must last.
    let late = "sleep 0.15; exit 1";
    check_unhealthy(late, "worker", "worker.1 exited with status 1", &[]);
}

#[test]
fn without_web_a_release_is_healthy_when_its_processes_last() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("quiet"));
    let base = || release("quiet", 1, dir.path());
    let error = daemon
        .control()
        .launch(&with_process(base(), "worker", "exit 1"))
        .unwrap_err();
    assert_eq!(error.to_string(), "worker.1 exited with status 1");
    let good = with_process(base(), "worker", "exec sleep 600");
    daemon.release(&with_process(good, "release", "touch released"));
    daemon.wait(&name, "worker.1", is_up);
    assert_eq!(daemon.status(&name).processes.len(), 1);
    assert!(!dir.path().join("released").exists());
    let answer = daemon.get(&name, "/");
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .body
            .contains("quiet cannot answer: it has no web process"),
        "{}",
        answer.body
    );
}

#[test]
fn a_client_that_goes_away_abandons_its_launch_unless_it_is_current() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("torn"));
    daemon.release(&web("torn", 1, dir.path()));
    let candidate = daemon
        .control()
        .launch(&web("torn", 2, dir.path()))
        .unwrap();
    let three = web("torn", 3, dir.path());
    drop(candidate);
    eventually("the ledger is asked", || {
        (*daemon.ledger.asked.lock().unwrap() == 1).then_some(())
    });
    // The next launch waits until the one before is settled.
    let candidate = daemon.control().launch(&three).unwrap();
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    daemon
        .ledger
        .current
        .lock()
        .unwrap()
        .insert(name.clone(), three.clone());
    drop(candidate);
    eventually("it is current", || {
        (daemon.get(&name, "/version").body == "v3").then_some(())
    });
    assert!(
        daemon
            .log(&name)
            .iter()
            .all(|line| !line.contains("crashed"))
    );
}

#[test]
fn stopping_ends_a_launch_and_its_candidate() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("gone"));
    let candidate = daemon
        .control()
        .launch(&web("gone", 1, dir.path()))
        .unwrap();
    daemon.control().stop(&name).unwrap();
    let error = candidate.switch().unwrap_err();
    assert!(
        matches!(error, ControlError::Refused(Refusal::NoCandidate)),
        "{error:?}"
    );
    let never = with_process(
        release("gone", 2, dir.path()),
        "web",
        "echo here; sleep 600",
    );
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| daemon.control().launch(&never).map(drop));
        daemon.wait_for_log(&name, "app[web.1]: here");
        daemon.control().stop(&name).unwrap();
        let error = launch.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the app was stopped");
    });
}

#[test]
fn restarting_is_launching_the_same_release() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("again"));
    daemon.release(&web("again", 5, dir.path()));
    let before = daemon.get(&name, "/pid").body;
    daemon.release(&web("again", 5, dir.path()));
    assert_ne!(daemon.get(&name, "/pid").body, before);
    let process = daemon.wait(&name, "web.1", is_up);
    assert_eq!((process.restarts, process.version), (0, Version::new(5)));
    assert_eq!(process.state, ProcessState::Up);
}
