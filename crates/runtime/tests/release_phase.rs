//! The release phase: one process before the others, heard by whoever launches, and ended with them.

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use common::*;
use slugline_core::port::Said;
use slugline_runtime::{AppSpec, ControlError};

/// A release of the test app with this release phase.
fn phased(name: &str, version: u64, dir: &Path, phase: &str) -> AppSpec {
    let mut spec = with_process(web(name, version, dir), "release", phase);
    spec.release_limit_ms = Some(60_000);
    spec
}

fn heard(daemon: &Daemon, spec: &AppSpec) -> (Vec<String>, Result<(), ControlError>) {
    let mut lines = Vec::new();
    let launched = daemon.control().launch_heard(spec, &mut |said| {
        lines.push(match said {
            Said::Line(line) => line.to_owned(),
            Said::Released => "(released)".to_owned(),
        });
    });
    (
        lines,
        launched.and_then(slugline_runtime::Candidate::switch),
    )
}

#[test]
fn it_runs_once_before_the_processes_with_their_environment() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("moving"));
    let phase = "echo $PS $SLUGLINE_RELEASE_VERSION $GREETING; echo moved >&2; touch moved";
    let mut spec = phased("moving", 1, dir.path(), phase);
    spec.env.insert("GREETING".into(), "hello".into());
    let command = format!("test -f moved && exec {} app.py", *PYTHON);
    let spec = with_process(spec, "web", &command);
    let (lines, launched) = heard(&daemon, &spec);
    launched.unwrap();
    assert_eq!(lines, ["release.1 v1 hello", "moved", "(released)"]);
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    assert_eq!(daemon.status(&name).processes.len(), 1);
    let log = daemon.log(&name).join("\n");
    for line in [
        "app[release.1]: release.1 v1 hello\n",
        "app[release.1]: moved\n",
        "slugline[release.1]: Process exited with status 0\n",
        "slugline[release.1]: State changed from up to complete\n",
    ] {
        assert!(log.contains(line), "{line:?} is not in {log}");
    }
    // Whoever wants none gets none.
    std::fs::remove_file(dir.path().join("moved")).unwrap();
    let mut spec = phased("moving", 2, dir.path(), phase);
    spec.release_limit_ms = None;
    let (lines, launched) = heard(&daemon, &spec);
    launched.unwrap();
    assert_eq!(lines, Vec::<String>::new());
    assert!(!dir.path().join("moved").exists());
}

#[test]
fn where_it_fails_no_process_of_the_release_is_started() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("stuck"));
    daemon.release(&web("stuck", 1, dir.path()));
    let mut spec = phased("stuck", 2, dir.path(), "echo no such table; exit 5");
    // The old release serves on, even where it would have to end first.
    spec.settings.preboot = false;
    let pid = daemon.get(&name, "/pid").body;
    let (lines, launched) = heard(&daemon, &spec);
    let ControlError::ReleasePhase { reason, log } = launched.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(reason, "release.1 exited with status 5");
    assert_eq!((lines, log.join("")), (log.clone(), "no such table".into()));
    assert_eq!(daemon.get(&name, "/pid").body, pid);
    let started = daemon.log(&name);
    let started = started.iter().filter(|line| line.contains("web.1]: Start"));
    assert_eq!(started.count(), 1);
}

#[test]
fn one_that_takes_too_long_is_ended_with_its_children() {
    let (daemon, dir) = (Daemon::start(), slug());
    let mut spec = phased(
        "slow",
        1,
        dir.path(),
        "sleep 600 & echo $!; sleep 600; wait",
    );
    spec.release_limit_ms = Some(300);
    let (lines, launched) = heard(&daemon, &spec);
    let reason = launched.unwrap_err().to_string();
    assert_eq!(reason, "release.1 did not end within 0.3 s");
    let child: u32 = lines[0].parse().unwrap();
    eventually("its child ends", || (!runs(child)).then_some(()));
}

#[test]
fn all_that_it_writes_is_heard_in_order() {
    let (daemon, dir) = (Daemon::start(), slug());
    let spec = phased("long", 1, dir.path(), "seq 1 50000; printf end");
    let (lines, launched) = heard(&daemon, &spec);
    launched.unwrap();
    let numbers = (1..=50_000).map(|number| number.to_string());
    let expected = numbers.chain(["end".to_owned(), "(released)".to_owned()]);
    assert!(
        lines
            .iter()
            .map(String::as_str)
            .eq(expected.collect::<Vec<_>>().iter().map(String::as_str))
    );
}

#[test]
fn whoever_goes_away_ends_it() {
    let (daemon, dir, name) = (Daemon::start(), slug(), app("left"));
    daemon.release(&web("left", 1, dir.path()));
    let spec = phased("left", 2, dir.path(), "echo $$; exec sleep 600");
    let request = serde_json::json!({ "request": "launch", "spec": spec });
    let mut stream = UnixStream::connect(daemon.home.path().join("serve.sock")).unwrap();
    writeln!(stream, "{request}").unwrap();
    let mut replies = BufReader::new(stream).lines().skip(1);
    let line: serde_json::Value = serde_json::from_str(&replies.next().unwrap().unwrap()).unwrap();
    let pid: u32 = line["line"].as_str().unwrap().parse().unwrap();
    assert!(runs(pid));
    drop(replies);
    eventually("it ends", || (!runs(pid)).then_some(()));
    assert_eq!(daemon.get(&name, "/version").body, "v1");
    daemon.release(&web("left", 3, dir.path()));
    assert_eq!(daemon.get(&name, "/version").body, "v3");
}
