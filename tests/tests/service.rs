//! The daemon and the service manager: units, readiness, sign of life, a socket that is passed, and
//! what comes back after a crash.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};

use insta::assert_snapshot;
use slugline_testkit::environment::{PATIENCE, serving, wait_until};
use slugline_tests::{WEB, deploy, story, with_app};

/// A daemon in the foreground, killed at the end of the test.
struct Daemon {
    child: Child,
    /// What it said until it served.
    said: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Daemon {
    fn start(command: &mut Command) -> Self {
        let (child, said, stderr) = serving(command);
        Self {
            child,
            said,
            stderr,
        }
    }

    fn signal(&self, name: &str) {
        let words = [format!("-{name}"), self.child.id().to_string()];
        let status = Command::new("sh")
            .args(["-c", "kill \"$@\"", "sh"])
            .args(words)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(socket: &TcpListener) -> TcpStream {
    let mut stream = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: myapp.localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn units_run_this_program_for_this_home() {
    let environment = with_app(None);
    let install = |words: &[&str]| {
        let all = ["serve:install"].iter().chain(words);
        environment.run(all.copied().collect::<Vec<_>>())
    };
    assert_snapshot!(install(&["--print", "--user", "--port", "8080"]), @r#"
    $ slugline serve:install --print --user --port 8080
    # slugline.service
    [Unit]
    Description=Slugline, which runs the current release of every app
    After=network.target

    [Service]
    Type=notify
    NotifyAccess=main
    ExecStart="$SLUGLINE" serve
    Environment="SLUGLINE_HOME=$SLUGLINE_HOME"
    # A daemon that hangs or dies is started again; its apps come back with their current releases.
    Restart=always
    RestartSec=1
    WatchdogSec=30
    # The daemon ends its processes itself, each in its own time.
    KillMode=mixed
    TimeoutStopSec=90
    # Limits of memory and processors for process types need a part of the tree of their own.
    Delegate=yes
    UMask=0077
    LimitCORE=0
    LimitNOFILE=65536

    [Install]
    WantedBy=default.target

    # slugline.socket
    [Unit]
    Description=The port of Slugline's router

    [Socket]
    ListenStream=127.0.0.1:PORT
    FileDescriptorName=http

    [Install]
    WantedBy=sockets.target
    "#);
    assert_snapshot!(story([
        install(&["--print", "--user"]),
        install(&["--remove", "--user"]),
    ]), @r"
    $ slugline serve:install --print --user
    2>  !    A unit needs a port of its own: --port N
    [exit 1]

    $ slugline serve:install --remove --user
    2>  !    There is no slugline.service in $FOLDER/user/.config/systemd/user
    [exit 1]
    ");
}

#[test]
fn units_have_the_doors_that_are_asked_for_and_no_key() {
    let environment = with_app(None);
    let doors = ["--bind", "0.0.0.0", "--tls-port", "8443"];
    let words = ["serve:install", "--print", "--user", "--port", "8080"];
    let units = environment.run(words.iter().chain(&doors).copied().collect::<Vec<_>>());
    let units = units.success().stdout;
    assert!(
        units.contains("\" serve --bind 0.0.0.0 --tls-port 8443\n"),
        "{units}"
    );
    assert!(units.contains("ListenStream=0.0.0.0:8080\n"), "{units}");
    assert!(!units.contains("AmbientCapabilities"), "{units}");
    // Else what the variables say.
    let told = environment.caller().with("SLUGLINE_BIND", "::1");
    let units = told.run(words).success().stdout;
    assert!(units.contains("ListenStream=[::1]:8080\n"), "{units}");
    assert!(units.contains("\" serve\n"), "{units}");
    // The key that is in the environment is in no unit, and it is said what to do about it.
    let key = std::fs::read_to_string(environment.home().join("ledger.key")).unwrap();
    let key = key.lines().find(|line| !line.starts_with('#')).unwrap();
    let secret = environment.caller().with("SLUGLINE_KEY", key);
    let installed = secret
        .run(["serve:install", "--user", "--port", "8080"])
        .success();
    assert!(
        installed
            .stderr
            .contains("The ledger's key comes from SLUGLINE_KEY here"),
        "{installed}"
    );
    assert!(
        installed.stderr.contains("EnvironmentFile=/PATH"),
        "{installed}"
    );
    let folder = environment.folder().join("user/.config/systemd/user");
    for name in ["slugline.service", "slugline.socket"] {
        let unit = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(!unit.contains(key), "{name}");
    }
}

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    if !Command::new("systemd-analyze")
        .arg("--version")
        .status()
        .is_ok_and(|status| status.success())
    {
        println!(
            "systemd-analyze is not here: the units are only compared with what they should be"
        );
        return;
    }
    let environment = with_app(None);
    let units = environment
        .run(["serve:install", "--print", "--system", "--port", "8080"])
        .success();
    let (service, socket) = units.stdout.split_once("# slugline.socket\n").unwrap();
    environment.write_file("slugline.service", service);
    environment.write_file("slugline.socket", socket);
    let verify = environment
        .caller()
        .command("systemd-analyze")
        .args(["verify", "./slugline.service", "./slugline.socket"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verify.stderr);
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("slugline"))
        .collect();
    assert!(ours.is_empty(), "{said}");
}

#[test]
fn the_service_manager_hears_that_it_is_ready_lives_and_ends() {
    let environment = with_app(None);
    let path = environment.folder().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = environment.caller().command("slugline");
    command
        .arg("serve")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "60000");
    let daemon = Daemon::start(&mut command);
    let heard = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(heard(), "READY=1");
    assert_eq!([heard(), heard()], ["WATCHDOG=1", "WATCHDOG=1"]);
    daemon.signal("STOP");
    daemon.signal("CONT");
    daemon.signal("TERM");
    wait_until("it says that it ends", || heard() == "STOPPING=1");
}

#[test]
fn requests_wait_in_a_socket_that_is_passed_while_the_daemon_is_gone() {
    let environment = with_app(None);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut first = Daemon::start(&mut environment.activated(&socket));
    deploy(&environment, WEB, "575bfa8");
    assert_eq!(
        environment.router_port(),
        socket.local_addr().unwrap().port()
    );
    assert!(answer(ask(&socket)).ends_with(" from v1\n"));

    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let asked = ask(&socket);
    let mut second = Daemon::start(&mut environment.activated(&socket));
    let text = answer(asked);
    assert!(text.ends_with(" from v1\n"), "{text}");
    let told = second.said.lines().nth(1).unwrap_or_default();
    let told = told.replace(&first.child.id().to_string(), "PID");
    assert_snapshot!(told, @"The daemon before (process PID) ended without stopping, and all processes with it: what is current is started again.");
    let log = environment.run(["logs"]).success().stdout;
    assert!(
        log.contains("ended without stopping, and all processes with it"),
        "{log}"
    );

    second.signal("TERM");
    assert!(second.child.wait().unwrap().success());
    let third = Daemon::start(&mut environment.activated(&socket));
    third.signal("TERM");
    assert_eq!(third.said.lines().count(), 2, "it had stopped");
    let mut said = String::new();
    let mut third = third;
    third.stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}
