//! The line that each request leaves in its app's log. It must not know how lines are written.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::header::HeaderValue;
use hyper::http::uri::PathAndQuery;

use super::failure::Failure;
use super::journal::Journal;
use super::route::{Request, Route};
use super::target::Target;
use super::wire::Serving;

/// What is known of a request. When it is dropped, its line is on its way: also where a client went
/// away and the work for it was given up.
pub(super) struct Record {
    facts: Facts,
    /// Counts among the app's requests as long as this.
    request: Request,
    journal: Journal,
    /// The connection of the client is busy as long as this.
    _serving: Serving,
}

/// What the line says.
#[derive(Clone, Default)]
pub(super) struct Facts {
    pub(super) method: Method,
    pub(super) path: Option<PathAndQuery>,
    pub(super) host: String,
    pub(super) request_id: Option<HeaderValue>,
    pub(super) forwarded_for: Option<HeaderValue>,
    pub(super) secure: bool,
    pub(super) target: Option<Arc<Target>>,
    /// How long it took to get a connection to it.
    pub(super) connect: Option<Duration>,
    /// When the request was sent to it.
    pub(super) sent: Option<Instant>,
    /// From there to the end of the answer.
    pub(super) service: Option<Duration>,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) failure: Option<Failure>,
    /// The client has got all of it.
    pub(super) complete: bool,
}

impl Record {
    pub(super) fn new(
        facts: Facts,
        request: Request,
        serving: Serving,
        journal: Journal,
    ) -> Box<Self> {
        Box::new(Self {
            facts,
            request,
            journal,
            _serving: serving,
        })
    }

    /// The first failure is the one that counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        if self.facts.failure.is_none() {
            self.facts.failure = Some(failure);
            self.facts.status = failure.status();
        }
    }

    pub(super) fn route(&self) -> &Route {
        self.request.route()
    }
}

impl std::ops::Deref for Record {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl std::ops::DerefMut for Record {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.facts.complete {
            self.fail(Failure::ClientInterrupted);
        }
        self.facts.service = self.facts.sent.map(|sent| sent.elapsed());
        let facts = std::mem::take(&mut self.facts);
        let code = facts.failure.map(Failure::code);
        let traffic = self.request.route().traffic();
        traffic.count(facts.status, code, facts.service);
        self.journal.note(self.request.route().log(), facts);
    }
}

impl Facts {
    /// The line, without time and source.
    pub(super) fn line(&self) -> String {
        let mut line = String::with_capacity(256);
        // Writing to a string does not fail.
        let _ = self.write(&mut line);
        line
    }

    fn write(&self, line: &mut String) -> std::fmt::Result {
        match self.failure {
            None => line.push_str("at=info"),
            Some(failure) => write!(
                line,
                "at={} code={} desc=\"{}\"",
                failure.level(),
                failure.code(),
                failure.description()
            )?,
        }
        write!(line, " method={}", self.method)?;
        text(
            line,
            " path=",
            self.path.as_ref().map_or("/", |path| path.as_str()),
        );
        line.push_str(" host=");
        line.extend(
            self.host
                .chars()
                .map(|it| if is_plain(it) { it } else { '?' }),
        );
        line.push_str(" request_id=");
        line.push_str(as_text(self.request_id.as_ref()));
        text(line, " fwd=", as_text(self.forwarded_for.as_ref()));
        line.push_str(" process=");
        line.push_str(self.target.as_ref().map_or("", |target| target.process()));
        millis(line, " connect=", self.connect)?;
        millis(line, " service=", self.service)?;
        let protocol = if self.secure { "https" } else { "http" };
        write!(
            line,
            " status={} bytes={} protocol={protocol}",
            self.status, self.bytes
        )
    }
}

fn as_text(value: Option<&HeaderValue>) -> &str {
    value.and_then(|it| it.to_str().ok()).unwrap_or_default()
}

/// What can stand in a line without quotation marks.
fn is_plain(it: char) -> bool {
    it.is_ascii_graphic() && it != '"'
}

/// In quotation marks; none within, and nothing that would end the line.
fn text(line: &mut String, name: &str, value: &str) {
    line.extend([name, "\""]);
    for it in value.chars() {
        match it {
            '"' => line.push('\''),
            it if it.is_control() => line.push('?'),
            it => line.push(it),
        }
    }
    line.push('"');
}

fn millis(line: &mut String, name: &str, time: Option<Duration>) -> std::fmt::Result {
    line.push_str(name);
    match time {
        Some(time) => write!(line, "{}ms", time.as_millis()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            path: Some(PathAndQuery::from_static("/x?y=1")),
            host: "myapp.localhost:8080".into(),
            request_id: Some(HeaderValue::from_static("0123")),
            forwarded_for: Some(HeaderValue::from_static("1.2.3.4, 127.0.0.1")),
            status: 200,
            bytes: 13,
            ..Facts::default()
        }
    }

    #[test]
    fn a_line_has_the_names_that_tools_know() {
        let answered = Facts {
            connect: Some(Duration::from_micros(1900)),
            service: Some(Duration::from_millis(7)),
            ..facts()
        };
        assert_eq!(
            answered.line(),
            "at=info method=GET path=\"/x?y=1\" host=myapp.localhost:8080 request_id=0123 \
             fwd=\"1.2.3.4, 127.0.0.1\" process= connect=1ms service=7ms status=200 bytes=13 \
             protocol=http"
        );
        let failed = Facts {
            failure: Some(Failure::RequestTimeout),
            method: Method::POST,
            secure: true,
            status: 503,
            bytes: 0,
            ..facts()
        };
        assert_eq!(
            failed.line(),
            "at=error code=H12 desc=\"Request timeout\" method=POST path=\"/x?y=1\" \
             host=myapp.localhost:8080 request_id=0123 fwd=\"1.2.3.4, 127.0.0.1\" process= connect= \
             service= status=503 bytes=0 protocol=https"
        );
    }

    #[test]
    fn nobody_writes_lines_of_his_own() {
        let line = Facts {
            host: "a b\"\r\nat=info".into(),
            forwarded_for: Some(HeaderValue::from_static("1\" at=error")),
            ..facts()
        };
        let line = line.line();
        assert!(line.contains(" host=a?b???at=info request_id"), "{line}");
        assert!(line.contains(" fwd=\"1' at=error\" "), "{line}");
    }
}
