//! The watch over a release that has taken over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::*;
use slugline_core::release::Version;
use slugline_core::settings::{HealthPath, Settings};
use slugline_runtime::{AppSpec, Limits, Watched};

fn daemon(current: &[AppSpec]) -> Daemon {
    let limits = Limits {
        watch_every: Duration::from_millis(50),
        ..limits()
    };
    Daemon::with(limits, current)
}

/// What the one who knows was told, as soon as it was told something.
fn told(daemon: &Daemon) -> Watched {
    eventually("the watch is over", || {
        daemon.ledger.watched.lock().unwrap().pop()
    })
}

fn watched(mut spec: AppSpec, seconds: u32) -> AppSpec {
    spec.settings.watch_seconds = seconds;
    spec
}

#[test]
fn a_release_that_crashes_again_and_again_is_bad() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("loop"));
    daemon.release(&web("loop", 1, dir.path()));
    daemon.release(&watched(web("loop", 2, dir.path()), 60));
    for _ in 0..3 {
        // One that has just died is waited for.
        eventually("it dies", || {
            (daemon.get(&name, "/crash").status == 503).then_some(())
        });
    }
    let seen = told(&daemon);
    assert_eq!((seen.version, seen.restarts), (Version::new(2), 3));
    let why = seen.bad.unwrap_or_default();
    let start = "web.1 exited with status 3, 3 times within ";
    assert!(why.starts_with(start), "{why}");
    daemon.wait_for_log(&name, "slugline: v2 was watched");
    // It is told once.
    let _ = daemon.get(&name, "/crash");
    daemon.wait(&name, "web.1", |it| it.restarts == 4 && is_up(it));
    assert!(daemon.ledger.watched.lock().unwrap().is_empty());
}

#[test]
fn a_release_is_good_whose_time_is_over() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("fine"));
    daemon.release(&web("fine", 1, dir.path()));
    daemon.release(&watched(web("fine", 2, dir.path()), 1));
    assert_eq!(daemon.get(&name, "/crash").status, 503);
    let seen = told(&daemon);
    assert_eq!((seen.bad, seen.restarts), (None, 1));
    // What is only started again is not watched anew.
    daemon.release(&watched(web("fine", 2, dir.path()), 1));
    daemon.release(&watched(web("fine", 3, dir.path()), 1));
    assert_eq!(told(&daemon).version, Version::new(3));
    assert!(daemon.ledger.watched.lock().unwrap().is_empty());
}

#[test]
fn a_process_that_does_not_come_up_again_is_bad_at_the_end() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("down"));
    daemon.release(&web("down", 1, dir.path()));
    let once = format!(
        "test -f ran && exec sleep 600; touch ran; exec {} app.py",
        *PYTHON
    );
    let spec = with_process(web("down", 2, dir.path()), "web", &once);
    daemon.release(&watched(spec, 2));
    assert_eq!(daemon.get(&name, "/crash").status, 503);
    let bad = told(&daemon).bad;
    assert_eq!(bad.as_deref(), Some("web.1 crashed, and is not up again"));
}

#[test]
fn a_release_that_stops_being_healthy_is_bad() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("ill"));
    daemon.release(&web("ill", 1, dir.path()));
    let mut spec = watched(web("ill", 2, dir.path()), 60);
    spec.settings.health = HealthPath::new("/healthz").ok();
    daemon.release(&spec);
    std::fs::write(dir.path().join("health"), "500").unwrap();
    let bad = told(&daemon).bad;
    let why = "web.1: GET /healthz answered 500, 3 times in a row";
    assert_eq!(bad.as_deref(), Some(why));
    assert_eq!(daemon.get(&name, "/version").body, "v2");
}

#[test]
fn what_is_switched_off_or_stopped_is_not_judged() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("off"));
    daemon.release(&watched(web("off", 1, dir.path()), 60));
    let off = Settings {
        watch_seconds: 0,
        ..Settings::default()
    };
    daemon.control().configure(&name, &off).unwrap();
    daemon.release(&watched(web("off", 2, dir.path()), 0));
    for _ in 0..4 {
        eventually("it dies", || {
            (daemon.get(&name, "/crash").status == 503).then_some(())
        });
    }
    daemon.wait(&name, "web.1", |it| it.restarts >= 4);
    daemon.control().stop(&name).unwrap();
    assert!(daemon.ledger.watched.lock().unwrap().is_empty());
}

#[test]
fn what_took_over_just_before_the_daemon_began_is_watched() {
    let dir = slug();
    let mut young = watched(web("young", 4, dir.path()), 1);
    young.watch = true;
    let old = watched(web("old", 7, dir.path()), 1);
    let daemon = daemon(&[young, old]);
    assert_eq!(told(&daemon).version, Version::new(4));
    assert!(daemon.ledger.watched.lock().unwrap().is_empty());
}
