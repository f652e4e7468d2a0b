//! The server for static files, with real connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::mpsc;

use common::*;
use slugline_runtime::{StaticError, serve_static};

/// Serves a folder on a thread for the rest of the test, and answers its port.
fn start(dir: &std::path::Path) -> (u16, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let (log, lines) = mpsc::channel();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        let log = move |line: &str| log.send(line.to_owned()).unwrap();
        serve_static(&dir, 0, |port| tell.send(port).unwrap(), log).unwrap();
    });
    (told.recv_timeout(PATIENCE).unwrap(), lines)
}

#[test]
fn files_are_served_and_what_is_missing_has_its_page() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("docs")).unwrap();
    write("index.html", "home");
    write("docs/index.html", "docs");
    write("style.css", "body {}");
    let (port, lines) = start(dir.path());
    let check = |path: &str, status: u16, body: &str, kind: &str| {
        let answer = get(port, "localhost", path);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, body),
            "{path}"
        );
        assert!(answer.head.contains(kind), "{}", answer.head);
        assert_eq!(
            lines.recv_timeout(PATIENCE).unwrap(),
            format!("GET {path} {status}")
        );
    };
    check("/", 200, "home", "content-type: text/html");
    check("/docs/", 200, "docs", "content-type: text/html");
    check("/docs", 307, "", "location: /docs/");
    check("/style.css", 200, "body {}", "content-type: text/css");
    check(
        "/none",
        404,
        "There is no such page.\n",
        "content-type: text/plain",
    );
    check("/../../etc/passwd", 404, "There is no such page.\n", "");
    write("404.html", "lost");
    check("/none", 404, "lost", "content-type: text/html");
    let post = exchange(
        port,
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(post.status, 405);
}

#[test]
fn what_cannot_be_served_is_an_error() {
    let none = std::path::Path::new("/nowhere/at/all");
    let error = serve_static(none, 0, |_| {}, |_| {}).unwrap_err();
    assert!(matches!(error, StaticError::NoFolder(_)));
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let error = serve_static(dir.path(), port, |_| {}, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open port {port}"));
}
