//! A client of the HTTP API of a test's own daemon. It must not know any route.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use super::{Caller, PATIENCE, TestEnvironment};

/// A daemon in the foreground, until it is dropped.
#[must_use = "it ends when it is dropped"]
pub struct Serving<'a> {
    environment: &'a TestEnvironment,
    child: Child,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let stopped = self.environment.run(["serve", "--stop"]);
        if stopped.status == 0 {
            let _ = self.child.wait();
        }
    }
}

/// Starts a daemon, and waits until it serves. Answers it with what it has said, and says from then on.
///
/// # Panics
/// Where it does not.
pub fn serving(command: &mut Command) -> (Child, String, BufReader<ChildStderr>) {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the daemon can be started");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut said = String::new();
    while !said.contains("The API is at") {
        let read = lines.read_line(&mut said).expect("it speaks");
        assert!(read > 0, "it ended: {said}");
    }
    (child, said, lines)
}

/// Somebody with a token.
pub struct ApiClient {
    agent: ureq::Agent,
    url: String,
    headers: BTreeMap<String, String>,
}

/// What was answered. Shown with [`std::fmt::Display`], it is the status and the body.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Itself, since this is its status.
    ///
    /// # Panics
    /// Where it is not.
    #[must_use]
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl<'a> Caller<'a> {
    /// Starts the daemon with these variables, and waits until the API listens.
    ///
    /// # Panics
    /// Where it does not.
    pub fn serve(&self) -> Serving<'a> {
        let mut command = self.command("slugline");
        command.arg("serve");
        let (child, _, mut lines) = serving(&mut command);
        // It goes on to speak, to nobody.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Serving {
            environment: self.environment,
            child,
        }
    }
}

impl TestEnvironment {
    /// Starts the daemon, and waits until the API listens.
    ///
    /// # Panics
    /// Where it does not.
    pub fn serve(&self) -> Serving<'_> {
        self.caller().serve()
    }

    /// `serve` as a service manager runs it: the socket is passed to it.
    ///
    /// # Panics
    /// Where the socket cannot be shared.
    #[must_use]
    pub fn activated(&self, socket: &TcpListener) -> Command {
        let passed = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 \
                      LISTEN_FDNAMES=http; exec \"$0\" serve";
        let mut command = self.caller().command("sh");
        let socket = socket.try_clone().expect("it is open");
        command
            .args(["-c", passed])
            .arg(self.caller().command("slugline").get_program())
            .stdin(OwnedFd::from(socket));
        command
    }

    /// The address of the API.
    ///
    /// # Panics
    /// Where `slugline serve` does not run.
    #[must_use]
    pub fn api_url(&self) -> String {
        let status = self.run(["status", "--json"]).success().json();
        let url = status["api"].as_str().expect("the API listens");
        url.to_owned()
    }

    /// A token made with these words more.
    #[must_use]
    pub fn token(&self, words: &[&str]) -> String {
        let words = ["tokens:create"].iter().chain(words);
        let made = self.caller().without("SLUGLINE_APP").run(words).success();
        made.stdout.trim().to_owned()
    }

    /// A client with a token that is for everything.
    #[must_use]
    pub fn api(&self) -> ApiClient {
        self.api_with(&self.token(&[]))
    }

    /// A client with this token.
    #[must_use]
    pub fn api_with(&self, token: &str) -> ApiClient {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        let accept = "application/vnd.heroku+json; version=3".to_owned();
        ApiClient {
            agent,
            url: self.api_url(),
            headers: [
                ("Accept".to_owned(), accept),
                ("Authorization".to_owned(), format!("Bearer {token}")),
            ]
            .into(),
        }
    }
}

impl ApiClient {
    /// The same with another header.
    #[must_use]
    pub fn with(&self, header: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(header.to_owned(), value.to_owned());
        Self {
            agent: self.agent.clone(),
            url: self.url.clone(),
            headers,
        }
    }

    /// The same without that header.
    #[must_use]
    pub fn without(&self, header: &str) -> Self {
        let mut client = self.with(header, "");
        client.headers.remove(header);
        client
    }

    /// Asks with these bytes as the body.
    ///
    /// # Panics
    /// Where nothing answers.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body.as_ref()).expect("a request");
        let mut response = self.agent.run(request).expect("the API answers");
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: response
                .body_mut()
                .read_to_string()
                .expect("a body of text"),
        }
    }

    /// Reads.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    /// Sends JSON.
    #[track_caller]
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, body.to_string())
    }
}
