//! The router, with real connections to real apps.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::*;
use serde_json::Value;

fn connected(daemon: &Daemon) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

/// Asks the app `kept`, on a connection that stays open; answers the body.
fn ask(stream: &mut BufReader<TcpStream>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: kept.localhost\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0);
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn started(name: &str) -> (Daemon, tempfile::TempDir) {
    let (daemon, dir) = (Daemon::start(), slug());
    daemon.release(&web(name, 1, dir.path()));
    (daemon, dir)
}

#[test]
fn a_host_without_an_app_gets_a_page_that_helps() {
    let (daemon, _dir) = started("myapp");
    let check = |host: &str, text: &str| {
        let answer = get(daemon.port, host, "/");
        assert_eq!(answer.status, 404);
        assert!(answer.body.contains(text), "{}", answer.body);
        assert!(
            answer
                .body
                .contains(&format!("http://myapp.localhost:{}", daemon.port))
        );
    };
    check("other.localhost", "There is no app at other.localhost.");
    check("localhost", "There is no app at localhost.");
    check("<b>", "There is no app at <b>.");
    assert_eq!(get(daemon.port, "myapp.example.com", "/version").body, "v1");
    let absolute =
        "GET http://myapp.localhost/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(daemon.port, absolute.as_bytes()).body, "v1");
}

#[test]
fn the_app_learns_where_a_request_came_from() {
    let (daemon, _dir) = started("myapp");
    let request = "GET /headers HTTP/1.1\r\nHost: myapp.localhost:99\r\nConnection: close, X-Hop\r\n\
                   X-Hop: 1\r\nX-Forwarded-For: 1.2.3.4\r\nTE: trailers\r\nX-Mine: yes\r\n\r\n";
    let answer = exchange(daemon.port, request.as_bytes());
    let headers: Value = serde_json::from_str(&answer.body).unwrap();
    let check =
        |name: &str, value: Option<&str>| assert_eq!(headers[name].as_str(), value, "{name}");
    check("host", Some("myapp.localhost:99"));
    check("x-forwarded-for", Some("1.2.3.4, 127.0.0.1"));
    check("x-forwarded-proto", Some("http"));
    check("x-forwarded-port", Some("99"));
    check("x-mine", Some("yes"));
    check("via", Some("1.1 slugline"));
    let start: u64 = headers["x-request-start"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let ago = now - Duration::from_millis(start);
    assert!(ago < PATIENCE, "{start}");
    assert!(answer.head.contains("via: 1.1 slugline"), "{}", answer.head);
    for gone in ["x-hop", "te", "connection", "transfer-encoding"] {
        check(gone, None);
    }
    assert_eq!(headers["x-request-id"].as_str().unwrap().len(), 32);
}

#[test]
fn one_connection_carries_many_requests_across_a_switch() {
    let (daemon, dir) = started("kept");
    let mut stream = connected(&daemon);
    let mut ask = || ask(&mut stream, "/version");
    for _ in 0..10 {
        assert_eq!(ask(), "v1");
    }
    daemon.release(&web("kept", 2, dir.path()));
    assert_eq!(ask(), "v2");
}

#[test]
fn an_answer_is_streamed() {
    let (daemon, _dir) = started("streaming");
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    let before = Instant::now();
    stream
        .write_all(
            b"GET /stream?3 HTTP/1.1\r\nHost: streaming.localhost\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains("first") {
        let count = stream.read(&mut buffer).unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(
        before.elapsed() < Duration::from_secs(3),
        "{:?}",
        before.elapsed()
    );
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("last") && text.ends_with("0\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn uploads_arrive_whole_with_a_length_and_in_chunks() {
    let (daemon, _dir) = started("upload");
    let data: Vec<u8> = (0..3_000_000_u32)
        .map(|n| b'a' + u8::try_from(n % 23).unwrap())
        .collect();
    let head = "POST /sum HTTP/1.1\r\nHost: upload.localhost\r\nConnection: close\r\nExpect: 100-continue\r\n";
    let mut whole = format!("{head}Content-Length: {}\r\n\r\n", data.len()).into_bytes();
    whole.extend_from_slice(&data);
    let mut chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in data.chunks(70_000) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let (whole, chunks) = (
        exchange(daemon.port, &whole),
        exchange(daemon.port, &chunks),
    );
    let last = |text: &str| text.rsplit("\r\n\r\n").next().unwrap().to_owned();
    assert_eq!(
        last(&whole.body),
        "67a4be12ca2cc8b1dd07a4fe96d287dcbc9e9c9e"
    );
    assert_eq!(last(&whole.body), last(&chunks.body));
}

#[test]
fn a_web_socket_passes_through() {
    let (daemon, _dir) = started("socket");
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /socket HTTP/1.1\r\nHost: socket.localhost\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let head = head.to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: websocket\r\n"));
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    for word in ["hello", "again"] {
        stream.write_all(word.as_bytes()).unwrap();
        let mut echo = vec![0; word.len()];
        reader.read_exact(&mut echo).unwrap();
        assert_eq!(echo, word.as_bytes());
    }
}

#[test]
fn an_app_that_hangs_up_has_not_answered() {
    let (daemon, _dir) = started("rude");
    let answer = daemon.get(&app("rude"), "/hang-up");
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .body
            .contains("rude closed the connection without an answer")
    );
}

#[test]
fn a_web_socket_outlives_a_switch_until_it_is_closed_or_the_time_is_over() {
    let limits = slugline_runtime::Limits {
        drain: Duration::from_secs(2),
        ..limits()
    };
    let (daemon, dir, name) = (Daemon::with(limits, &[]), slug(), app("socket"));
    daemon.release(&web("socket", 1, dir.path()));
    let open = || {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "GET /socket HTTP/1.1\r\nHost: socket.localhost\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream
    };
    let echo = |stream: &mut TcpStream| {
        stream.write_all(b"hello").unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"hello");
    };
    let pid = |version: &str| -> u32 {
        assert_eq!(daemon.get(&name, "/version").body, version);
        daemon.get(&name, "/pid").body.parse().unwrap()
    };
    let (mut stream, first) = (open(), pid("v1"));
    daemon.release(&web("socket", 2, dir.path()));
    let second = pid("v2");
    echo(&mut stream);
    assert!(runs(first));
    drop(stream);
    eventually("the first release ends", || (!runs(first)).then_some(()));
    // This one is never closed by its client.
    let mut stream = open();
    daemon.release(&web("socket", 3, dir.path()));
    echo(&mut stream);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    eventually("the second release ends", || (!runs(second)).then_some(()));
}

#[test]
fn a_switch_counts_for_connections_that_were_open_before_it() {
    let (daemon, dir) = started("kept");
    let mut streams: Vec<_> = (0..20).map(|_| connected(&daemon)).collect();
    let mut ask_all = || -> Vec<String> {
        let answers = streams.iter_mut().map(|stream| ask(stream, "/version"));
        answers.collect()
    };
    assert_eq!(ask_all(), ["v1"; 20]);
    for version in 2..5 {
        daemon.release(&web("kept", version, dir.path()));
        assert_eq!(ask_all(), vec![format!("v{version}"); 20]);
    }
}

/// There are apps that serve one connection at a time: all threads of the router share those to an app.
#[test]
fn requests_one_after_the_other_share_a_connection_whoever_asks() {
    let (daemon, _dir) = started("kept");
    let mut streams: Vec<_> = (0..8).map(|_| connected(&daemon)).collect();
    // On a machine that stands still for a moment a connection is closed that has rested.
    eventually("one connection for all", || {
        let used: BTreeSet<_> = streams
            .iter_mut()
            .map(|stream| ask(stream, "/connection"))
            .collect();
        (used.len() == 1).then_some(())
    });
}
