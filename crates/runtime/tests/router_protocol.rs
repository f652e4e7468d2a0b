//! Versions of the protocol, and what is made of requests that two programs may understand in two
//! ways.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use common::*;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

fn started() -> (Daemon, tempfile::TempDir) {
    let (daemon, dir) = (Daemon::start(), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join("rude.py"), include_str!("router_rude.py")).unwrap();
    let command = format!("{} rude.py", *PYTHON);
    daemon.release(&with_process(
        release("myapp", 1, dir.path()),
        "web",
        &command,
    ));
    (daemon, dir)
}

/// Sends these bytes and reads all that is answered.
fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut all = Vec::new();
    // A refused request may end in a reset, after its answer.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_request_that_can_be_understood_in_two_ways_is_refused() {
    let (daemon, _dir) = started();
    let check = |headers: &str, body: &str| {
        let request = format!(
            "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\n{headers}\r\n\r\n{body}\
             GET /smuggled HTTP/1.1\r\nHost: myapp.localhost\r\n\r\n"
        );
        let answer = send(daemon.port, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{headers:?}: {answer}"
        );
    };
    let chunks = "3\r\nend\r\n0\r\n\r\n";
    check("Content-Length: 3\r\nTransfer-Encoding: chunked", chunks);
    check("Transfer-Encoding: chunked\r\nContent-Length: 3", chunks);
    check("Transfer-Encoding: chunked\r\nContent-Length: 0", chunks);
    check("Content-Length: 3\r\nContent-Length: 4", "end");
    check("Content-Length: 3\r\nContent-Length: 3", "end");
    check("Content-Length: 3, 3", "end");
    check("Content-Length: +3", "end");
    check("Content-Length: 0x3", "end");
    check("Content-Length : 3", "end");
    check("Transfer-Encoding : chunked", chunks);
    check("Transfer-Encoding: identity", "end");
    check("Transfer-Encoding: chunked, identity", chunks);
    check(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        chunks,
    );
    check("Transfer-Encoding: \u{b}chunked", chunks);
    check("X: a\r\n Content-Length: 3", "end");
    check("X: a\r\n\tb", "");
    check("X: a\rContent-Length: 3", "end");
    check("X: a\0b", "");
    check("X y: a", "");
    check(": a", "");
}

#[test]
fn a_body_that_is_no_body_is_refused() {
    let (daemon, _dir) = started();
    let check = |chunks: &str| {
        let request = format!(
            "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
             {chunks}"
        );
        let answer = send(daemon.port, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
        assert!(
            answer.to_lowercase().contains("slugline-error: h26"),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    };
    check("xyz\r\nend\r\n0\r\n\r\n");
    check("-3\r\nend\r\n0\r\n\r\n");
    check("0x3\r\nend\r\n0\r\n\r\n");
    check("3\r\nendless\r\n0\r\n\r\n");
    check("fffffffffffffffff\r\nend\r\n0\r\n\r\n");
    check("\r\n3\r\nend\r\n0\r\n\r\n");
    daemon.wait_for_log(&app("myapp"), "code=H26 desc=\"Request error\"");
}

#[test]
fn requests_in_one_piece_are_answered_one_after_the_other() {
    let (daemon, _dir) = started();
    let one = |path: &str, end: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: myapp.localhost\r\n{end}\r\n")
    };
    let body = "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nContent-Length: 3\r\n\r\nend";
    let all = one("/1", "") + body + &one("/2", "") + &one("/3", "Connection: close\r\n");
    let answer = send(daemon.port, all.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 4, "{answer}");
    // Behind a body such a request is not refused, but its length does not count.
    let both = "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nContent-Length: 3\r\n\
                Transfer-Encoding: chunked\r\n\r\n3\r\nend\r\n0\r\n\r\n";
    let answer = send(
        daemon.port,
        (body.to_owned() + both + &one("/2", "")).as_bytes(),
    );
    assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{answer}");
    assert!(
        !answer
            .split("POST ")
            .skip(2)
            .any(|it| it.contains("content-length: 3")),
        "{answer}"
    );
}

#[test]
fn what_the_app_gets_says_the_length_of_its_body_once() {
    let (daemon, _dir) = started();
    let headers = "Host: myapp.localhost\r\nConnection: close, Content-Length, Host, X-Gone\r\n\
                   X-Gone: 1\r\nKeep-Alive: 5\r\nTrailer: X-Late\r\n";
    let request = format!(
        "POST /raw?end HTTP/1.1\r\n{headers}Transfer-Encoding: chunked\r\n\r\n\
         3\r\nend\r\n0\r\nX-Late: 1\r\nContent-Length: 9\r\n\r\n"
    );
    let answer = send(daemon.port, request.as_bytes()).to_lowercase();
    let seen = answer.split("\r\n\r\n").nth(1).unwrap();
    assert!(seen.starts_with("post /raw?end http/1.1\r\n"), "{answer}");
    assert_eq!(
        seen.matches("transfer-encoding: chunked").count(),
        1,
        "{seen}"
    );
    for gone in [
        "content-length",
        "x-gone",
        "keep-alive",
        "trailer",
        "x-late",
    ] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    let request = format!("POST /raw?end HTTP/1.1\r\n{headers}Content-Length: 3\r\n\r\nend");
    let answer = send(daemon.port, request.as_bytes()).to_lowercase();
    let seen = answer.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!(seen.matches("content-length: 3").count(), 1, "{seen}");
    assert!(seen.contains("host: myapp.localhost") && !seen.contains("transfer-encoding"));
}

#[test]
fn trailers_of_an_answer_stay_behind() {
    let (daemon, _dir) = started();
    let request = "GET /trailers HTTP/1.1\r\nHost: myapp.localhost\r\nTE: trailers\r\n\
                   Connection: TE, close\r\n\r\n";
    let answer = send(daemon.port, request.as_bytes()).to_lowercase();
    assert!(
        answer.ends_with("\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("x-late"), "{answer}");
}

#[test]
fn the_router_is_no_proxy_to_elsewhere() {
    let (daemon, _dir) = started();
    let request = "CONNECT myapp.localhost:443 HTTP/1.1\r\nHost: myapp.localhost\r\n\
                   Connection: close\r\n\r\n";
    assert_eq!(exchange(daemon.port, request.as_bytes()).status, 405);
    let elsewhere = "GET http://example.com/ HTTP/1.1\r\nHost: myapp.localhost\r\n\
                     Connection: close\r\n\r\n";
    assert_eq!(exchange(daemon.port, elsewhere.as_bytes()).status, 404);
}

#[test]
fn an_upgrade_to_http2_does_not_pass_by_the_router() {
    let (daemon, _dir) = started();
    let request = "POST /raw?end HTTP/1.1\r\nHost: myapp.localhost\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\
                   Connection: Upgrade, HTTP2-Settings, close\r\nContent-Length: 3\r\n\r\nend";
    let answer = send(daemon.port, request.as_bytes()).to_lowercase();
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    for gone in ["\r\nupgrade:", "http2-settings:", "connection: upgrade"] {
        assert!(!answer.contains(gone), "{gone}: {answer}");
    }
}

/// Speaks HTTP/2 over TCP with one daemon, on one connection.
fn over_http2<F>(port: u16, speak: impl FnOnce(http2::SendRequest<Full<Bytes>>) -> F)
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        let http = http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = http.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        tokio::time::timeout(PATIENCE, speak(sender)).await.unwrap();
    });
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let uri = format!("http://myapp.localhost{path}");
    Request::post(uri)
        .version(Version::HTTP_2)
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .body(Full::from(body))
        .unwrap()
}

#[test]
fn http2_is_spoken_without_tls_to_those_who_know() {
    let (daemon, dir) = (Daemon::start(), slug());
    daemon.release(&web("myapp", 1, dir.path()));
    over_http2(daemon.port, |mut sender| async move {
        let get = Request::get("http://myapp.localhost:8080/headers")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::default())
            .unwrap();
        let answer = sender.send_request(get).await.unwrap();
        assert_eq!(
            (answer.status(), answer.version()),
            (StatusCode::OK, Version::HTTP_2)
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let seen: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(seen["host"], "myapp.localhost:8080");
        assert_eq!(seen["cookie"], "a=1; b=2");
        assert_eq!(seen["x-forwarded-proto"], "http");
        let post = Request::post("http://myapp.localhost/")
            .body(Full::from("hello"))
            .unwrap();
        let answer = sender.send_request(post).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
    });
}

#[test]
fn many_requests_share_one_http2_connection() {
    let (daemon, dir) = (Daemon::start(), slug());
    daemon.release(&web("myapp", 1, dir.path()));
    over_http2(daemon.port, |sender| async move {
        let mut asked = Vec::new();
        for _ in 0..20 {
            let mut sender = sender.clone();
            let get = Request::get("http://myapp.localhost/slow?0.3").body(Full::default());
            let answer = sender.send_request(get.unwrap());
            asked.push(tokio::spawn(answer));
        }
        let begin = std::time::Instant::now();
        for asked in asked {
            assert_eq!(asked.await.unwrap().unwrap().status(), StatusCode::OK);
        }
        assert!(begin.elapsed().as_secs() < 5, "one after the other");
    });
}

#[test]
fn an_app_that_breaks_off_breaks_its_stream_and_no_other() {
    let (daemon, _dir) = started();
    over_http2(daemon.port, |mut sender| async move {
        let half = sender.send_request(request("/half", "")).await.unwrap();
        assert!(half.into_body().collect().await.is_err());
        let junk = sender.send_request(request("/junk", "")).await.unwrap();
        assert_eq!(junk.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(junk.headers()["slugline-error"], "H17");
        let late = sender.send_request(request("/trailers", "")).await.unwrap();
        let all = late.into_body().collect().await.unwrap();
        assert!(all.trailers().is_none());
        assert_eq!(&all.to_bytes()[..], b"body");
        let raw = sender
            .send_request(request("/raw?end", "the end"))
            .await
            .unwrap();
        let seen = raw.into_body().collect().await.unwrap().to_bytes();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(seen.contains("\r\nhost: myapp.localhost\r\n"), "{seen}");
        assert!(seen.contains("\r\ncontent-length: 7\r\n"), "{seen}");
    });
}
