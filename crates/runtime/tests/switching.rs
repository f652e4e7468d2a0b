//! How a release takes the place of another: what counts as healthy, and what ends first.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::*;
use slugline_core::release::Version;
use slugline_core::settings::{HealthPath, Settings};
use slugline_runtime::{AppSpec, ControlError};

/// A release whose health is asked for at a path.
fn asked(name: &str, version: u64, dir: &Path) -> AppSpec {
    let mut spec = web(name, version, dir);
    spec.settings.health = HealthPath::new("/healthz").ok();
    spec
}

/// A release that ends what runs first, and does not start beside another.
fn alone(name: &str, version: u64, dir: &Path) -> AppSpec {
    let mut spec = web(name, version, dir);
    spec.env.insert("ALONE".into(), "yes".into());
    spec.settings.preboot = false;
    spec
}

fn reason(error: ControlError) -> String {
    match error {
        ControlError::Unhealthy { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_release_that_answers_500_where_its_health_is_asked_for_changes_nothing() {
    let (daemon, old, new, name) = (Daemon::start(), slug(), slug(), app("sick"));
    daemon.release(&asked("sick", 1, old.path()));
    std::fs::write(new.path().join("health"), "500").unwrap();
    let mut bad = asked("sick", 2, new.path());
    bad.settings.boot_seconds = Some(1);
    let error = daemon.control().launch(&bad).unwrap_err();
    assert_eq!(
        reason(error),
        "web.1 was not healthy within 1 s: GET /healthz answered 500"
    );
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    std::fs::write(new.path().join("health"), "302").unwrap();
    daemon.release(&bad);
    assert_eq!(daemon.get(&name, "/version").body, "v2");
}

#[test]
fn a_release_takes_over_once_it_is_healthy_and_not_before() {
    let (daemon, old, new, name) = (Daemon::start(), slug(), slug(), app("soon"));
    daemon.release(&web("soon", 1, old.path()));
    std::fs::write(new.path().join("health"), "503").unwrap();
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| daemon.release(&asked("soon", 2, new.path())));
        daemon.wait_for_log(&name, "asked for its health");
        assert_eq!(daemon.get(&name, "/version").body, "v1");
        assert!(!launch.is_finished());
        std::fs::remove_file(new.path().join("health")).unwrap();
        launch.join().unwrap();
    });
    assert_eq!(daemon.get(&name, "/version").body, "v2");
}

#[test]
fn what_is_set_counts_from_the_next_start_of_a_process_on() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("changed"));
    daemon.release(&web("changed", 1, dir.path()));
    std::fs::write(dir.path().join("health"), "500").unwrap();
    let settings = Settings {
        health: HealthPath::new("/healthz").ok(),
        boot_seconds: Some(1),
        ..Settings::default()
    };
    daemon.control().configure(&name, &settings).unwrap();
    assert_eq!(daemon.get(&name, "/crash").status, 503);
    daemon.wait_for_log(
        &name,
        "Process was not healthy within 1 s: GET /healthz answered 500",
    );
    let off = Settings::default();
    daemon.control().configure(&name, &off).unwrap();
    daemon.wait(&name, "web.1", is_up);
}

#[test]
fn without_preboot_no_two_releases_run_at_once_and_requests_wait() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("alone"));
    daemon.release(&alone("alone", 1, dir.path()));
    let mut beside = alone("alone", 2, dir.path());
    beside.settings.preboot = true;
    let error = daemon.control().launch(&beside).unwrap_err();
    assert_eq!(reason(error), "web.1 exited with status 1");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let answer = daemon.get(&name, "/slow?0.02");
                assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
                seen.push(answer.body);
            }
            seen
        });
        for version in 3..=5 {
            daemon.release(&alone("alone", version, dir.path()));
            assert_eq!(daemon.get(&name, "/version").body, format!("v{version}"));
        }
        done.store(true, Ordering::Relaxed);
        let mut seen = asker.join().unwrap();
        assert!(seen.is_sorted(), "an old release answered again: {seen:?}");
        seen.dedup();
        assert!(seen.len() > 1, "{seen:?}");
    });
    assert_eq!(daemon.status(&name).processes.len(), 1);
}

#[test]
fn without_preboot_the_old_release_is_started_again_where_the_new_one_fails() {
    let (daemon, old, new, name) = (Daemon::start(), slug(), slug(), app("back"));
    daemon.release(&alone("back", 1, old.path()));
    let first = daemon.get(&name, "/pid").body;
    let bad = with_process(alone("back", 2, new.path()), "web", "echo here; exit 4");
    let error = daemon.control().launch(&bad).unwrap_err();
    assert_eq!(reason(error), "web.1 exited with status 4");
    // It is up again by the time that the failure is told.
    let status = daemon.status(&name);
    assert_eq!(status.version, Some(Version::new(1)));
    assert!(status.processes.iter().all(is_up), "{status:?}");
    assert_ne!(daemon.get(&name, "/pid").body, first);
    // So it is where whoever launched it goes away.
    let candidate = daemon
        .control()
        .launch(&alone("back", 3, new.path()))
        .unwrap();
    drop(candidate);
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    daemon.release(&alone("back", 4, new.path()));
    eventually("the folder of the first is given up", || {
        let retired = daemon.ledger.retired.lock().unwrap().clone();
        (retired == [(Version::new(1), old.path().to_owned())]).then_some(())
    });
}

#[test]
fn stopping_an_app_that_makes_room_starts_nothing_again() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("end"));
    daemon.release(&alone("end", 1, dir.path()));
    let never = with_process(alone("end", 2, dir.path()), "web", "echo here; sleep 600");
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| daemon.control().launch(&never).map(drop));
        daemon.wait_for_log(&name, "app[web.1]: here");
        daemon.control().stop(&name).unwrap();
        let error = launch.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the app was stopped");
    });
    let status = daemon.status(&name);
    let mut states = status.processes.iter().map(|it| it.state.word());
    assert!(states.all(|state| state == "stopped"), "{status:?}");
}

#[test]
fn without_web_processes_nobody_waits_for_a_launch() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("none"));
    let scaled = |version, worker: &str| {
        let mut spec = with_process(alone("none", version, dir.path()), "worker", worker);
        spec.settings
            .formation
            .entry("web".into())
            .or_default()
            .count = 0;
        spec
    };
    let lingers = "trap 'until test -f go; do sleep 0.02; done; exit 0' TERM; \
                   while :; do sleep 0.05; done";
    daemon.release(&scaled(1, lingers));
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| daemon.release(&scaled(2, "exec sleep 600")));
        // What runs ends first, and takes its time.
        daemon.wait_for_log(&name, "slugline[worker.1]: Stopping process");
        let begun = Instant::now();
        let answer = daemon.get(&name, "/version");
        assert!(answer.head.contains("h14"), "{}", answer.head);
        assert!(begun.elapsed() < Duration::from_secs(5));
        std::fs::write(dir.path().join("go"), "").unwrap();
        launch.join().unwrap();
    });
    assert!(daemon.get(&name, "/version").head.contains("h14"));
}
