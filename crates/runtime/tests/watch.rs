//! The watch over a release that has taken over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use slugline_core::port::Seen;
use slugline_core::release::Version;
use slugline_core::settings::{HealthPath, Settings};
use slugline_runtime::{AppSpec, Limits, Opinion, Watched};

fn daemon(current: &[AppSpec]) -> Daemon {
    let limits = Limits {
        watch_every: Duration::from_millis(50),
        opinion_every: Duration::from_millis(100),
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

fn thinks(daemon: &Daemon, think: impl Fn(&Seen) -> Opinion + Send + 'static) {
    *daemon.ledger.thinks.lock().unwrap() = Some(Box::new(think));
}

#[test]
fn a_release_is_bad_that_others_call_bad_for_what_was_seen_of_it() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("rated"));
    daemon.release(&web("rated", 1, dir.path()));
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    thinks(&daemon, |seen| Opinion {
        bad: (seen.failed > 0).then(|| format!("{seen:?}")),
        ..Opinion::default()
    });
    daemon.release(&watched(web("rated", 2, dir.path()), 60));
    assert_eq!(daemon.get(&name, "/version").body, "v2");
    assert_eq!(daemon.get(&name, "/crash").status, 503);
    let bad = told(&daemon).bad.unwrap();
    // Only what came after it had taken over.
    assert!(bad.contains("requests: 2, failed: 1"), "{bad}");
    assert!(bad.contains("window: 60, last: false"), "{bad}");
}

#[test]
fn others_are_asked_last_at_the_end_and_what_they_say_is_logged_once() {
    let (daemon, dir, name) = (daemon(&[]), slug(), app("last"));
    daemon.release(&web("last", 1, dir.path()));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&asked);
    thinks(&daemon, move |seen| {
        // The release before is watched, too.
        if seen.window != 1 {
            return Opinion::default();
        }
        all.lock().unwrap().push(seen.clone());
        Opinion {
            bad: seen.last.then(|| "it is over".to_owned()),
            content: ["calm".to_owned()].into(),
            said: vec!["fails".to_owned()],
        }
    });
    daemon.release(&watched(web("last", 2, dir.path()), 1));
    assert_eq!(told(&daemon).bad.as_deref(), Some("it is over"));
    let asked = asked.lock().unwrap();
    // Every 100 ms and not every 50, of a second.
    assert!((2..=11).contains(&asked.len()), "{asked:?}");
    assert!(asked[0].content.is_empty() && asked[1].content.contains("calm"));
    daemon.wait_for_log(&name, "slugline: v2 was watched");
    let log = daemon.log(&name);
    let said = log.iter().filter(|line| line.ends_with("slugline: fails"));
    assert_eq!(said.count(), 1, "{log:?}");
}

#[test]
fn who_panics_has_no_opinion() {
    let (daemon, dir) = (daemon(&[]), slug());
    daemon.release(&web("calm", 1, dir.path()));
    thinks(&daemon, |_| panic!("oh"));
    daemon.release(&watched(web("calm", 2, dir.path()), 1));
    assert_eq!(told(&daemon).bad, None);
}
