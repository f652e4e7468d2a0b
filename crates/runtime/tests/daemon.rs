//! The daemon as a process: one a home, started in the background, ended, killed.
//!
//! The daemon's program here is this test itself, which runs [`the_daemon`] and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use slugline_isolation::Wanted;
use slugline_runtime::{
    Control, Limits, ServeError, ServeOptions, StartError, serve, start_background,
};

const HOME: &str = "SLUGLINE_TEST_HOME";
const PORT: &str = "SLUGLINE_TEST_PORT";

/// No test, but the daemon that tests start as a process of its own.
#[test]
#[ignore = "it is the program that other tests start"]
fn the_daemon() {
    let home = std::env::var_os(HOME).expect("only other tests start this");
    let port = std::env::var(PORT).map_or(0, |port| port.parse().unwrap());
    serve(options(Path::new(&home), port), |_| {}).unwrap();
}

fn options(home: &Path, port: u16) -> ServeOptions {
    let desired = Arc::new(Ledger::default());
    ServeOptions {
        api: std::sync::Arc::default(),
        phases: Arc::default(),
        metrics: None,
        home: home.to_owned(),
        bind: [127, 0, 0, 1].into(),
        port,
        tls_port: None,
        isolation: Wanted::Auto,
        desired,
        limits: Limits::default(),
    }
}

fn start(home: &Path, port: Option<u16>) -> Result<Control, StartError> {
    let args = ["--exact", "the_daemon", "--ignored", "--nocapture"].map(OsString::from);
    let mut env = vec![
        (OsString::from(HOME), home.as_os_str().to_owned()),
        ("RUST_BACKTRACE".into(), "0".into()),
    ];
    env.extend(port.map(|port| (PORT.into(), port.to_string().into())));
    start_background(&std::env::current_exe().unwrap(), &args, home, &env)
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

#[test]
fn a_home_has_one_daemon() {
    let daemon = Daemon::start();
    let error = serve(options(daemon.home.path(), 0), |_| panic!("a second one")).unwrap_err();
    let ServeError::AlreadyRunning { home, pid } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (home.as_path(), *pid),
        (daemon.home.path(), Some(std::process::id()))
    );
    let text = error.to_string();
    assert!(
        text.contains("runs for /") && text.contains("already (process "),
        "{text}"
    );
    assert_eq!(
        start(daemon.home.path(), None).unwrap().pid(),
        std::process::id()
    );
    daemon.shut_down();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = home();
    let error = serve(options(home.path(), port), |_| panic!("it cannot be ready")).unwrap_err();
    assert!(
        matches!(error, ServeError::PortInUse(named) if named == port),
        "{error:?}"
    );
    assert!(Control::connect(home.path()).unwrap().is_none());
    // In the background, what it printed is in the error.
    let StartError::Ended { ending, output } = start(home.path(), Some(port)).unwrap_err() else {
        panic!("it ended");
    };
    assert_eq!(ending, "exited with status 101");
    assert!(
        output
            .iter()
            .any(|line| line.contains(&format!("PortInUse({port})"))),
        "{output:?}"
    );
}

#[test]
fn many_that_start_a_daemon_end_up_with_one() {
    let home = home();
    let pids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| start(home.path(), None).unwrap().pid()))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    let control = Control::connect(home.path()).unwrap().unwrap();
    assert_eq!(control.pid(), pids[0]);
    // Another starts as soon as this one has ended.
    control.shutdown().unwrap();
    let next = start(home.path(), None).unwrap();
    assert_ne!(next.pid(), pids[0]);
    next.shutdown().unwrap();
}

/// The command's part in the test below.
#[test]
#[ignore = "it is the program that another test starts"]
fn the_command() {
    let home = std::env::var_os(HOME).expect("only another test starts this");
    start(Path::new(&home), None).unwrap();
}

#[test]
fn a_daemon_in_the_background_keeps_no_pipe_of_the_command_open() {
    let home = home();
    // The pipe that is waited for is also inherited as descriptor 9, as a hook's would be.
    let script = "exec 9>&1; exec \"$0\" --exact the_command --ignored --nocapture";
    let mut command = Command::new("sh")
        .args([
            "-c".as_ref(),
            script.as_ref(),
            std::env::current_exe().unwrap().as_os_str(),
        ])
        .env(HOME, home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    command
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(command.wait().unwrap().success(), "{text}");
    let control = Control::connect(home.path())
        .unwrap()
        .expect("the daemon lives on");
    assert_eq!(
        std::fs::read_link(format!("/proc/{}/cwd", control.pid())).unwrap(),
        Path::new("/")
    );
    control.shutdown().unwrap();
}

/// Starts an app with a web process, a server and a worker; answers their pids.
fn start_app(control: &Control, dir: &Path) -> Vec<u32> {
    let mut spec = with_process(web("myapp", 1, dir), "worker", "exec sleep 600");
    spec.servers.push(server('a', free_port(), "x"));
    control.launch(&spec).unwrap().switch().unwrap();
    let app = control.status().unwrap().apps.remove(0);
    let pids: Vec<_> = app
        .processes
        .iter()
        .map(|process| process.pid.unwrap())
        .collect();
    assert!(
        pids.len() == 3 && pids.iter().all(|pid| runs(*pid)),
        "{pids:?}"
    );
    pids
}

#[test]
fn every_way_to_end_a_daemon_leaves_no_process() {
    let dir = slug();
    let check = |end: &dyn Fn(Control), cleans: bool| {
        let home = home();
        let control = start(home.path(), None).unwrap();
        let (pid, pids) = (control.pid(), start_app(&control, dir.path()));
        end(control);
        eventually("all end", || {
            (!pids.iter().chain([&pid]).any(|pid| runs(*pid))).then_some(())
        });
        assert!(Control::connect(home.path()).unwrap().is_none());
        assert_eq!(home.path().join("serve.sock").exists(), !cleans);
        start(home.path(), None).unwrap().shutdown().unwrap();
    };
    check(&|control| control.shutdown().unwrap(), true);
    check(&|control| signal(control.pid(), Signal::SIGTERM), true);
    check(&|control| signal(control.pid(), Signal::SIGINT), true);
    check(&|control| signal(control.pid(), Signal::SIGKILL), false);
}

#[test]
fn a_shutdown_returns_when_everything_has_ended() {
    let (home, dir) = (home(), slug());
    let control = start(home.path(), None).unwrap();
    let pid = control.pid();
    let mut spec = web("stubborn", 1, dir.path());
    spec.env.insert("STUBBORN".into(), "1".into());
    spec.stop_grace_ms = 400;
    control.launch(&spec).unwrap().switch().unwrap();
    let web = control.status().unwrap().apps[0].processes[0].pid.unwrap();
    let before = Instant::now();
    control.shutdown().unwrap();
    assert!(before.elapsed() >= Duration::from_millis(400));
    assert!(!runs(web));
    eventually("the process is gone too", || (!runs(pid)).then_some(()));
}

#[test]
fn only_the_owner_may_use_the_socket() {
    use std::os::unix::fs::PermissionsExt as _;
    let daemon = Daemon::start();
    let mode = std::fs::metadata(daemon.home.path().join("serve.sock"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let status = daemon.control().status().unwrap();
    assert_eq!(
        (status.pid, status.port, status.apps),
        (std::process::id(), daemon.port, vec![])
    );
}
