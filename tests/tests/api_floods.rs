//! Attacks by number: more connections than there may be, and what HTTP/2 lets a client send without waiting; and
//! requests that do not say plainly whom they are for. The table of all is in `docs/security.md`. It must not know
//! what a route is for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_kit;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use insta::assert_snapshot;
use slugline_testkit::environment::{PATIENCE, TestEnvironment, serving};

use api_kit::Wire;

fn address(environment: &TestEnvironment) -> String {
    environment.api_url().replace("http://", "")
}

/// How many sockets a process has open.
fn sockets(process: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let leads = files
        .flatten()
        .flat_map(|file| std::fs::read_link(file.path()));
    leads
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count()
}

/// So many files the daemon may open, and half as many connections of clients.
const FILES: usize = 600;

#[test]
fn more_connections_than_there_may_be_wait_and_the_daemon_works_on() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let token = environment.token(&[]);
    let mut narrow = environment.caller().command("sh");
    let slugline = environment.caller().command("slugline");
    let limited = format!("ulimit -n {FILES}; exec \"$0\" serve");
    narrow.args(["-c", &limited]).arg(slugline.get_program());
    let (mut daemon, _, mut said) = serving(&mut narrow);
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let address = address(&environment);
    let asks = format!(
        "GET /apps/shop HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (most, more) = (FILES / 2, 30);
    let mut clients: Vec<Wire> = (0..most + more)
        .map(|_| {
            let mut wire = Wire::to(&address).unwrap();
            wire.say(&asks).unwrap();
            wire
        })
        .collect();
    let mut let_in: Vec<Wire> = clients.drain(..most).collect();
    for client in &mut let_in {
        assert_eq!(client.answer().unwrap().unwrap().status, 200);
    }
    // One goes, and another comes in; the rest waits, and commands work.
    drop(let_in.pop());
    let mut next = clients.remove(0);
    assert_eq!(next.answer().unwrap().unwrap().status, 200);
    let _ = environment
        .run(["config:add", "A=1", "--app", "shop"])
        .success();
    let sockets = sockets(daemon.id());
    assert!((most..most + more / 2).contains(&sockets), "{sockets}");
    drop((let_in, next));
    for mut client in clients {
        assert_eq!(client.answer().unwrap().unwrap().status, 200);
    }
    let _ = environment.run(["serve", "--stop"]).success();
    assert!(daemon.wait().unwrap().success());
}

/// The frames of HTTP/2 that are used here (RFC 9113, section 6).
mod frame {
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RESET: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GO_AWAY: u8 = 7;
    pub(super) const CONTINUATION: u8 = 9;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;

    pub(super) fn of(kind: u8, flags: u8, stream: u32, holds: &[u8]) -> Vec<u8> {
        let length = u32::try_from(holds.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(holds);
        frame
    }
}

/// `GET /apps` of `localhost`, in HPACK: indexed fields, and a path and a host of its own.
const HEAD: &[u8] = b"\x82\x86\x04\x05/apps\x01\x09localhost";

/// Says something in HTTP/2 until it is no longer heard. Answers the code that the connection was ended with;
/// `None` where it was closed without one.
fn floods(address: &str, mut say: impl FnMut(u32) -> Vec<u8>) -> Option<u32> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut read = stream.try_clone().unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    stream
        .write_all(&frame::of(frame::SETTINGS, 0, 0, &[]))
        .unwrap();
    let heard = std::thread::spawn(move || {
        loop {
            let mut head = [0; 9];
            read.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut holds = vec![0; usize::try_from(length).unwrap()];
            read.read_exact(&mut holds).ok()?;
            if head[3] == frame::GO_AWAY {
                return holds[4..8].try_into().ok().map(u32::from_be_bytes);
            }
        }
    });
    for turn in 0..200_000 {
        if stream.write_all(&say(turn)).is_err() {
            break;
        }
    }
    heard.join().unwrap()
}

#[test]
fn who_floods_http_2_is_sent_away_and_others_are_answered() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let address = address(&environment);
    let api = environment.api();
    let both = frame::END_STREAM | frame::END_HEADERS;
    // ENHANCE_YOUR_CALM: requests that are taken back as soon as they are made (CVE-2023-44487).
    let resets = floods(&address, |turn| {
        let stream = 2 * turn + 1;
        let mut said = frame::of(frame::HEADERS, both, stream, HEAD);
        said.extend(frame::of(frame::RESET, 0, stream, &8_u32.to_be_bytes()));
        said
    });
    assert_eq!(resets, Some(11));
    let _ = api.get("/apps/shop").is(200);
    // A head that never ends (CVE-2024-27316).
    let endless = floods(&address, |turn| match turn {
        0 => frame::of(frame::HEADERS, frame::END_STREAM, 1, HEAD),
        _ => frame::of(frame::CONTINUATION, 0, 1, b"\x00\x01a\x01b"),
    });
    assert!(matches!(endless, None | Some(1 | 11)), "{endless:?}");
    let _ = api.get("/apps/shop").is(200);
    // Fields that become much larger than they were sent: one entry of the table, named again and again.
    let large = [&[0x40, 1, b'a', 0x7f, 0x81, 0x1e][..], &[b'b'; 4000]].concat();
    let bomb = floods(&address, |turn| {
        let stream = 2 * turn + 1;
        let holds = match turn {
            0 => [HEAD, &large].concat(),
            _ => [HEAD, &[0xbe; 15_000]].concat(),
        };
        frame::of(frame::HEADERS, both, stream, &holds)
    });
    assert!(matches!(bomb, None | Some(1 | 11)), "{bomb:?}");
    let _ = api.get("/apps/shop").is(200);
    // Settings and pings want an answer each, which nobody reads.
    for (kind, holds) in [(frame::SETTINGS, &[][..]), (frame::PING, &[0; 8][..])] {
        let _ = floods(&address, |turn| match turn {
            0..100_000 => frame::of(kind, 0, 0, holds),
            _ => frame::of(frame::GO_AWAY, 0, 0, &[0; 8]),
        });
        let _ = api.get("/apps/shop").is(200);
    }
}

#[test]
fn whom_a_request_is_for_is_said_once_and_plainly() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let (address, token) = (address(&environment), environment.token(&[]));
    let told: Vec<String> = [
        "",
        "Host: \r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost, evil.example\r\n",
        "Host: user:secret@evil.example\r\n",
        "Host: evil.example/path\r\n",
        "Host: evil.example\r\nX-Forwarded-Host: worse.example\r\nForwarded: host=worst.example\r\n",
        "Host: localhost:1:2\r\n",
    ]
    .iter()
    .map(|hosts| {
        let mut wire = Wire::to(&address).unwrap();
        let asks = format!(
            "POST /sources HTTP/1.1\r\n{hosts}Authorization: Bearer {token}\r\n\
             Accept: application/vnd.heroku+json; version=3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        wire.say(asks).unwrap();
        let told = match wire.answer() {
            Ok(Some(answer)) if answer.status == 201 => {
                let url = answer.json()["source_blob"]["put_url"].to_string();
                let host = url.split('/').nth(2).unwrap().to_owned();
                format!("201 {host}").replace(&address, "ADDRESS")
            }
            Ok(Some(answer)) => answer.status.to_string(),
            Ok(None) => "closed".to_owned(),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => "closed".to_owned(),
            Err(error) => error.to_string(),
        };
        format!("{hosts:?}: {told}")
    })
    .collect();
    assert_snapshot!(told.join("\n"), @r#"
    "": 400
    "Host: \r\n": 400
    "Host: localhost\r\nHost: evil.example\r\n": 400
    "Host: localhost, evil.example\r\n": 400
    "Host: user:secret@evil.example\r\n": 400
    "Host: evil.example/path\r\n": 400
    "Host: evil.example\r\nX-Forwarded-Host: worse.example\r\nForwarded: host=worst.example\r\n": 201 evil.example
    "Host: localhost:1:2\r\n": 400
    "#);
}
