//! The add-on `webhooks`, over real sockets.

#![cfg(test)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use common::*;
use slugline_core::event::Event;
use slugline_core::port::{Announcement, InstalledAddon, Policies, Providers, ProvisionRequest};
use slugline_core::resource::Options;

/// Takes one request, answers with this status, and gives its head and its body.
fn receiver(status: &'static str) -> (u16, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = move || {
        let (connection, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            let small = line.to_lowercase();
            if let Some(value) = small.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&small);
        }
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        (&connection).write_all(answer.as_bytes()).unwrap();
        (head, body)
    };
    (port, thread::spawn(request))
}

fn tell(event: &Event, addons: &[InstalledAddon]) -> Result<(), String> {
    let announcement = Announcement {
        app: &app(),
        event,
        addons,
    };
    let told = shipped(settings()).announce(&announcement);
    told.map_err(|error| error.to_string())
}

/// What is posted of an event.
fn posted(event: &Event, secret: Option<&str>) -> (String, String) {
    let (port, received) = receiver("200 OK");
    let url = format!("http://127.0.0.1:{port}/hook");
    let mut options = vec![("url", url.as_str())];
    options.extend(secret.map(|secret| ("secret", secret)));
    tell(event, &[installed("webhooks:free", &options)]).unwrap();
    received.join().unwrap()
}

const RELEASE: &str = r#"{"actor":"jim@example.com","at":1700000000000,"change":"Config add A","commit":"575bfa8c0ffee00000000000000000000000cafe","deploy":false,"git_log":"575bfa8 Say hello & goodbye","previous_commit":"7c35f770000000000000000000000000000cafe0","url":"http://myapp.localhost:8080","version":10}"#;

#[test]
fn every_event_is_posted_as_json() {
    let check = |event: &Event, name: &str, before: &str, after: &str| {
        let (head, body) = posted(event, None);
        assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"));
        assert!(head.contains(&format!("slugline-event: {name}\r\n")));
        assert!(!head.contains("slugline-signature"));
        let expected = format!(r#"{{{before}"event":"{name}",{after}"release":{RELEASE}}}"#);
        assert_eq!(body, expected);
    };
    check(&created(false), "release.created", r#""app":"myapp","#, "");
    let failed = Event::ReleaseFailed {
        subject: subject(false),
        reason: "web crashed".into(),
    };
    let reason = r#""reason":"web crashed","#;
    check(&failed, "release.failed", r#""app":"myapp","#, reason);
    let changed = Event::AddonChanged {
        subject: subject(false),
        before: Some(plan("memcache:free")),
        after: Some(plan("memcache:100mb")),
    };
    let (before, after) = (
        r#""after":"memcache:100mb","app":"myapp","before":"memcache:free","#,
        "",
    );
    check(&changed, "addon.changed", before, after);
}

#[test]
fn the_signature_is_that_of_the_body() {
    let (head, _) = posted(&created(false), Some("sixteen-letters!"));
    // Made by another implementation, from the body above.
    let expected = "9b49c6b4dac92b0f57545be32b30bc22954db129de5f683f6d71f5fdeec50c83";
    assert!(
        head.contains(&format!("slugline-signature: sha256={expected}\r\n")),
        "{head}"
    );
}

#[test]
fn who_does_not_have_it_is_not_told_of_and_a_failure_is_said() {
    tell(&created(true), &[]).unwrap();
    tell(&created(true), &[installed("memcache:free", &[])]).unwrap();
    let check = |status: &'static str, code: &str| {
        let (port, received) = receiver(status);
        let url = format!("http://127.0.0.1:{port}/");
        let told = tell(
            &created(true),
            &[installed("webhooks:free", &[("url", &url)])],
        );
        received.join().unwrap();
        assert_eq!(
            told.unwrap_err(),
            format!(
                "the plugin webhooks failed in release.created: init.lua:48: the receiver answered {code}"
            )
        );
    };
    check("500 No", "500");
    check("404 No", "404");
    check("304 No", "304");
}

#[test]
fn options_are_looked_at_when_it_is_added() {
    let host = shipped(settings());
    let answer = |options: &[(&str, &str)]| {
        let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let options: Options = options.iter().map(option).collect();
        let made = host.provision(&ProvisionRequest {
            app: &app(),
            id: &id(),
            plan: &plan("webhooks:free"),
            options: &options,
            taken_ports: &[],
        });
        made.map_or_else(|error| error.to_string(), |made| made.message)
    };
    let check = |options: &[(&str, &str)], expected: &str| assert_eq!(answer(options), expected);
    let url = ("url", "https://example.com/hook");
    check(
        &[url],
        "Every release is posted to https://example.com/hook, unsigned, since there is no --secret.",
    );
    check(
        &[url, ("secret", "sixteen-letters!")],
        "Every release is posted to https://example.com/hook, signed.",
    );
    check(
        &[],
        "webhooks: say where to post: --url=https://example.com/released",
    );
    for wrong in [
        "ftp://example.com",
        "https://",
        "http://a b",
        "http://a/\nx",
        "example.com",
    ] {
        check(
            &[("url", wrong)],
            "webhooks: --url must begin with http:// or https://, and name a host",
        );
    }
    check(
        &[url, ("secret", "short")],
        "webhooks: --secret must have 16 characters at least",
    );
    check(
        &[url, ("sceret", "sixteen-letters!")],
        "webhooks: there is no option --sceret; there are --url and --secret",
    );
}
