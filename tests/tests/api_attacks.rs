//! Attacks on the API, over sockets as an attacker has them; the table of all is in `docs/security.md`. It must
//! not know what a route is for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_kit;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::json;
use slugline_testkit::environment::{ApiClient, PATIENCE, TestEnvironment, serving, wait_until};
use slugline_tests::{QUIET, deploy, with_app};

use api_kit::Wire;

const OTHER: &str = "ann@example.com";
const MARKER: &str = "m4rk3r-0f-4-s3cr3t";

/// The address and a token.
fn reached(environment: &TestEnvironment) -> (String, String) {
    let url = environment.api_url();
    let address = url.strip_prefix("http://").unwrap();
    (address.to_owned(), environment.token(&[]))
}

/// The statuses of all answers, and how the connection ended.
fn ends(address: &str, bytes: &[u8]) -> String {
    let mut wire = Wire::to(address).unwrap();
    let _ = wire.say(bytes);
    let mut told = Vec::new();
    loop {
        match wire.answer() {
            Ok(Some(answer)) => told.push(answer.status.to_string()),
            Ok(None) => break told.push("closed".to_owned()),
            // Closed with bytes that were not read.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                break told.push("closed".to_owned());
            }
            Err(error) => break told.push(error.to_string()),
        }
    }
    told.join(" ")
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn what_is_not_plainly_one_request_is_one_at_most() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let (address, token) = reached(&environment);
    let login = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
    let hidden = format!("GET /apps HTTP/1.1\r\n{login}\r\n");
    let request = |headers: &str, body: &str| {
        let begin = "PATCH /apps/shop/config-vars HTTP/1.1\r\n";
        format!("{begin}{login}{headers}\r\n{body}{hidden}")
    };
    let many: String = (0..200)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    let long = format!("X: {}\r\n", "a".repeat(1 << 20));
    let empty = "0\r\n\r\n";
    let cases = [
        (
            "two lengths",
            request("Content-Length: 2\r\nContent-Length: 7\r\n", "{}"),
        ),
        (
            "a list of lengths",
            request("Content-Length: 2, 7\r\n", "{}"),
        ),
        ("a signed length", request("Content-Length: +2\r\n", "{}")),
        ("a negative length", request("Content-Length: -2\r\n", "{}")),
        (
            "a length in hexadecimal",
            request("Content-Length: 0x2\r\n", "{}"),
        ),
        (
            "an endless length",
            request("Content-Length: 99999999999999999999\r\n", "{}"),
        ),
        (
            "a length, and chunks",
            request("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", empty),
        ),
        (
            "chunks, and a length",
            request("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", empty),
        ),
        (
            "chunks in chunks",
            request("Transfer-Encoding: chunked, chunked\r\n", empty),
        ),
        (
            "chunks twice",
            request(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                empty,
            ),
        ),
        (
            "compressed chunks",
            request("Transfer-Encoding: gzip, chunked\r\n", empty),
        ),
        (
            "chunks, and not",
            request(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                empty,
            ),
        ),
        (
            "no chunks",
            request("Transfer-Encoding: identity\r\n", empty),
        ),
        (
            "chunks misspelt",
            request("Transfer-Encoding: xchunked\r\n", empty),
        ),
        (
            "chunks before a tab",
            request("Transfer-Encoding:\u{b}chunked\r\n", empty),
        ),
        (
            "a chunk of no size",
            request("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n"),
        ),
        (
            "a chunk of any size",
            request("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
        ),
        (
            "a space before a colon",
            request("Content-Length : 2\r\n", "{}"),
        ),
        (
            "a folded header",
            request("X: a\r\n Content-Length: 2\r\n", "{}"),
        ),
        (
            "a lone carriage return",
            request("X: a\rContent-Length: 2\r\n", "{}"),
        ),
        ("a NUL", request("X: a\0b\r\n", "")),
        ("no name", request(": x\r\n", "")),
        ("two hundred headers", request(&many, "")),
        ("a header of a megabyte", request(&long, "")),
        (
            "two spaces",
            format!("GET  /apps HTTP/1.1\r\n{login}\r\n{hidden}"),
        ),
        ("no version", format!("GET /apps\r\n{login}\r\n{hidden}")),
        (
            "another version",
            format!("GET /apps HTTP/1.2\r\n{login}\r\n{hidden}"),
        ),
        (
            "chunks of 1996",
            format!(
                "POST /apps HTTP/1.0\r\n{login}Transfer-Encoding: chunked\r\n\r\n{empty}{hidden}"
            ),
        ),
    ];
    let told = cases.map(|(what, bytes)| format!("{what}: {}", ends(&address, bytes.as_bytes())));
    assert_snapshot!(told.join("\n"), @r"
    two lengths: 400 closed
    a list of lengths: 400 closed
    a signed length: 400 closed
    a negative length: 400 closed
    a length in hexadecimal: 400 closed
    an endless length: 400 closed
    a length, and chunks: 200 closed
    chunks, and a length: 200 closed
    chunks in chunks: 400 closed
    chunks twice: 400 closed
    compressed chunks: 400 closed
    chunks, and not: 400 closed
    no chunks: 400 closed
    chunks misspelt: 400 closed
    chunks before a tab: 400 closed
    a chunk of no size: 400 closed
    a chunk of any size: 400 closed
    a space before a colon: 400 closed
    a folded header: 400 closed
    a lone carriage return: 400 closed
    a NUL: 400 closed
    no name: 400 closed
    two hundred headers: 431 closed
    a header of a megabyte: 431 closed
    two spaces: 400 closed
    no version: 400 closed
    another version: 400 closed
    chunks of 1996: 400 closed
    ");
    // Two that are plain are two.
    let mut wire = Wire::to(&address).unwrap();
    wire.say(request("Content-Length: 2\r\n", "{}")).unwrap();
    for _ in 0..2 {
        assert_eq!(wire.answer().unwrap().unwrap().status, 200);
    }
}

#[test]
fn names_that_lead_elsewhere_lead_nowhere() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let (address, token) = reached(&environment);
    let mut wire = Wire::to(&address).unwrap();
    let mut ask = |method: &str, path: &str, body: &str| {
        let length = body.len();
        wire.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .unwrap();
        wire.answer().unwrap().unwrap()
    };
    let names = [
        "..",
        "%2e%2e",
        "..%2fmyapp",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fmyapp",
        "..%5cmyapp",
        "%c0%ae%c0%ae",
        "myapp%00",
        "myapp%0d%0aX:%201",
        "%ff%fe",
        "myapp%2f..%2fmyapp",
        "./myapp",
        "MYAPP",
        "~",
        "*",
    ];
    let places = [
        "/apps/NAME",
        "/apps/NAME/config-vars",
        "/apps/myapp/../NAME/config-vars",
        "/apps/myapp/releases/NAME",
        "/apps/myapp/dynos/NAME",
        "/apps/myapp/addons/NAME",
        "/apps/myapp/domains/NAME",
        "/addons/NAME",
        "/NAME.git/info/refs?service=git-upload-pack",
        "/NAME.git/git-upload-pack",
        "/myapp.git/NAME/HEAD",
        "/streams/NAME",
        "/outputs/myapp/NAME/x/00",
    ];
    for place in places {
        for name in names {
            let path = place.replace("NAME", name);
            let answer = ask("GET", &path, "");
            assert!(matches!(answer.status, 400 | 404), "{path}: {answer}");
            assert!(!answer.headers.contains_key("x"), "{path}");
        }
    }
    for name in [
        "../x",
        "..",
        "a/b",
        "a\\u0000",
        "a\\r\\nX: 1",
        "%2e",
        ".git",
        "con\\u2026",
        "",
    ] {
        let answer = ask("POST", "/apps", &format!(r#"{{"name":"{name}"}}"#));
        assert_eq!(answer.status, 422, "{name}: {answer}");
    }
    // Nobody's method but the request's own is meant.
    let deletes = "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n";
    let path = format!("/apps/myapp?_method=DELETE HTTP/1.1\r\n{deletes}X:");
    assert_eq!(ask("GET", &path, "").status, 200);
    assert_eq!(ask("GET", "/apps/myapp", "").status, 200);
    // A token in an address is none.
    let said = format!("GET /apps?access_token={token}&token={token} HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(ends_first(&address, &said).starts_with("401"));
}

fn ends_first(address: &str, text: &str) -> String {
    let mut wire = Wire::to(address).unwrap();
    wire.say(text).unwrap();
    wire.answer().unwrap().unwrap().to_string()
}

/// Every route that is described, with its method, in which the app is called so.
fn routes(api: &ApiClient, app: &str) -> Vec<(String, String)> {
    let document = api.get("/openapi.json").is(200).json();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.contains("{app}") {
            continue;
        }
        let path = path.replace("{app}", app).replace("{release}", "v1");
        let parts = path.split('/').map(|part| match part.starts_with('{') {
            true => "web",
            false => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let methods = methods.as_object().unwrap().keys();
        all.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    all
}

#[test]
fn apps_of_others_are_as_if_they_were_not() {
    let environment = TestEnvironment::new();
    let _serving = environment.serve();
    let jim = environment.api();
    let mut ids = Vec::new();
    for app in ["shop", "blog"] {
        let _ = jim.json("POST", "/apps", &json!({"name": app})).is(201);
        let plan = json!({"plan": "releases:advanced"});
        let _ = jim
            .json("POST", &format!("/apps/{app}/addons"), &plan)
            .is(201);
        let vars = format!("/apps/{app}/config-vars");
        for value in ["1", "2"] {
            let _ = jim.json("PATCH", &vars, &json!({"A": value})).is(200);
        }
        let release = jim.get(&format!("/apps/{app}/releases/1")).is(200).json();
        ids.push(release["id"].as_str().unwrap().to_owned());
    }
    let tag = jim.get("/apps/shop/config-vars").is(200).headers["etag"].clone();
    let id = jim.get("/apps/shop").is(200).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ann = environment.api_with(&environment.token(&["--user", OTHER]));
    let narrow = environment.api_with(&environment.token(&["--app", "blog"]));
    let mut asked = 0;
    for (method, path) in routes(&jim, "shop") {
        let (none, by_id) = (path.replace("shop", "none"), path.replace("shop", &id));
        let fits = r#"{"name":"web","quantity":1,"release":"v1","confirm":"shop"}"#;
        let guessing = ann.with("If-Match", &tag).with("If-None-Match", &tag);
        for (who, body) in [(&ann, "{}"), (&narrow, fits), (&guessing, fits)] {
            let body = if method == "GET" { "" } else { body };
            let told = |path: &str| {
                let answer = who.send(&method, path, body).to_string();
                answer.replace(path, "PATH")
            };
            let expected = told(&none);
            assert!(expected.starts_with('4'), "{method} {none}: {expected}");
            assert_eq!(told(&path), expected, "{method} {path}");
            assert_eq!(told(&by_id), expected, "{method} {by_id}");
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    // A release of one app is none of another.
    let _ = jim.get(&format!("/apps/blog/releases/{}", ids[0])).is(404);
    let back = json!({"release": ids[0]});
    let _ = jim.json("POST", "/apps/blog/releases", &back).is(404);
    let _ = jim.get(&format!("/apps/blog/releases/{}", ids[1])).is(200);
    let shown = environment
        .run(["releases", "--json", "--app", "shop"])
        .success();
    assert_eq!(shown.json().as_array().unwrap().len(), 2);
}

#[test]
fn odd_bodies_are_refused_in_words() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let api = environment.api();
    let vars = "/apps/myapp/config-vars";
    let deep = "[".repeat(100_000);
    let deeper = format!("{}1{}", r#"{"A":"#.repeat(50_000), "}".repeat(50_000));
    let digits = format!(r#"{{"A":{}}}"#, "9".repeat(500_000));
    let ask = |what: &str, method: &str, path: &str, body: &[u8]| {
        format!("{what}: {}", api.send(method, path, body))
    };
    let told = [
        ask("deep", "PATCH", vars, deep.as_bytes()),
        ask("deeper", "PATCH", vars, deeper.as_bytes()),
        ask("many digits", "PATCH", vars, digits.as_bytes()),
        ask(
            "a huge number",
            "POST",
            "/oauth/authorizations",
            br#"{"expires_in":1e999}"#,
        ),
        ask(
            "below nothing",
            "POST",
            "/oauth/authorizations",
            br#"{"expires_in":-1}"#,
        ),
        ask("twice", "POST", "/apps", br#"{"name":"one","name":"two"}"#),
        ask("the last of two", "PATCH", vars, br#"{"A":"1","A":"2"}"#),
        ask("a NUL in a name", "PATCH", vars, br#"{"A\u0000B":"1"}"#),
        ask("a NUL in a value", "PATCH", vars, br#"{"B":"1\u0000"}"#),
        ask("no UTF-8", "PATCH", vars, b"{\"B\":\"\xff\xfe\"}"),
        ask("half a character", "PATCH", vars, br#"{"B":"\ud800"}"#),
        ask(
            "a line end in a name",
            "PATCH",
            vars,
            br#"{"A\r\nX-B":"1"}"#,
        ),
        ask(
            "line ends in a value",
            "PATCH",
            vars,
            br#"{"A":"1\r\nX-B: 2\r\n\r\n"}"#,
        ),
        ask("a form", "POST", "/apps", b"name=one"),
        ask(
            "XML",
            "POST",
            "/apps",
            b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
        ),
    ];
    assert_snapshot!(told.join("\n"), @r#"
    deep: 422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 0."}
    deeper: 422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 5."}
    many digits: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 500005."}
    a huge number: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 19."}
    below nothing: 422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 16."}
    twice: 422 {"id":"invalid_params","message":"The body is not what is expected here, at line 1, column 20."}
    the last of two: 200 {"A":"2"}
    a NUL in a name: 422 {"id":"invalid_params","message":"\"A\\0B\" is not a key for a config var: use letters, digits and _, not beginning with a digit"}
    a NUL in a value: 422 {"id":"invalid_params","message":"the value of B holds a NUL byte, which an environment cannot carry"}
    no UTF-8: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 7."}
    half a character: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 13."}
    a line end in a name: 422 {"id":"invalid_params","message":"\"A\\r\\nX-B\" is not a key for a config var: use letters, digits and _, not beginning with a digit"}
    line ends in a value: 200 {"A":"1\r\nX-B: 2\r\n\r\n"}
    a form: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 2."}
    XML: 400 {"id":"bad_request","message":"The body is no JSON, at line 1, column 1."}
    "#);
    let held = api.get(vars).is(200);
    assert!(!held.headers.contains_key("x-b"), "{held}");
    let hers = api.with("Request-Id", "mine-alone").get(vars).is(200);
    assert!(!hers.headers["request-id"].contains("mine"), "{hers}");
    // What clients say does not write on the terminal of whoever lists it.
    let said = json!({"description": "\u{1b}[2Jgone\r\nslg_ of nobody\u{7}"});
    let made = api.json("POST", "/oauth/authorizations", &said);
    let listed = environment.run(["tokens"]).success().stdout;
    let harmless = |c: char| c == '\n' || !c.is_control();
    assert!(listed.chars().all(harmless), "{made}: {listed:?}");
    assert!(!made.headers.contains_key("x"));
}

#[test]
fn pages_of_other_sites_ask_nothing() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let api = environment.api();
    let own = environment.api_url();
    let vars = "/apps/myapp/config-vars";
    let change = json!({"A": "1"});
    // What a form or a script may send without asking first, with a password that the browser knows.
    let page = api
        .with("Origin", "http://example.com")
        .with("Content-Type", "text/plain");
    let refused = page.json("PATCH", vars, &change).is(403);
    assert_snapshot!(refused.body, @r#"{"id":"forbidden","message":"Pages of other sites may not ask anything here."}"#);
    let _ = api
        .with("Origin", "null")
        .json("PATCH", vars, &change)
        .is(403);
    let _ = api
        .with("Sec-Fetch-Site", "cross-site")
        .json("PATCH", vars, &change)
        .is(403);
    let _ = page.get(vars).is(403);
    // A name that leads here for a while is no origin of ours: the browser knows no password for it.
    let rebound = page.with("Host", "example.com").without("Authorization");
    let _ = rebound.json("PATCH", vars, &change).is(401);
    let asked = page
        .with("Access-Control-Request-Method", "PATCH")
        .send("OPTIONS", vars, "");
    for answer in [&refused, &asked, &api.get(vars)] {
        let mut names = answer.headers.keys();
        assert!(
            names.all(|name| !name.starts_with("access-control-")),
            "{answer:?}"
        );
    }
    assert_eq!(asked.status, 403);
    assert_eq!(api.get(vars).json(), json!({}));
    let _ = api
        .with("Origin", &own)
        .json("PATCH", vars, &change)
        .is(200);
}

/// The files below a folder in which one of these is.
fn holding(folder: &Path, secrets: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            holding(&path, secrets, found);
        } else if kind.is_file() {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let here = secrets.iter().filter(|secret| text.contains(**secret));
            found.extend(here.map(|secret| format!("{} holds {secret}", path.display())));
        }
    }
}

#[test]
fn what_clients_keep_secret_is_written_nowhere() {
    let environment = with_app(Some("releases:advanced"));
    let mut command = environment.caller().command("slugline");
    command.arg("serve");
    let (mut child, mut said, mut lines) = serving(&mut command);
    let speaking = std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = lines.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    });
    let token = environment.token(&[]);
    let wrong = format!("slg_{}", "7".repeat(64));
    let api = environment.api_with(&token);
    let vars = "/apps/myapp/config-vars";
    let values = [
        json!({"A": MARKER}),
        json!({"A": format!("{MARKER}\u{0}")}),
        json!({"A": format!("{MARKER}-2"), "1": "x"}),
        json!({"A": {"b": MARKER}}),
        json!({"A": format!("{MARKER}{}", "x".repeat(100_000))}),
    ];
    let mut answers = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let answer = api.json("PATCH", vars, value);
        assert_eq!(answer.status == 200, place == 0, "{answer}");
        if place > 0 {
            answers.push(answer);
        }
    }
    answers.push(api.send("PATCH", vars, format!("{{\"A\":\"{MARKER}")));
    let hook = json!({"include": ["api:app"], "level": "sync", "secret": MARKER,
        "url": "http://127.0.0.1:1/", "authorization": MARKER});
    answers.push(api.json("POST", "/apps/myapp/webhooks", &hook).is(422));
    answers.push(environment.api_with(&wrong).get(vars).is(401));
    // Some take a token for its id.
    let path = format!("/oauth/authorizations/{token}");
    let _ = api.send("DELETE", &path, "").is(404);
    answers.push(api.json("POST", "/apps/myapp/releases", &json!({"release": "odd"})));
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{answer}");
        assert!(!answer.body.contains(&token), "{answer}");
        assert!(!answer.body.contains(MARKER), "{answer}");
    }
    let audit = environment.run(["audit", "--json"]).success().stdout;
    let mut found = Vec::new();
    holding(environment.folder(), &[MARKER, &token, &wrong], &mut found);
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = child.wait();
    said.push_str(&speaking.join().unwrap());
    for secret in [MARKER, &token, &wrong] {
        assert!(!said.contains(secret), "{said}");
        assert!(!audit.contains(secret), "{audit}");
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn what_goes_on_ends_with_its_token() {
    let environment = with_app(None);
    let _serving = environment.serve();
    deploy(&environment, QUIET, "575bfa8");
    let token = environment.token(&["--description", "doomed"]);
    let (address, other) = reached(&environment);
    let (doomed, other) = (environment.api_with(&token), environment.api_with(&other));
    let following = |api: &ApiClient| {
        let made = api.json("POST", "/apps/myapp/log-sessions", &json!({"tail": true}));
        let url = made.is(201).json()["logplex_url"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = url.split_once("/streams/").unwrap().1.to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = "Host: x\r\nConnection: close";
        write!(stream, "GET /streams/{path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        stream
    };
    let attached = |api: &ApiClient| {
        let wanted = json!({"command": "echo hello; sleep 1000", "attach": true});
        let made = api
            .json("POST", "/apps/myapp/dynos", &wanted)
            .is(201)
            .json();
        let url = made["attach_url"].as_str().unwrap().to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{}\r\n", url.rsplit_once('/').unwrap().1).unwrap();
        stream
    };
    let (log, run) = (following(&doomed), attached(&doomed));
    let (kept_log, kept_run) = (following(&other), attached(&other));
    let begun = |stream: &TcpStream| {
        wait_until("it has begun", || {
            stream.peek(&mut [0; 64]).is_ok_and(|read| read > 12)
        });
    };
    [&log, &run, &kept_log, &kept_run]
        .into_iter()
        .for_each(begun);
    let tokens = environment.run(["tokens", "--json"]).success().json();
    let tokens = tokens.as_array().unwrap().iter();
    let doomed = tokens
        .clone()
        .find(|one| one["description"] == "doomed")
        .unwrap();
    let id = doomed["id"].as_str().unwrap();
    let _ = environment.run(["tokens:revoke", id]).success();
    let revoked = Instant::now();
    for mut stream in [log, run] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    assert!(revoked.elapsed() < Duration::from_secs(20));
    for mut stream in [&kept_log, &kept_run] {
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut rest = Vec::new();
        let error = stream.read_to_end(&mut rest).unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::WouldBlock,
            "it ended as well"
        );
    }
    wait_until("its command is ended", || {
        let all = environment.run(["ps", "--json"]).success().json();
        let names = all
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["process"].to_string());
        names.filter(|name| name.contains("run.")).count() == 1
    });
}

#[test]
fn one_app_that_is_changed_for_long_keeps_no_other_waiting() {
    let environment = with_app(None);
    let _serving = environment.serve();
    let _ = environment.run(["apps:create", "blog"]).success();
    let (address, token) = reached(&environment);
    let lock = File::create(environment.home().join("locks/myapp.change")).unwrap();
    lock.lock().unwrap();
    // More than there are threads.
    let mut waiting: Vec<_> = (0..80).map(|_| Wire::to(&address).unwrap()).collect();
    for (place, wire) in waiting.iter_mut().enumerate() {
        let body = json!({format!("K{place}"): "1"}).to_string();
        wire.say(format!(
            "PATCH /apps/myapp/config-vars HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .unwrap();
    }
    let api = environment.api_with(&token);
    for number in 0..10 {
        let change = json!({"N": number.to_string()});
        let _ = api.json("PATCH", "/apps/blog/config-vars", &change).is(200);
        let _ = api.get("/apps/myapp/config-vars").is(200);
    }
    lock.unlock().unwrap();
    for wire in &mut waiting {
        assert_eq!(wire.answer().unwrap().unwrap().status, 200);
    }
    let vars = api.get("/apps/myapp/config-vars").is(200).json();
    assert_eq!(vars.as_object().unwrap().len(), 80);
}

/// The rows of the table: what is tried, what happens, and what shows it.
fn table() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("`"));
    let cells = |line: &str| {
        let line = line.trim_matches('|');
        line.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    rows.map(cells).collect()
}

#[test]
fn every_row_of_the_table_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = BTreeSet::new();
    for row in table() {
        let [_, _, shown] = &row[..] else {
            panic!("three cells: {row:?}");
        };
        let names: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row:?}");
        for name in names {
            let (file, test) = name.split_once("::").unwrap_or_else(|| panic!("{name}"));
            let file = match file.split_once('/') {
                Some((package, file)) => format!("crates/{package}/src/{file}.rs"),
                None => format!("tests/tests/{file}.rs"),
            };
            let text = std::fs::read_to_string(root.join(&file));
            let text = text.unwrap_or_else(|_| panic!("there is no {file}"));
            let test = format!("fn {test}(");
            let begins = |line: &str| {
                line.trim_start()
                    .trim_start_matches("async ")
                    .starts_with(&test)
            };
            // What is expected of it may stand between.
            let mut parts = text.split("test]\n").skip(1);
            let is = parts.any(|part| part.lines().take(2).any(begins));
            assert!(is, "{file} has no {test}");
            named.insert(name.to_owned());
        }
    }
    assert!(named.len() > 20, "{named:?}");
}
