//! The service of a Heroku partner, small and real: it follows the partner API of version 1 or 3, and
//! misbehaves where it is told to. It must not know Slugline.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and fails by panicking"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// `acme-primes:s3cret`, as it comes in `Authorization`.
const BASIC: &str = "Basic YWNtZS1wcmltZXM6czNjcmV0";
const PATIENCE: Duration = Duration::from_secs(30);

/// What it does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// What it should.
    Good,
    /// This status and this body, and nothing else.
    Say(u16, String),
    /// Answers 202, then calls back.
    Later(Back),
    /// Calls back before it has answered 202.
    Early,
    /// What it should, once it is told to go on.
    Slow,
    /// Takes the request, and never answers.
    Hang,
    /// Hangs up without doing anything.
    Reset,
    /// Does it, and hangs up before it has answered.
    LoseAnswer,
    /// Leads elsewhere.
    Redirect(String),
    /// Makes another resource each time.
    Forgetful,
}

/// How it calls back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    Rightly,
    Never,
    /// With a token or a password of its own making; then rightly.
    WrongFirst,
    /// Everything twice.
    Twice,
    /// With a config var that its manifest does not have.
    Unpromised,
    /// To say that it cannot.
    GivesUp,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) line: String,
    pub(crate) accept: String,
    pub(crate) body: Json,
}

#[derive(Default)]
struct Shared {
    three: bool,
    port: u16,
    moods: Mutex<VecDeque<Mood>>,
    calls: Mutex<Vec<Call>>,
    /// Ids by uuid.
    resources: Mutex<BTreeMap<String, String>>,
    made: Mutex<usize>,
    held: Mutex<Vec<TcpStream>>,
    go_on: (Mutex<bool>, Condvar),
    /// What it was answered when it called back.
    answers: (Mutex<Vec<u16>>, Condvar),
}

/// A running service.
#[derive(Clone)]
pub(crate) struct Vendor(Arc<Shared>);

impl Vendor {
    /// Of version 1 or 3.
    pub(crate) fn start(version: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            three: version == 3,
            port: listener.local_addr().unwrap().port(),
            ..Shared::default()
        });
        let vendor = Self(Arc::clone(&shared));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(connection));
            }
        });
        vendor
    }

    /// Its add-on manifest, with its own URL for production and for tests.
    pub(crate) fn manifest(&self) -> String {
        let port = self.0.port;
        let url = format!("http://127.0.0.1:{port}/heroku/resources");
        let place = json!({ "base_url": url, "sso_url": format!("http://127.0.0.1:{port}/sso") });
        let mut manifest = json!({ "id": "acme-primes", "api": {
            "config_vars": ["ACME_PRIMES_URL"], "password": "s3cret", "sso_salt": "s4lt",
            "regions": ["us"], "production": place, "test": place } });
        if self.0.three {
            manifest["api"]["version"] = "3".into();
        }
        serde_json::to_string_pretty(&manifest).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    /// What it does with the next requests, one after the other; then it is good.
    pub(crate) fn moods(&self, moods: impl IntoIterator<Item = Mood>) {
        self.0.moods.lock().unwrap().extend(moods);
    }

    /// The requests so far, and forgets them.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.calls.lock().unwrap())
    }

    /// Their first lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.line).collect()
    }

    /// How many resources it has.
    pub(crate) fn count(&self) -> usize {
        self.0.resources.lock().unwrap().len()
    }

    /// Lets what is slow go on.
    pub(crate) fn go_on(&self) {
        *self.0.go_on.0.lock().unwrap() = true;
        self.0.go_on.1.notify_all();
    }

    /// What it was answered when it called back, once there are so many answers.
    pub(crate) fn answers(&self, count: usize) -> Vec<u16> {
        let (answers, more) = &self.0.answers;
        let waiting =
            more.wait_timeout_while(answers.lock().unwrap(), PATIENCE, |all| all.len() < count);
        waiting.unwrap().0.clone()
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) {
        let Some((call, authorization)) = read(&connection) else {
            return;
        };
        let mood = self.moods.lock().unwrap().pop_front();
        let mood = mood.unwrap_or(Mood::Good);
        let known = authorization == BASIC;
        self.calls.lock().unwrap().push(call.clone());
        let (status, body) = match &mood {
            _ if !known => (401, "{}".to_owned()),
            Mood::Say(status, body) => (*status, body.clone()),
            Mood::Hang => return self.held.lock().unwrap().push(connection),
            Mood::Reset => return,
            Mood::Redirect(to) => {
                let head =
                    format!("HTTP/1.1 307 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                return connection.write_all(head.as_bytes()).unwrap();
            }
            Mood::Slow => {
                let (gone_on, more) = &self.go_on;
                let waiting = more.wait_timeout_while(gone_on.lock().unwrap(), PATIENCE, |it| !*it);
                drop(waiting.unwrap());
                self.good(&call, &mood)
            }
            Mood::Early => {
                self.call_back(&call.body, Back::Rightly);
                self.good(&call, &Mood::Later(Back::Rightly))
            }
            mood => self.good(&call, mood),
        };
        if matches!(mood, Mood::LoseAnswer) {
            return;
        }
        // Who hangs up wants no answer.
        let _ = connection.write_all(
            format!(
                "HTTP/1.1 {status} It\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        drop(connection);
        if let Mood::Later(how) = mood {
            self.call_back(&call.body, how);
        }
    }

    /// What it should do.
    fn good(&self, call: &Call, mood: &Mood) -> (u16, String) {
        let mut resources = self.resources.lock().unwrap();
        let (method, path) = call.line.split_once(' ').unwrap();
        let of = path.strip_prefix("/heroku/resources/");
        let known = resources.values().any(|id| Some(id.as_str()) == of);
        match method {
            "POST" => {
                let uuid = call.body["uuid"].as_str().unwrap().to_owned();
                let plan = call.body["plan"].as_str().unwrap();
                let mut made = self.made.lock().unwrap();
                let fresh = format!("acme-{}", *made + 1);
                let id = match resources.get(&uuid) {
                    Some(id) if !matches!(mood, Mood::Forgetful) => id.clone(),
                    _ => {
                        *made += 1;
                        resources.insert(uuid, fresh.clone());
                        fresh
                    }
                };
                if matches!(mood, Mood::Later(_)) {
                    let answer = json!({ "id": id, "message": "It is being made." });
                    return (202, answer.to_string());
                }
                let url = format!("https://primes.example.com/{id}/{plan}");
                let answer = json!({ "id": id, "config": { "ACME_PRIMES_URL": url },
                    "message": "Your primes are ready.", "unknown": { "to": ["all"] } });
                (200, answer.to_string())
            }
            "PUT" if known => {
                let plan = call.body["plan"].as_str().unwrap();
                let answer = json!({ "message": format!("You are on {plan} now."), "config": {
                    "ACME_PRIMES_URL": format!("https://primes.example.com/{}/{plan}", of.unwrap()) } });
                (200, answer.to_string())
            }
            "DELETE" if known => {
                resources.retain(|_, id| Some(id.as_str()) != of);
                match self.three {
                    true => (204, String::new()),
                    false => (200, "{}".to_owned()),
                }
            }
            _ => (410, "{}".to_owned()),
        }
    }

    fn call_back(&self, asked: &Json, how: Back) {
        let url = asked["callback_url"].as_str().unwrap();
        let var = match how {
            Back::Unpromised => "ACME_PRIMES_TOKEN",
            _ => "ACME_PRIMES_URL",
        };
        let times = if how == Back::Twice { 2 } else { 1 };
        if how == Back::Never {
            return;
        }
        if !self.three {
            let body = json!({ "config": { var: "https://primes.example.com/later" } });
            if how == Back::WrongFirst {
                self.tell("PUT", url, "Basic bm9ib2R5", &body.to_string());
            }
            for _ in 0..times {
                self.tell("PUT", url, BASIC, &body.to_string());
            }
            return;
        }
        let root = url.split("/addons/").next().unwrap();
        let code = asked["oauth_grant"]["code"].as_str().unwrap();
        let mut bearer = String::new();
        for _ in 0..times {
            let form = format!("grant_type=authorization_code&code={code}&client_secret=x");
            let token = self.tell("POST", &format!("{root}/oauth/token"), "", &form);
            if let Some(token) = token["access_token"].as_str() {
                bearer = format!("Bearer {token}");
            }
        }
        let config = json!({ "config": [
            { "name": var, "value": "https://primes.example.com/later" }] })
        .to_string();
        if how == Back::WrongFirst {
            let form = "grant_type=authorization_code&code=guessed";
            self.tell("POST", &format!("{root}/oauth/token"), "", form);
            self.tell("PATCH", &format!("{url}/config"), "Bearer guessed", &config);
        }
        if how == Back::GivesUp {
            self.tell("POST", &format!("{url}/actions/deprovision"), &bearer, "");
            return;
        }
        for _ in 0..times {
            self.tell("PATCH", &format!("{url}/config"), &bearer, &config);
        }
        for _ in 0..times {
            self.tell("POST", &format!("{url}/actions/provision"), &bearer, "");
        }
    }

    /// Sends a request, in chunks if it is a PATCH, and keeps the status; 0 where nobody listens.
    fn tell(&self, method: &str, url: &str, authorization: &str, body: &str) -> Json {
        let (status, json) = send(method, url, authorization, body).unwrap_or((0, Json::Null));
        self.answers.0.lock().unwrap().push(status);
        self.answers.1.notify_all();
        json
    }
}

/// Sends a request to this machine.
pub(crate) fn send(
    method: &str,
    url: &str,
    authorization: &str,
    body: &str,
) -> Option<(u16, Json)> {
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut connection = TcpStream::connect(address).ok()?;
    let framed = match method {
        "PATCH" => {
            let size = body.len();
            format!("transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n")
        }
        _ => format!("content-length: {}\r\n\r\n{body}", body.len()),
    };
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n{framed}"
    );
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}

/// Reads a request, and what stands in its `Authorization`.
fn read(connection: &TcpStream) -> Option<(Call, String)> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let length = header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let call = Call {
        line,
        accept: header("accept"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    Some((call, header("authorization")))
}
