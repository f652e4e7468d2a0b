//! What visitors and operators see where an app does not answer: the page, its code, and the line in
//! the app's log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use common::*;
use slugline_core::settings::Settings;
use slugline_runtime::{AppSpec, Limits, RouterLimits};

/// Small, but for what a test waits for.
fn small() -> RouterLimits {
    RouterLimits {
        connect: Duration::from_millis(300),
        first_byte: Duration::from_millis(300),
        between_bytes: Duration::from_millis(300),
        ..RouterLimits::default()
    }
}

fn daemon(router: RouterLimits) -> Daemon {
    let limits = Limits {
        router,
        hold: Duration::from_millis(300),
        ..limits()
    };
    Daemon::with(limits, &[])
}

fn rude_slug() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rude.py"), include_str!("router_rude.py")).unwrap();
    dir
}

/// A release of `myapp` whose `web` is the rude app.
fn rude(dir: &tempfile::TempDir) -> AppSpec {
    let command = format!("{} rude.py", *PYTHON);
    with_process(release("myapp", 1, dir.path()), "web", &command)
}

fn started(router: RouterLimits) -> (Daemon, tempfile::TempDir) {
    let (daemon, dir) = (daemon(router), rude_slug());
    daemon.release(&rude(&dir));
    (daemon, dir)
}

/// The line that a request for this path left.
fn line(daemon: &Daemon, path: &str) -> String {
    let name = app("myapp");
    let path = format!(" path=\"{path}\" ");
    eventually(&path, || {
        let lines = daemon.log(&name);
        let found = lines
            .iter()
            .find(|line| line.contains(" router: at=") && line.contains(&path));
        found.cloned()
    })
}

/// Checks page, header and line of a request that failed.
fn check_failed(daemon: &Daemon, path: &str, code: &str, description: &str) -> Answer {
    let answer = daemon.get(&app("myapp"), path);
    assert_eq!(answer.status, 503, "{}", answer.body);
    check_code(daemon, &answer, path, code, description);
    answer
}

fn check_code(daemon: &Daemon, answer: &Answer, path: &str, code: &str, description: &str) {
    let header = format!("slugline-error: {}", code.to_lowercase());
    assert!(answer.head.contains(&header), "{}", answer.head);
    assert!(
        answer.body.contains(&format!("({code})")),
        "{}",
        answer.body
    );
    check_line(daemon, path, code, description, answer.status);
}

fn check_line(daemon: &Daemon, path: &str, code: &str, description: &str, status: u16) {
    let line = line(daemon, path);
    let expected = [
        format!(" code={code} desc=\"{description}\" method="),
        format!(" status={status} "),
    ];
    for expected in expected {
        assert!(line.contains(&expected), "{line}");
    }
}

fn connect(daemon: &Daemon, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn read(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut may end in an error; what came before it counts.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn each_request_leaves_a_line() {
    let (daemon, _dir) = started(RouterLimits::default());
    let request = "GET /x?y=1 HTTP/1.1\r\nHost: myapp.localhost\r\nX-Request-Id: mine\r\n\
                   X-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(daemon.port, request.as_bytes()).status, 200);
    let line = line(&daemon, "/x?y=1");
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(time.len(), "2012-02-19T07:32:10+00:00".len());
    let words: Vec<_> = rest.split(' ').collect();
    let timeless: Vec<_> = words
        .iter()
        .map(|word| if word.ends_with("ms") { "T" } else { *word })
        .collect();
    assert_eq!(
        timeless.join(" "),
        "router: at=info method=GET path=\"/x?y=1\" host=myapp.localhost request_id=mine \
         fwd=\"1.2.3.4, 127.0.0.1\" process=web.1 T T status=200 bytes=2 protocol=http"
    );
}

#[test]
fn an_app_that_breaks_the_protocol_is_told_apart() {
    let (daemon, _dir) = started(small());
    let check = |path, code, description| check_failed(&daemon, path, code, description);
    check("/never", "H12", "Request timeout");
    check("/junk", "H17", "Poorly formatted HTTP response");
    check("/switch", "H17", "Poorly formatted HTTP response");
    // These have begun their answers, which are cut.
    let half = daemon.get(&app("myapp"), "/half");
    assert_eq!((half.status, half.body.as_str()), (200, "half"));
    check_line(&daemon, "/half", "H18", "Server request interrupted", 503);
    let silent = daemon.get(&app("myapp"), "/silent");
    assert_eq!(
        (silent.status, silent.body.as_str()),
        (200, "5\r\nfirst\r\n")
    );
    check_line(&daemon, "/silent", "H15", "Idle connection", 503);
    // It lives on, and listens no more.
    assert_eq!(daemon.get(&app("myapp"), "/deaf").body, "deaf");
    check("/", "H21", "Backend connection refused");
}

#[test]
fn an_app_that_hangs_up_gives_no_response() {
    let (daemon, dir) = (daemon(small()), slug());
    daemon.release(&web("myapp", 1, dir.path()));
    check_failed(
        &daemon,
        "/hang-up",
        "H13",
        "Connection closed without response",
    );
}

#[test]
fn an_app_that_accepts_no_connection_is_given_up() {
    let (daemon, dir) = (
        daemon(RouterLimits {
            first_byte: Duration::from_secs(3),
            ..small()
        }),
        rude_slug(),
    );
    let code = "import os,socket,time\ns=socket.socket()\ns.bind(('127.0.0.1',int(os.environ['PORT'])))\n\
                s.listen(0)\ntime.sleep(600)";
    std::fs::write(dir.path().join("full.py"), code).unwrap();
    let command = format!("{} full.py", *PYTHON);
    daemon.release(&with_process(
        release("myapp", 1, dir.path()),
        "web",
        &command,
    ));
    // The queue of such a port holds a connection or two.
    let codes: Vec<_> = std::thread::scope(|scope| {
        let ask = || daemon.get(&app("myapp"), "/full");
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let late = codes.iter().find(|answer| answer.head.contains("h19"));
    assert!(late.is_some_and(|answer| answer.status == 503));
    daemon.wait_for_log(
        &app("myapp"),
        "code=H19 desc=\"Backend connection timeout\"",
    );
}

#[test]
fn an_app_that_does_not_run_has_a_code_for_each_reason() {
    let (daemon, dir) = (daemon(small()), slug());
    let run = |spec: AppSpec| daemon.control().run(&spec).unwrap();
    let with_web = |command: &str| with_process(release("myapp", 1, dir.path()), "web", command);
    run(release("myapp", 1, dir.path()));
    check_failed(&daemon, "/1", "H14", "No web processes running");
    let mut blank = release("myapp", 1, dir.path());
    blank.dir = None;
    run(blank);
    check_failed(&daemon, "/2", "H81", "Blank app");
    run(with_web("echo begun; exec sleep 600"));
    check_failed(&daemon, "/3", "H20", "App boot timeout");
    daemon.control().stop(&app("myapp")).unwrap();
    check_failed(&daemon, "/4", "H14", "No web processes running");
}

#[test]
fn an_app_that_crashes_again_and_again_has_crashed() {
    let dir = slug();
    let limits = Limits {
        backoff_first: Duration::from_secs(600),
        backoff_most: Duration::from_secs(600),
        ..limits()
    };
    let daemon = Daemon::with(limits, &[]);
    let spec = with_process(release("myapp", 1, dir.path()), "web", "exit 1");
    daemon.control().run(&spec).unwrap();
    check_failed(&daemon, "/", "H10", "App crashed");
}

#[test]
fn a_browser_gets_a_page() {
    let (daemon, dir) = (daemon(small()), slug());
    daemon
        .control()
        .run(&release("myapp", 1, dir.path()))
        .unwrap();
    let request = "GET / HTTP/1.1\r\nHost: myapp.localhost\r\nAccept: text/html,*/*\r\n\
                   Connection: close\r\n\r\n";
    let answer = exchange(daemon.port, request.as_bytes());
    assert_eq!(answer.status, 503);
    assert!(
        answer.head.contains("content-type: text/html"),
        "{}",
        answer.head
    );
    for part in [
        "<!DOCTYPE html>",
        "<h1>Application error</h1>",
        "H14",
        "logs --app myapp",
    ] {
        assert!(answer.body.contains(part), "{}", answer.body);
    }
}

#[test]
fn an_app_under_maintenance_is_not_asked() {
    let (daemon, _dir) = started(RouterLimits::default());
    let maintain = |on| {
        let settings = Settings {
            maintenance: on,
            ..Settings::default()
        };
        daemon
            .control()
            .configure(&app("myapp"), &settings)
            .unwrap();
    };
    maintain(true);
    let answer = check_failed(&daemon, "/closed", "H80", "Maintenance mode");
    assert!(
        answer.body.contains("myapp is under maintenance"),
        "{}",
        answer.body
    );
    assert!(line(&daemon, "/closed").contains(" at=info "));
    maintain(false);
    assert_eq!(daemon.get(&app("myapp"), "/open").body, "ok");
}

#[test]
fn more_requests_than_an_app_may_have_are_refused() {
    let (daemon, _dir) = started(RouterLimits {
        requests: 2,
        ..RouterLimits::default()
    });
    let request = "GET /never HTTP/1.1\r\nHost: myapp.localhost\r\n\r\n";
    let held = [connect(&daemon, request), connect(&daemon, request)];
    eventually("both are with the app", || {
        let log = daemon.log(&app("myapp"));
        (log.iter().filter(|line| line.ends_with(": never")).count() == 2).then_some(())
    });
    check_failed(&daemon, "/third", "H11", "Backlog too deep");
    drop(held);
    // The app hears of it, and there is room again.
    eventually("an answer", || {
        (daemon.get(&app("myapp"), "/").status == 200).then_some(())
    });
    check_line(&daemon, "/never", "H27", "Client request interrupted", 499);
    daemon.wait_for_log(&app("myapp"), "app[web.1]: gone");
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let (daemon, _dir) = started(small());
    let stream = connect(
        &daemon,
        "GET /huge HTTP/1.1\r\nHost: myapp.localhost\r\n\r\n",
    );
    check_line(&daemon, "/huge", "H27", "Client request interrupted", 499);
    drop(stream);
}

#[test]
fn a_client_that_does_not_go_on_is_not_waited_for() {
    let (daemon, _dir) = started(RouterLimits {
        first_byte: Duration::from_secs(20),
        ..small()
    });
    let head = "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nContent-Length: 100\r\n\r\n";
    let stream = connect(&daemon, &format!("{head}beginning"));
    check_line(&daemon, "/raw?end", "H28", "Client connection idle", 499);
    drop(stream);
}

#[test]
fn an_upload_that_goes_on_is_not_cut_off() {
    let (daemon, _dir) = started(small());
    let head = "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nContent-Length: 20\r\n\
                Connection: close\r\n\r\n";
    let mut stream = connect(&daemon, head);
    // Longer in all than any limit; each wait is shorter.
    for _ in 0..17 {
        std::thread::sleep(Duration::from_millis(60));
        stream.write_all(b".").unwrap();
    }
    stream.write_all(b"end").unwrap();
    let answer = read(&stream);
    assert!(answer.ends_with("\r\n\r\n.................end"), "{answer}");
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let (daemon, _dir) = started(RouterLimits {
        head: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        ..RouterLimits::default()
    });
    let slow = connect(&daemon, "GET / HTTP/1.1\r\nHost: myapp.loc");
    assert!(read(&slow).starts_with("HTTP/1.1 408 "));
    assert_eq!(
        read(&connect(&daemon, "")),
        "",
        "a client that says nothing gets nothing"
    );
    // So does one that has had an answer, and asks no more.
    let request = "GET / HTTP/1.1\r\nHost: myapp.localhost\r\n\r\n";
    let answer = read(&connect(&daemon, request));
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let then = read(&connect(&daemon, &format!("{request}GET")));
    assert_eq!(then.matches("HTTP/1.1 ").count(), 1, "{then}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (daemon, _dir) = started(RouterLimits::default());
    let check = |headers: String, status: u16| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: myapp.localhost\r\nConnection: close\r\n{headers}\r\n"
        );
        assert_eq!(exchange(daemon.port, request.as_bytes()).status, status);
    };
    check(format!("X: {}\r\n", "x".repeat(30_000)), 200);
    check(format!("X: {}\r\n", "x".repeat(80_000)), 431);
    check("X: y\r\n".repeat(90), 200);
    check("X: y\r\n".repeat(200), 431);
}

#[test]
fn a_silent_web_socket_is_closed() {
    let (daemon, dir) = (daemon(small()), slug());
    daemon.release(&web("myapp", 1, dir.path()));
    let mut stream = connect(
        &daemon,
        "GET /socket HTTP/1.1\r\nHost: myapp.localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    );
    stream.write_all(b"hello").unwrap();
    let all = read(&stream);
    assert!(
        all.starts_with("HTTP/1.1 101 ") && all.ends_with("hello"),
        "{all}"
    );
    let line = line(&daemon, "/socket");
    assert!(
        line.contains(" code=H15 ") && line.contains(" bytes=5 "),
        "{line}"
    );
}
