//! Log sessions: the lines that `slugline logs` shows, read at an address that needs no token, once or for as
//! long as they come.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use slugline_testkit::environment::{ApiClient, PATIENCE, TestEnvironment, wait_until};
use slugline_tests::{QUIET, WEB, deploy, with_app};

/// A stream, as it comes.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(url: &str, headers: &str) -> Self {
        let (host, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"
        )
        .unwrap();
        let mut stream = Self(BufReader::new(stream));
        assert_eq!(stream.until("HTTP/1.1").trim(), "HTTP/1.1 200 OK");
        stream
    }

    fn events(url: &str, headers: &str) -> Self {
        let headers = format!("Accept: text/event-stream\r\n{headers}");
        let mut stream = Self::open(url, &headers);
        let _ = stream.until("content-type: text/event-stream");
        stream
    }

    /// The next line that holds a text.
    fn until(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let read = self.0.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before {text:?}");
        }
        line
    }

    /// The number of the next event whose line ends so; what the lines before it end with is kept.
    fn event(&mut self, ends: &str, before: &mut Vec<String>) -> u64 {
        loop {
            let id = self.until("id: ");
            let data = self.until("data: ");
            if data.trim_end().ends_with(ends) {
                return id.trim().strip_prefix("id: ").unwrap().parse().unwrap();
            }
            before.push(data.trim_end().to_owned());
        }
    }
}

fn session(api: &ApiClient, wanted: &Value) -> String {
    let made = api.json("POST", "/apps/myapp/log-sessions", wanted);
    let made = made.is(201).json();
    made["logplex_url"].as_str().unwrap().to_owned()
}

/// What an address answers to somebody without a token.
fn fetched(api: &ApiClient, url: &str) -> String {
    let (_, path) = url.split_once("/streams/").unwrap();
    let nobody = api.without("Authorization");
    nobody.get(&format!("/streams/{path}")).is(200).body
}

fn say(environment: &TestEnvironment, word: &str) {
    let _ = environment.run(["run:detached", "echo", word]).success();
    wait_until("it is said", || {
        let lines = environment.run(["logs"]).success().stdout;
        lines.contains(&format!("app[run.1]: {word}")) && lines.ends_with("to complete\n")
    });
}

#[test]
fn a_session_has_the_lines_of_the_command() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, WEB, "575bfa8");
    say(&environment, "hello");
    assert_eq!(environment.http_get("myapp", "/").0, 200);
    wait_until("the router has said so", || {
        let words = ["logs", "--source", "router"];
        !environment.run(words).success().stdout.is_empty()
    });
    let api = environment.api();
    let same = |wanted: Value, words: &[&str]| {
        let lines = fetched(&api, &session(&api, &wanted));
        let shown = environment.run(["logs"].iter().chain(words)).success();
        assert_eq!(lines, shown.stdout, "{wanted}");
        assert!(!lines.is_empty(), "{wanted}");
    };
    same(json!({}), &[]);
    same(json!({"lines": 2, "tail": false}), &["-n", "2"]);
    same(json!({"source": "app"}), &["--source", "app"]);
    same(json!({"dyno": "web.1"}), &["--process", "web.1"]);
    same(json!({"dyno_name": "run.1"}), &["--process", "run.1"]);
    same(json!({"type": "web"}), &["--process", "web"]);
    let lines = fetched(&api, &session(&api, &json!({"source": "heroku"})));
    assert!(lines.contains(" router: ") && lines.contains(" slugline[web.1]: "));
    assert!(!lines.contains(" app["), "{lines}");
}

#[test]
fn a_tail_goes_on_where_it_was_broken_off() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    say(&environment, "one");
    let api = environment.api();
    let url = session(&api, &json!({"tail": true, "lines": 100}));
    let mut stream = Stream::events(&url, "");
    let mut before = Vec::new();
    let one = stream.event("app[run.1]: one", &mut before);
    assert_eq!(before.len() as u64, one - 1);
    say(&environment, "two");
    let two = stream.event("app[run.1]: two", &mut before);
    assert!(two > one);
    drop(stream);
    say(&environment, "three");
    // What was not seen comes, and nothing twice.
    let mut again = Stream::events(&url, &format!("Last-Event-ID: {two}\r\n"));
    let mut between = Vec::new();
    let three = again.event("app[run.1]: three", &mut between);
    assert_eq!(between.len() as u64, three - two - 1, "{between:?}");
    assert!(
        between.iter().all(|line| !line.contains("echo one")),
        "{between:?}"
    );
    let mut plain = Stream::open(&url, "");
    let _ = plain.until("app[run.1]: three");
}

#[test]
fn an_address_is_good_for_as_long_as_its_token() {
    let environment = with_app(None);
    let serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    say(&environment, "one");
    let words = ["--description", "read", "--scope", "read"];
    let token = environment.token(&words);
    let api = environment.api_with(&token);
    let url = session(&api, &json!({"tail": true}));
    let mut stream = Stream::events(&url, "");
    let _ = stream.until("app[run.1]: one");
    let tokens = environment.run(["tokens", "--json"]).success().json();
    for token in tokens.as_array().unwrap() {
        let id = token["id"].as_str().unwrap();
        let _ = environment.run(["tokens:revoke", id]).success();
    }
    let (_, path) = url.split_once("/streams/").unwrap();
    let nobody = api.without("Authorization");
    let _ = nobody.get(&format!("/streams/{path}")).is(404);
    let _ = nobody.get(&format!("/streams/{}", "0".repeat(64))).is(404);
    let _ = nobody
        .json("POST", "/apps/myapp/log-sessions", &json!({}))
        .is(401);
    // A daemon that ends waits for nobody who reads on.
    let begun = std::time::Instant::now();
    drop(serving);
    assert!(begun.elapsed() < std::time::Duration::from_secs(9));
    let mut rest = String::new();
    while stream.0.read_line(&mut rest).is_ok_and(|read| read > 0) {}
}

#[test]
fn two_hundred_followers_wait_for_the_same_line() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let api = environment.api();
    let url = session(&api, &json!({"tail": true, "lines": 0}));
    let mut streams: Vec<_> = (0..200).map(|_| Stream::events(&url, "")).collect();
    // Others are answered meanwhile.
    let _ = api.get("/apps/myapp").is(200);
    say(&environment, "hello");
    for stream in &mut streams {
        let _ = stream.until("app[run.1]: hello");
    }
}
