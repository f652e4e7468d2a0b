//! Code through the API: what release commands write, slugs, sources and builds; and what is tried with them
//! that must not be.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use serde_json::{Value, json};
use slugline_testkit::environment::{ApiClient, TestEnvironment, wait_until};
use slugline_tests::deploy;

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

/// Lets in who waits at a gate.
fn open_gate(gate: &TcpListener) {
    let (mut waiting, _) = gate.accept().expect("somebody waits");
    waiting.write_all(b"go\n").expect("it reads");
}

#[test]
fn what_a_release_command_writes_is_read_while_it_runs_and_afterwards() {
    let environment = slugline_tests::with_app(Some("releases:advanced"));
    let gate = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = gate.local_addr().expect("it is bound").port();
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
