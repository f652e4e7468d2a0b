//! Code through the API: what release commands write, slugs, sources and builds; and what is tried with them
//! that must not be.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use slugline_testkit::environment::{ApiClient, Caller, Serving, TestEnvironment, wait_until};
use slugline_tests::deploy;
use tar::{Builder, EntryType, Header};

/// The path of an address that the API told of.
#[track_caller]
fn path(environment: &TestEnvironment, url: &Value) -> String {
    let url = url.as_str().expect("there is an address");
    let path = url.strip_prefix(&environment.api_url());
    path.expect("it is here").to_owned()
}

/// Somebody without a token.
fn nobody(environment: &TestEnvironment) -> ApiClient {
    environment.api_with("").without("Authorization")
}

/// Asks for a path, and reads as it comes.
struct Reading {
    stream: TcpStream,
    said: String,
}

impl Reading {
    fn of(environment: &TestEnvironment, path: &str) -> Self {
        let address = environment.api_url().replace("http://", "");
        let mut stream = TcpStream::connect(&address).expect("it listens");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        Self {
            stream,
            said: String::new(),
        }
    }

    #[track_caller]
    fn until(&mut self, text: &str) {
        let mut buffer = [0; 1000];
        while !self.said.contains(text) {
            let read = self.stream.read(&mut buffer).expect("it speaks");
            assert!(read > 0, "it ended: {}", self.said);
            self.said
                .push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }

    fn rest(mut self) -> String {
        self.stream
            .read_to_string(&mut self.said)
            .expect("it is text");
        self.said
    }
}

/// A gate where somebody can wait, and its port.
fn gate() -> (TcpListener, u16) {
    let gate = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = gate.local_addr().expect("it is bound").port();
    (gate, port)
}

/// Lets in who waits at a gate.
fn open_gate(gate: &TcpListener) {
    let (mut waiting, _) = gate.accept().expect("somebody waits");
    waiting.write_all(b"go\n").expect("it reads");
}

#[test]
fn what_a_release_command_writes_is_read_while_it_runs_and_afterwards() {
    let environment = slugline_tests::with_app(Some("releases:advanced"));
    let (gate, port) = gate();
    let waits = format!(
        "release: echo begun; exec 3<>/dev/tcp/127.0.0.1/{port}; read -r word <&3; \
         echo ended; test -z \"$STUCK\"\n"
    );
    let _serving = environment.serve();
    deploy(&environment, "# Nothing runs.\n", "1111111");
    let api = environment.api();
    let first = api.get("/apps/myapp/releases/1").is(200).json();
    assert_eq!(first["output_stream_url"], Value::Null);
    let opening = std::thread::spawn({
        let gate = gate.try_clone().expect("it is open");
        move || open_gate(&gate)
    });
    deploy(&environment, &waits, "2222222");
    opening.join().expect("it waited");
    // One that has ended.
    let second = api.get("/apps/myapp/releases/2").is(200).json();
    let kept = path(&environment, &second["output_stream_url"]);
    let nobody = nobody(&environment);
    assert_eq!(nobody.get(&kept).is(200).body, "begun\nended\n");
    let listed = api.get("/apps/myapp/releases").is(200).json();
    assert_eq!(listed[1]["output_stream_url"], second["output_stream_url"]);
    assert_eq!(listed[0]["output_stream_url"], Value::Null);
    // A rollback to it is answered once its command begins.
    let _ = api
        .json("POST", "/apps/myapp/releases", &json!({"release": "v1"}))
        .is(201);
    let rollback = json!({"release": second["id"]});
    let pending = api
        .json("POST", "/apps/myapp/releases", &rollback)
        .is(201)
        .json();
    assert_eq!(
        (&pending["version"], &pending["status"]),
        (&json!(4), &json!("pending"))
    );
    let live = path(&environment, &pending["output_stream_url"]);
    let mut reading = Reading::of(&environment, &live);
    reading.until("begun\n");
    assert!(!reading.said.contains("ended"));
    let other = Reading::of(&environment, &live);
    drop(Reading::of(&environment, &live));
    open_gate(&gate);
    assert!(reading.rest().contains("ended\n"));
    assert!(other.rest().contains("ended\n"));
    let status = |number: u64| {
        let release = api
            .get(&format!("/apps/myapp/releases/{number}"))
            .is(200)
            .json();
        release["status"].as_str().unwrap_or_default().to_owned()
    };
    wait_until("v4 has succeeded", || status(4) == "succeeded");
    assert_eq!(nobody.get(&live).is(200).body, "begun\nended\n");
    beside_a_command(&environment, &gate);
    nobody_else_reads(&environment, &live);
}

/// One that was begun by a command is read along too, and one that fails.
fn beside_a_command(environment: &TestEnvironment, gate: &TcpListener) {
    let api = environment.api();
    let mut setting = environment.caller().command("slugline");
    let mut setting = setting
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .args(["config:add", "STUCK=1"])
        .spawn()
        .expect("it starts");
    let mut found = Value::Null;
    wait_until("v5 is begun", || {
        let list = api.get("/apps/myapp/releases").json();
        found = list[4]["output_stream_url"].clone();
        !found.is_null()
    });
    let mut reading = Reading::of(environment, &path(environment, &found));
    reading.until("begun\n");
    open_gate(gate);
    assert!(reading.rest().contains("ended\n"));
    assert!(!setting.wait().expect("it ends").success());
    let release = api.get("/apps/myapp/releases/5").is(200).json();
    assert_eq!(release["status"], "failed");
}

/// At another address, or with a token that is gone.
fn nobody_else_reads(environment: &TestEnvironment, live: &str) {
    let nobody = nobody(environment);
    let (short, digit) = live.split_at(live.len() - 1);
    let other = if digit == "0" { "1" } else { "0" };
    for bad in [
        format!("{short}{other}"),
        short.to_owned(),
        live.replace("/v4/", "/v2/"),
        live.replace("myapp", "myapp2"),
    ] {
        let _ = nobody.get(&bad).is(404);
    }
    let tokens = environment.run(["tokens:list", "--json"]).success().json();
    for token in tokens.as_array().expect("a list") {
        let id = token["id"].as_str().expect("it has a name");
        let _ = environment.run(["tokens:revoke", id]).success();
    }
    let _ = nobody.get(live).is(404);
}

#[test]
fn config_vars_are_answered_as_a_release_command_begins() {
    let environment = slugline_tests::with_app(Some("releases:advanced"));
    let (gate, port) = gate();
    let waits = format!(
        "release: exec 3<>/dev/tcp/127.0.0.1/{port}; read -r word <&3; test -z \"$STUCK\"\n"
    );
    let _serving = environment.serve();
    let opening = std::thread::spawn({
        let gate = gate.try_clone().expect("it is open");
        move || (0..2).for_each(|_| open_gate(&gate))
    });
    deploy(&environment, &waits, "1111111");
    let api = environment.api();
    // Who speaks as in 2012 waits for the end.
    let older = environment.api().with("Accept", "application/json");
    let set = older.send("PUT", "/apps/myapp/config_vars", r#"{"KEPT":"1"}"#);
    let set = set.is(200);
    assert_eq!(set.headers.get("warning-message"), None);
    opening.join().expect("both waited");
    let status = |number: u64| {
        let release = api.get(&format!("/apps/myapp/releases/{number}"));
        release.is(200).json()["status"]
            .as_str()
            .map(str::to_owned)
            .expect("it has one")
    };
    assert_eq!(status(2), "succeeded");
    let vars = || api.get("/apps/myapp/config-vars").is(200).json();
    let begins = |change: &Value| {
        let answer = api.json("PATCH", "/apps/myapp/config-vars", change).is(200);
        let told = answer.headers.get("warning-message");
        let told = told.expect("it says that the command runs");
        assert!(told.starts_with("The release command runs"), "{told}");
        answer.json()
    };
    assert_eq!(
        begins(&json!({"GREETING": "hello"})),
        json!({"GREETING": "hello", "KEPT": "1"})
    );
    assert_eq!(status(3), "pending");
    assert_eq!(vars(), json!({"KEPT": "1"}));
    open_gate(&gate);
    wait_until("v3 has succeeded", || status(3) == "succeeded");
    assert_eq!(vars(), json!({"GREETING": "hello", "KEPT": "1"}));
    // One whose command fails changes nothing.
    let begun = begins(&json!({"STUCK": "1", "KEPT": null}));
    assert_eq!(begun, json!({"GREETING": "hello", "STUCK": "1"}));
    open_gate(&gate);
    wait_until("v4 has failed", || status(4) == "failed");
    assert_eq!(vars(), json!({"GREETING": "hello", "KEPT": "1"}));
    // One that changes nothing runs no command.
    let same = json!({"GREETING": "hello"});
    let same = api.json("PATCH", "/apps/myapp/config-vars", &same).is(200);
    assert_eq!(same.headers.get("warning-message"), None);
    assert_eq!(same.json(), json!({"GREETING": "hello", "KEPT": "1"}));
}

/// One entry of a tarball: what it is, its path, and what it holds or leads to.
type Entry<'a> = (EntryType, &'a str, &'a str);

fn tarball(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (kind, path, holds) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // Any path at all, which the tar crate would not write.
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        let contents = match kind {
            EntryType::Regular | EntryType::GNULongName => holds.as_bytes(),
            _ => {
                let target = &mut header.as_old_mut().linkname;
                target[..holds.len()].copy_from_slice(holds.as_bytes());
                b""
            }
        };
        header.set_size(contents.len() as u64);
        header.set_cksum();
        tar.append(&header, contents).expect("memory takes it");
    }
    let packed = tar.into_inner().and_then(GzEncoder::finish);
    packed.expect("memory takes it")
}

/// What code there is in the home, and what is beside it.
fn stored(environment: &TestEnvironment) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["", "slugs", "sources", "builds", "build", "cache"] {
        let all = std::fs::read_dir(environment.home().join(folder));
        let all = all.into_iter().flatten().flatten();
        found.extend(all.map(|it| format!("{folder}/{}", it.file_name().display())));
    }
    found.retain(|name| !name.starts_with("/ledger.db-"));
    found
}

/// Asks for bytes.
fn fetch(environment: &TestEnvironment, path: &str) -> Vec<u8> {
    let address = environment.api_url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).expect("it listens");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it speaks");
    assert!(all.starts_with(b"HTTP/1.0 200"), "{}", all.escape_ascii());
    let end = all.windows(4).position(|it| it == b"\r\n\r\n");
    all.split_off(end.expect("it has a head") + 4)
}

/// Announces a slug of an app. Answers its id, and the path that it is sent to.
fn announced(environment: &TestEnvironment, app: &str, said: &Value) -> (String, String) {
    let made = environment
        .api()
        .json("POST", &format!("/apps/{app}/slugs"), said);
    let made = made.is(201).json();
    assert_eq!(made["blob"]["method"], "PUT");
    let id = made["id"].as_str().expect("it has an id").to_owned();
    (id, path(environment, &made["blob"]["url"]))
}

const SERVES: &str = "cp page index.html; exec \"$SLUGLINE_BIN\" static .";

#[test]
fn a_slug_that_was_compiled_elsewhere_is_released() {
    let environment = slugline_tests::with_app(Some("releases:advanced"));
    let _ = environment.run(["apps:create", "blog"]).success();
    let _serving = environment.serve();
    let (api, nobody) = (environment.api(), nobody(&environment));
    let code = tarball(&[
        (EntryType::Directory, "./app/", ""),
        (EntryType::Regular, "./app/page", "hello"),
        (EntryType::Regular, "./app/Procfile", "worker: old\n"),
        (EntryType::Regular, "./app/a\nb", ""),
        (EntryType::Symlink, "./app/link", "page"),
    ]);
    let said = json!({"process_types": {"web": SERVES}, "commit": "0123456789abcdef",
        "commit_description": "the first", "buildpack_provided_description": "Ruby"});
    let (id, put) = announced(&environment, "myapp", &said);
    let release = json!({"slug": id});
    let early = api.json("POST", "/apps/myapp/releases", &release).is(422);
    assert!(early.body.contains("has not come yet"), "{early}");
    let _ = nobody.send("PUT", &put, &code).is(200);
    let _ = nobody.send("PUT", &put, &code).is(404);
    let made = api
        .json("POST", "/apps/myapp/releases", &release)
        .is(201)
        .json();
    assert_eq!(
        (&made["description"], &made["slug"]["id"], &made["status"]),
        (&json!("Deploy 0123456"), &json!(id), &json!("succeeded"))
    );
    assert_eq!(environment.http_get("myapp", "/").1, "hello");
    let again = api.json("POST", "/apps/myapp/releases", &release).is(422);
    assert!(again.body.contains("v1 runs 0123456 already"), "{again}");
    // It is its own source: what recompiles leaves it as it is.
    let _ = api
        .json("PATCH", "/apps/myapp/config-vars", &json!({"A": "1"}))
        .is(200);
    let second = api.get("/apps/myapp/releases/2").is(200).json();
    assert_eq!(second["slug"]["id"], json!(id));
    let retry = json!({"slug": id, "description": "Retry of v2: Config add A"});
    let third = api
        .json("POST", "/apps/myapp/releases", &retry)
        .is(201)
        .json();
    assert_eq!(third["version"], 3);
    let info = api.get(&format!("/apps/myapp/slugs/{id}")).is(200).json();
    assert_eq!(
        (
            &info["process_types"],
            &info["commit"],
            &info["commit_description"]
        ),
        (
            &said["process_types"],
            &said["commit"],
            &said["commit_description"]
        )
    );
    assert_eq!(info["buildpack_provided_description"], "Ruby");
    assert!(
        info["checksum"]
            .as_str()
            .is_some_and(|it| it.starts_with("SHA256:"))
    );
    copied(&environment, &id, &path(&environment, &info["blob"]["url"]));
    strangers(&environment, &id);
}

/// What is handed out is a slug again; and one of an app is released by another.
fn copied(environment: &TestEnvironment, id: &str, blob: &str) {
    let api = environment.api();
    let code = fetch(environment, blob);
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&code[..]));
    let names = archive.entries().expect("it is an archive").map(|entry| {
        let entry = entry.expect("it is whole");
        entry.path().expect("it has a path").display().to_string()
    });
    let names: Vec<_> = names.collect();
    assert_eq!(
        names,
        ["app/", "app/Procfile", "app/a\nb", "app/link", "app/page"]
    );
    let (twin, put) = announced(environment, "blog", &json!({}));
    let _ = nobody(environment).send("PUT", &put, &code).is(200);
    let info = api.get(&format!("/apps/blog/slugs/{twin}")).is(200).json();
    assert_eq!(info["process_types"]["web"], SERVES);
    let _ = api.get(&format!("/apps/blog/slugs/{id}")).is(404);
    let made = api
        .json("POST", "/apps/blog/releases", &json!({"slug": id}))
        .is(201);
    assert_eq!(made.json()["description"], "Deploy 0123456");
    assert_eq!(environment.http_get("blog", "/").1, "hello");
}

/// Who may not see an app may not have its slugs, and who may only read brings nothing.
fn strangers(environment: &TestEnvironment, id: &str) {
    let ann = ["--user", "ann@example.com"];
    let _ = environment
        .caller()
        .by("ann@example.com")
        .without("SLUGLINE_APP")
        .run(["apps:create", "anns"])
        .success();
    let ann = environment.api_with(&environment.token(&ann));
    let theirs = ann
        .json("POST", "/apps/anns/releases", &json!({"slug": id}))
        .is(403);
    assert!(theirs.body.contains("no access"), "{theirs}");
    let nothing = json!({"slug": "01234567-89ab-cdef-0123-456789abcdef"});
    let _ = ann.json("POST", "/apps/anns/releases", &nothing).is(404);
    let _ = ann.get(&format!("/apps/myapp/slugs/{id}")).is(404);
    let _ = ann.json("POST", "/apps/myapp/slugs", &json!({})).is(404);
    let _ = ann.json("POST", "/apps/myapp/sources", &json!({})).is(404);
    let reads = environment.api_with(&environment.token(&["--scope", "read"]));
    for route in ["/apps/myapp/slugs", "/apps/myapp/sources", "/sources"] {
        let _ = reads.json("POST", route, &json!({})).is(403);
    }
    let build = json!({"source_blob": {"url": "https://example.com/"}});
    let _ = reads.json("POST", "/apps/myapp/builds", &build).is(403);
    // Source that somebody else has sent.
    let source = ann.json("POST", "/sources", &json!({})).is(201).json();
    let put = path(environment, &source["source_blob"]["put_url"]);
    let _ = nobody(environment).send("PUT", &put, "x").is(200);
    let build = json!({"source_blob": {"url": source["source_blob"]["get_url"]}});
    let _ = environment
        .api()
        .json("POST", "/apps/myapp/builds", &build)
        .is(404);
    let get = path(environment, &source["source_blob"]["get_url"]);
    assert_eq!(fetch(environment, &get), b"x");
}

/// Tarballs that must not be taken, with what is said of each.
fn hostile() -> Vec<(Vec<u8>, &'static str)> {
    let regular = EntryType::Regular;
    let good = tarball(&[(regular, "app/x", "contents")]);
    let long = "n".repeat(2 << 20);
    let made = |entries: &[Entry<'_>], expected| (tarball(entries), expected);
    vec![
        (Vec::new(), "cannot be read"),
        (good[..good.len() - 9].to_vec(), "cannot be read"),
        (b"no tarball at all".to_vec(), "cannot be read"),
        made(&[(regular, "../evil", "x")], "has a step .. in it"),
        made(&[(regular, "app/../../evil", "x")], "has a step .. in it"),
        made(&[(regular, "/tmp/evil", "x")], "is an absolute path"),
        made(
            &[
                (EntryType::Symlink, "app/to", "/tmp"),
                (regular, "app/to/evil", "x"),
            ],
            "goes through a link",
        ),
        made(
            &[(EntryType::Symlink, "app/to", "../../../ledger.key")],
            "outside",
        ),
        made(&[(EntryType::Symlink, "app", "/etc")], "outside"),
        made(
            &[(EntryType::Link, "app/key", "../ledger.key")],
            "has a step .. in it",
        ),
        made(
            &[(EntryType::Link, "app/key", "/etc/passwd")],
            "is an absolute path",
        ),
        made(&[(EntryType::Char, "app/null", "")], "is neither a file"),
        made(&[(EntryType::Fifo, "app/pipe", "")], "is neither a file"),
        made(
            &[
                (EntryType::GNULongName, "././@LongLink", &long),
                (regular, "app/x", ""),
            ],
            "too large",
        ),
        made(
            &[(regular, "app/x", ""), (regular, "app/x", "")],
            "is there twice",
        ),
    ]
}

#[test]
fn what_must_not_be_taken_leaves_nothing() {
    let environment = slugline_tests::with_app(None);
    let _serving = environment.serve();
    let (api, nobody) = (environment.api(), nobody(&environment));
    // What a first request makes once and for all.
    let (_, put) = announced(&environment, "myapp", &json!({}));
    let _ = nobody.send("PUT", &put, "x").is(422);
    let before = stored(&environment);
    for (sent, expected) in hostile() {
        let (id, put) = announced(&environment, "myapp", &json!({}));
        let refused = nobody.send("PUT", &put, &sent).is(422);
        assert!(refused.body.contains(expected), "{expected}: {refused}");
        let _ = nobody.send("PUT", &put, &sent).is(404);
        let info = api.get(&format!("/apps/myapp/slugs/{id}")).is(200).json();
        assert_eq!(info["blob"]["url"], Value::Null);
        let ended = built(&environment, &sent, &json!({}));
        assert!(ended.contains(expected), "{expected}: {ended}");
        assert_eq!(stored(&environment), before, "{expected}");
    }
    let elsewhere = tarball(&[(EntryType::Regular, "x", "")]);
    let good = tarball(&[(EntryType::Regular, "app/x", "")]);
    let wrong = format!("sha256:{}", "0".repeat(64));
    for (said, sent, expected) in [
        (json!({}), &elsewhere, "no folder ./app"),
        (
            json!({"process_types": {"web": "a\nb: c"}}),
            &good,
            "is one line",
        ),
        (
            json!({"process_types": {"../x": "y"}}),
            &good,
            "is not a process type",
        ),
        (json!({"checksum": wrong}), &good, "not what was announced"),
    ] {
        let (_, put) = announced(&environment, "myapp", &said);
        let refused = nobody.send("PUT", &put, sent).is(422);
        assert!(refused.body.contains(expected), "{expected}: {refused}");
    }
    let ended = built(&environment, &good, &json!({"checksum": wrong}));
    assert!(ended.contains("not what was announced"), "{ended}");
    for checksum in ["SHA256:", "abc", "MD5:00"] {
        let bad = json!({"checksum": checksum});
        let _ = api.json("POST", "/apps/myapp/slugs", &bad).is(422);
    }
    too_large(&environment);
    from_inside(&environment);
    assert_eq!(stored(&environment), before);
    let releases = api.get("/apps/myapp/releases").is(200).json();
    assert_eq!(releases, json!([]));
}

/// Sends source, builds it, and answers what the build has written once it has failed.
fn built(environment: &TestEnvironment, sent: &[u8], said: &Value) -> String {
    let api = environment.api();
    let source = api
        .json("POST", "/apps/myapp/sources", &json!({}))
        .is(201)
        .json();
    let put = path(environment, &source["source_blob"]["put_url"]);
    let _ = nobody(environment).send("PUT", &put, sent).is(200);
    let mut blob = said.clone();
    blob["url"] = source["source_blob"]["get_url"].clone();
    fails(environment, &json!({"source_blob": blob}))
}

/// Has a build fail, and answers what it has written.
#[track_caller]
fn fails(environment: &TestEnvironment, build: &Value) -> String {
    let api = environment.api();
    let begun = api.json("POST", "/apps/myapp/builds", build).is(201).json();
    let output = path(environment, &begun["output_stream_url"]);
    let output = nobody(environment).get(&output).is(200).body;
    let id = begun["id"].as_str().expect("it has an id");
    let ended = api.get(&format!("/apps/myapp/builds/{id}")).is(200).json();
    assert_eq!(
        (&ended["status"], &ended["release"]),
        (&json!("failed"), &Value::Null)
    );
    output
}

/// A body that says that it is larger than what is taken is not read.
fn too_large(environment: &TestEnvironment) {
    let (_, put) = announced(environment, "myapp", &json!({}));
    let address = environment.api_url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).expect("it listens");
    let length: u64 = (1 << 30) + 1;
    let head = format!("PUT {put} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut buffer = [0; 1000];
    let read = stream.read(&mut buffer).expect("it speaks");
    let said = String::from_utf8_lossy(&buffer[..read]);
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

/// Nothing is fetched from this machine or a private network, however its address is written; nor from what is
/// no web server.
fn from_inside(environment: &TestEnvironment) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    listener.set_nonblocking(true).expect("it is a socket");
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/code.tgz?key=k3y");
        let said = fails(environment, &json!({"source_blob": {"url": url}}));
        assert!(said.contains("address not allowed"), "{host}: {said}");
        assert!(!said.contains("k3y"), "{said}");
    }
    let seen = listener.accept().map_err(|error| error.kind());
    assert_eq!(seen.err(), Some(std::io::ErrorKind::WouldBlock));
    for url in [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "http://",
        "/etc/passwd",
        "",
    ] {
        let build = json!({"source_blob": {"url": url}});
        let _ = environment
            .api()
            .json("POST", "/apps/myapp/builds", &build)
            .is(422);
    }
}

/// The digest of these bytes, as a checksum is written.
fn digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("SHA256:{}", hex.collect::<String>())
}

/// A web server that sends these bytes again and again, for as long as somebody takes them.
fn trickling() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes());
                while sent.is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                    sent = stream.write_all(b"x");
                }
            });
        }
    });
    format!("http://{address}/code.tgz")
}

#[test]
fn source_becomes_a_release() {
    let environment = slugline_tests::with_app(Some("releases:advanced"));
    let caller = environment.caller().with("SLUGLINE_SOURCES", "any");
    let caller = caller.with("SLUGLINE_WEBHOOKS", "any");
    let serving = caller.serve();
    let (api, nobody) = (environment.api(), nobody(&environment));
    let hook = json!({"include": ["api:build"], "level": "notify", "url": "http://127.0.0.1:9/"});
    let _ = api.json("POST", "/apps/myapp/webhooks", &hook).is(201);
    let (gate, port) = gate();
    let procfile = format!(
        "release: echo begun; exec 3<>/dev/tcp/127.0.0.1/{port}; read -r word <&3; echo ended\n"
    );
    let code = tarball(&[(EntryType::Regular, "Procfile", &procfile)]);
    let source = api.json("POST", "/sources", &json!({})).is(201).json();
    let put = path(&environment, &source["source_blob"]["put_url"]);
    let _ = nobody.send("PUT", &put, &code).is(200);
    let digest = digest(&code);
    let build = json!({"source_blob": {
        "url": source["source_blob"]["get_url"], "checksum": digest,
        "version": "575bfa8", "version_description": "the first"}});
    let begun = api
        .json("POST", "/apps/myapp/builds", &build)
        .is(201)
        .json();
    assert_eq!(
        (
            &begun["status"],
            &begun["source_blob"]["version"],
            &begun["source_blob"]["url"]
        ),
        (&json!("pending"), &json!("575bfa8"), &Value::Null)
    );
    let of_build = format!(
        "/apps/myapp/builds/{}",
        begun["id"].as_str().unwrap_or_default()
    );
    let output = path(&environment, &begun["output_stream_url"]);
    let mut reading = Reading::of(&environment, &output);
    reading.until("       begun\n");
    assert!(!reading.said.contains("ended"), "{}", reading.said);
    // It is being released: it is too late.
    let late = api.send("DELETE", &of_build, "").is(422);
    assert!(late.body.contains("being released already"), "{late}");
    let running = api.get(&format!("{of_build}/result")).is(200).json();
    assert_eq!(
        (&running["exit_code"], &running["build"]["status"]),
        (&Value::Null, &json!("pending"))
    );
    open_gate(&gate);
    assert!(reading.rest().contains("       ended\n"));
    let ended = api.get(&of_build).is(200).json();
    let release = api.get("/apps/myapp/releases/1").is(200).json();
    assert_eq!(ended["status"], "succeeded");
    assert_eq!(ended["release"]["id"], release["id"]);
    assert_eq!(ended["slug"]["id"], release["slug"]["id"]);
    assert_eq!(release["description"], "Deploy 575bfa8");
    is_kept(&api, &of_build, &release, &nobody.get(&output).is(200).body);
    is_told(&api, ended);
    again(&environment, &build);
    ends(&environment, &caller, serving);
}

/// What a build wrote is there afterwards, and what it made.
fn is_kept(api: &ApiClient, of_build: &str, release: &Value, kept: &str) {
    let slug = format!(
        "/apps/myapp/slugs/{}",
        release["slug"]["id"].as_str().unwrap_or_default()
    );
    let slug = api.get(&slug).is(200).json();
    assert_eq!(slug["buildpack_provided_description"], "Procfile");
    insta::assert_snapshot!(kept.replace(&format!("{}B", slug["size"]), "SIZE"), @r"
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> release
    -----> Compiled slug size is SIZE
    -----> Running release command...
           begun
           ended
    -----> Launching...
           done, v1
           myapp deployed to Slugline
    ");
    let result = api.get(&format!("{of_build}/result")).is(200).json();
    let lines = result["lines"].as_array().expect("a list");
    let lines: String = lines
        .iter()
        .filter_map(|line| line["line"].as_str())
        .collect();
    assert_eq!((&*lines, &result["exit_code"]), (kept, &json!(0)));
}

/// A webhook is told of a build that has ended: that it began, and how it ended.
fn is_told(api: &ApiClient, mut ended: Value) {
    let told = api.get("/apps/myapp/webhook-events").is(200).json();
    assert_eq!(of_builds(&told), ["create pending", "update succeeded"]);
    let payload = |number: usize| &told[number]["payload"];
    assert_eq!(payload(0)["data"]["id"], ended["id"]);
    assert_eq!(payload(1)["previous_data"], json!({"status": "pending"}));
    // An address is signed for the token that it is told to: whoever is told of it here has none.
    ended["output_stream_url"] = Value::Null;
    assert_eq!(payload(1)["data"], ended);
}

/// What webhooks are told of builds, in order.
fn of_builds(events: &Value) -> Vec<String> {
    let one = |event: &Value| {
        let told = &event["payload"];
        assert_eq!(told["resource"], "build");
        let (action, status) = (told["action"].as_str(), told["data"]["status"].as_str());
        format!(
            "{} {}",
            action.unwrap_or_default(),
            status.unwrap_or_default()
        )
    };
    events.as_array().into_iter().flatten().map(one).collect()
}

/// What runs already is not released again; and no buildpack can be asked for.
fn again(environment: &TestEnvironment, build: &Value) {
    let api = environment.api();
    let same = api.json("POST", "/apps/myapp/builds", build).is(201).json();
    let same = path(environment, &same["output_stream_url"]);
    assert_eq!(
        nobody(environment).get(&same).is(200).body,
        "v1 runs 575bfa8 already.\n"
    );
    let asked =
        json!({"source_blob": build["source_blob"], "buildpacks": [{"name": "heroku/ruby"}]});
    let _ = api.json("POST", "/apps/myapp/builds", &asked).is(422);
}

/// A build is ended by whoever asked for it, and with the daemon.
fn ends(environment: &TestEnvironment, caller: &Caller<'_>, serving: Serving<'_>) {
    let api = environment.api();
    let endless = json!({"source_blob": {"url": trickling()}});
    let begin = || {
        let begun = api
            .json("POST", "/apps/myapp/builds", &endless)
            .is(201)
            .json();
        format!(
            "/apps/myapp/builds/{}",
            begun["id"].as_str().unwrap_or_default()
        )
    };
    let first = begin();
    let cancelled = api.send("DELETE", &first, "").is(200).json();
    assert_eq!(cancelled["status"], "failed");
    let _ = api.send("DELETE", &first, "").is(200);
    let result = api.get(&format!("{first}/result")).is(200).json();
    let last = result["lines"].as_array().and_then(|lines| lines.last());
    assert_eq!(
        last.map(|line| &line["line"]),
        Some(&json!(" !     The build was cancelled.\n"))
    );
    let builds: Vec<_> = (0..8).map(|_| begin()).collect();
    let one_more = api.json("POST", "/apps/myapp/builds", &endless).is(503);
    assert!(one_more.body.contains("8 builds run already"), "{one_more}");
    let before = stored(environment);
    drop(serving);
    let _serving = caller.serve();
    let api = environment.api();
    for build in &builds {
        let ended = api.get(build).is(200).json();
        assert_eq!(ended["status"], "failed");
    }
    assert_eq!(stored(environment), before);
    let all = api.get("/apps/myapp/builds").is(200).json();
    assert_eq!(all.as_array().map(Vec::len), Some(11));
    // That the daemon ended them is told as well: of each build its beginning and its end, once.
    let told = of_builds(&api.get("/apps/myapp/webhook-events").is(200).json());
    let count = |what: &str| told.iter().filter(|it| *it == what).count();
    assert_eq!((count("create pending"), told.len()), (11, 22));
    assert_eq!((count("update succeeded"), count("update failed")), (2, 9));
    let part = api.with("Range", "created_at ..; max=2, order=desc");
    assert_eq!(
        part.get("/apps/myapp/builds")
            .is(206)
            .json()
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let _ = environment
        .run(["apps:destroy", "--confirm", "myapp"])
        .success();
    let _ = environment.run(["apps:create", "myapp"]).success();
    assert_eq!(api.get("/apps/myapp/builds").is(200).json(), json!([]));
}
