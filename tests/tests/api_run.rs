//! Commands that are run once through the API: detached, and met at a rendezvous, with a terminal and without;
//! and that none outlives whoever asked for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use slugline_testkit::environment::{ApiClient, PATIENCE, TestEnvironment, wait_until};
use slugline_tests::{QUIET, deploy, with_app};

const DYNOS: &str = "/apps/myapp/dynos";

fn run(api: &ApiClient, wanted: &Value) -> (String, String) {
    let made = api.json("POST", DYNOS, wanted).is(201).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&made["name"]), text(&made["attach_url"]))
}

/// Connects, and says the secret.
fn meet(url: &str) -> TcpStream {
    let rest = url.strip_prefix("rendezvous://").unwrap();
    let (host, secret) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{secret}\r\n").unwrap();
    stream
}

/// All that comes until it ends.
fn all(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn until(stream: &mut TcpStream, ends: &str) {
    let mut text = String::new();
    while !text.ends_with(ends) {
        let mut buffer = [0; 1];
        assert_eq!(stream.read(&mut buffer).unwrap(), 1, "it ended: {text}");
        text.push(char::from(buffer[0]));
    }
}

fn one_offs(environment: &TestEnvironment) -> usize {
    let processes = environment.run(["ps", "--json"]).success().json();
    let all = processes.as_array().unwrap().iter();
    all.filter(|one| one["process"].as_str().unwrap().starts_with("run."))
        .count()
}

#[test]
fn a_command_is_met_where_its_address_says() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["config:add", "GREETING=hello"]).success();
    let api = environment.api();
    let command = "echo $GREETING $OWN; stty size; test -t 0 && echo terminal; (exit 3) ; \
                   echo \"status: $?\"";
    let env = json!({"OWN": "there", "TERM": "vt100", "COLUMNS": 100, "LINES": "40"});
    let wanted = json!({"command": command, "attach": true, "env": env});
    let (name, url) = run(&api, &wanted);
    assert_eq!(name, "run.1");
    assert_eq!(
        all(meet(&url)),
        "rendezvous\r\nhello there\r\n40 100\r\nterminal\r\nstatus: 3\r\n"
    );
    // A secret is good once.
    assert_eq!(all(meet(&url)), "");
    wait_until("it has ended", || one_offs(&environment) == 0);
}

#[test]
fn what_is_typed_is_read_and_an_end_is_an_end() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let api = environment.api();
    // At a terminal, which echoes.
    let (_, url) = run(&api, &json!({"command": "cat", "attach": true}));
    let mut stream = meet(&url);
    until(&mut stream, "rendezvous\r\n");
    stream.write_all(b"one\n").unwrap();
    until(&mut stream, "one\r\none\r\n");
    stream.write_all(b"\x04").unwrap();
    assert_eq!(all(stream), "");
    // Through pipes: bytes as they are, but for the end.
    let piped = json!({"command": "cat | od -An -c", "attach": true, "force_no_tty": true});
    let (_, url) = run(&api, &piped);
    let mut stream = meet(&url);
    until(&mut stream, "rendezvous\r\n");
    stream.write_all(b"a\x04\r\nb\x04").unwrap();
    assert_eq!(all(stream).trim(), "a 004  \\r  \\n   b");
}

#[test]
fn who_leaves_takes_the_command_along() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let api = environment.api();
    let (name, url) = run(&api, &json!({"command": "sleep 1000", "attach": true}));
    let dyno = api.get(&format!("{DYNOS}/{name}")).is(200).json();
    assert_eq!(dyno["type"], "run");
    let mut stream = meet(&url);
    until(&mut stream, "rendezvous\r\n");
    drop(stream);
    wait_until("it is ended", || one_offs(&environment) == 0);
    let limited = json!({"command": "sleep 1000", "attach": true, "time_to_live": 1});
    let (_, url) = run(&api, &limited);
    assert_eq!(all(meet(&url)), "rendezvous\r\n");
    wait_until("its time is up", || one_offs(&environment) == 0);
}

#[test]
fn a_detached_one_writes_to_the_log() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let api = environment.api();
    let asked = json!({"command": "echo hello", "attach": false});
    let refused = api.json("POST", DYNOS, &asked).is(422);
    assert!(refused.body.contains("nothing to run yet"), "{refused}");
    deploy(&environment, QUIET, "575bfa8");
    let (name, url) = run(&api, &asked);
    assert_eq!((name.as_str(), url.as_str()), ("run.1", ""));
    wait_until("it is in the log", || {
        let lines = environment.run(["logs"]).success().stdout;
        lines.contains("app[run.1]: hello\n")
    });
    for bad in [
        json!({"command": " "}),
        json!({"command": "true", "env": {"no key": "x"}}),
        json!({"command": "true", "time_to_live": 5}),
        json!({"command": "true", "attach": true, "time_to_live": 0}),
        json!({}),
    ] {
        let _ = api.json("POST", DYNOS, &bad).is(422);
    }
    let words = ["--description", "read", "--scope", "read"];
    let reader = environment.api_with(&environment.token(&words));
    let _ = reader.json("POST", DYNOS, &asked).is(403);
}
