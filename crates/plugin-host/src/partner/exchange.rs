//! One call of the vendor's service, with its times and its repetitions. A redirect is not followed:
//! it would take the vendor's password elsewhere. No URL, header or body is in an error. It must not
//! know what is asked.

use std::io::ErrorKind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use ureq::Agent;
use ureq::http::Request;

use crate::process::Deadline;
use crate::settings::PartnerSettings;
use crate::words::{complaint, one_line, reason, spoken};

use super::manifest::{AddonManifest, Base, Version};

/// What an id may hold that means something in a URL.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// An answer may have so many bytes.
const ANSWER: u64 = 1 << 20;
/// A call is made so often at most.
const TRIES: u32 = 4;
/// What is left for the thread of a call to say that its time is over.
const GRACE: Duration = Duration::from_millis(500);

/// The vendor's service.
pub(super) struct Vendor<'a> {
    pub(super) base: &'a Base,
    pub(super) manifest: &'a AddonManifest,
    pub(super) times: &'a PartnerSettings,
    /// Whether a wrong password is sent, to see whether it is refused.
    pub(super) impostor: bool,
    /// Tells a person one line.
    pub(super) say: &'a dyn Fn(&str),
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    /// The vendor's id of a resource.
    pub(super) of: Option<&'a str>,
    pub(super) body: Option<&'a Json>,
}

/// What came of it.
pub(super) enum Answer {
    /// The vendor did it: a 2xx status, and the JSON, or null where there is none.
    Done { status: u16, json: Json },
    /// It refused, with its words.
    Refused(String),
    /// It answered 404 or 410.
    Unknown(u16),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) what: String,
    /// Whether it may have been done nevertheless.
    pub(super) perhaps: bool,
    /// Whether the vendor did not take the password.
    pub(super) stranger: bool,
}

/// How one try went wrong.
pub(super) struct Trouble {
    what: String,
    again: bool,
    perhaps: bool,
    stranger: bool,
}

/// A status and a body.
type Heard = Result<(u16, Vec<u8>), Trouble>;

impl Vendor<'_> {
    /// Asks until there is an answer, until it makes no sense, or until the deadline.
    pub(super) fn ask(&self, ask: Ask<'_>, deadline: &Deadline) -> Result<Answer, Failed> {
        let (mut perhaps, mut pause) = (false, self.times.pause);
        let mut tried = 1;
        loop {
            let heard = self.once(ask, deadline).and_then(|(status, body)| {
                understood(status, &body).map_err(|trouble| self.named(trouble))
            });
            let trouble = match heard {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            perhaps |= trouble.perhaps;
            if !trouble.again || tried == TRIES || deadline.left() <= pause {
                let often = match tried {
                    1 => String::new(),
                    tried => format!(", asked {tried} times"),
                };
                let what = format!("{}{often}", trouble.what);
                let stranger = trouble.stranger;
                return Err(Failed {
                    what,
                    perhaps,
                    stranger,
                });
            }
            std::thread::sleep(pause);
            pause *= 2;
            tried += 1;
        }
    }

    fn named(&self, trouble: Trouble) -> Trouble {
        let what = format!("{} {}", self.base.host, trouble.what);
        Trouble { what, ..trouble }
    }

    /// Asks once, in a thread of its own: a person is told after a while that the vendor is slow.
    fn once(&self, ask: Ask<'_>, deadline: &Deadline) -> Heard {
        let time = self.times.call.min(deadline.left());
        let request = self.request(ask);
        let request = request.map_err(|what| self.named(fatal(what)))?;
        let (sender, heard) = channel();
        std::thread::spawn(move || sender.send(run(request, time)));
        let host = &self.base.host;
        let slow = self.times.slow.min(time);
        let told = match heard.recv_timeout(slow) {
            Err(RecvTimeoutError::Timeout) if slow < time => {
                (self.say)(&format!(
                    "{host} has not answered for {}; it has {} in all",
                    spoken(slow),
                    spoken(self.times.call)
                ));
                heard.recv_timeout(time - slow + GRACE)
            }
            Err(RecvTimeoutError::Timeout) => heard.recv_timeout(GRACE),
            told => told,
        };
        let late = || Trouble {
            what: format!("did not answer within {}", spoken(time_of(time))),
            again: true,
            perhaps: true,
            stranger: false,
        };
        let told = told.unwrap_or_else(|_| Err(late()));
        told.map_err(|trouble| self.named(trouble))
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Vec<u8>>, String> {
        let mut url = self.base.url.clone();
        if let Some(id) = ask.of {
            url.push('/');
            url.extend(utf8_percent_encode(id, &RESERVED));
        }
        let mut request = Request::builder()
            .method(ask.method)
            .uri(url)
            .header("authorization", basic(self.manifest, self.impostor))
            .header("accept", accept(self.manifest.version));
        let mut body = Vec::new();
        if let Some(json) = ask.body {
            request = request.header("content-type", "application/json");
            body = json.to_string().into_bytes();
        }
        request
            .body(body)
            .map_err(|_| "cannot be asked like this".to_owned())
    }
}

/// Whole milliseconds, as people read them.
fn time_of(time: Duration) -> Duration {
    let tenths = (time.as_millis() + 50) / 100;
    Duration::from_millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))
}

/// What the vendor is greeted with: its own id and password.
pub(super) fn basic(manifest: &AddonManifest, impostor: bool) -> String {
    let both = match impostor {
        true => "wrong:secret".to_owned(),
        false => format!("{}:{}", manifest.id, manifest.password.0),
    };
    format!("Basic {}", STANDARD.encode(both))
}

fn accept(version: Version) -> &'static str {
    match version {
        Version::One => "application/json",
        Version::Three => "application/vnd.heroku-addons+json; version=3",
    }
}

fn fatal(what: impl Into<String>) -> Trouble {
    let what = what.into();
    Trouble {
        what,
        again: false,
        perhaps: false,
        stranger: false,
    }
}

fn run(request: Request<Vec<u8>>, time: Duration) -> Heard {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(time))
        .user_agent(concat!("slugline/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let (head, body) = request.into_parts();
    let sent = match body.is_empty() {
        true => agent.run(Request::from_parts(head, ())),
        false => agent.run(Request::from_parts(head, body)),
    };
    let mut response = sent.map_err(|error| trouble(&error, time))?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER)
        .read_to_vec();
    body.map(|body| (status, body))
        .map_err(|error| trouble(&error, time))
}

fn trouble(error: &ureq::Error, time: Duration) -> Trouble {
    let (what, again, perhaps) = match error {
        ureq::Error::Timeout(_) => {
            let what = format!("did not answer within {}", spoken(time_of(time)));
            (what, true, true)
        }
        ureq::Error::BodyExceedsLimit(_) => {
            let what = format!("answered more than {ANSWER} bytes");
            (what, false, true)
        }
        ureq::Error::HostNotFound => ("is not known".to_owned(), true, false),
        ureq::Error::ConnectionFailed => ("cannot be reached".to_owned(), true, false),
        ureq::Error::Io(cause) if cause.kind() == ErrorKind::ConnectionRefused => {
            ("cannot be reached".to_owned(), true, false)
        }
        ureq::Error::Io(_) => ("hung up before it had answered".to_owned(), true, true),
        other => (
            format!("cannot be asked: {}", one_line(&other.to_string())),
            false,
            true,
        ),
    };
    Trouble {
        what,
        again,
        perhaps,
        stranger: false,
    }
}

/// What a status and a body say.
pub(super) fn understood(status: u16, body: &[u8]) -> Result<Answer, Trouble> {
    let said = || {
        let json: Json = serde_json::from_slice(body).ok()?;
        Some(reason(
            json["message"]
                .as_str()
                .filter(|it| !it.trim().is_empty())?,
        ))
    };
    let no = |what: String, again, perhaps| {
        Err(Trouble {
            what,
            again,
            perhaps,
            stranger: status == 401,
        })
    };
    match status {
        200..=299 if body.iter().all(u8::is_ascii_whitespace) => Ok(Answer::Done {
            status,
            json: Json::Null,
        }),
        200..=299 => match serde_json::from_slice(body) {
            Ok(json) => Ok(Answer::Done { status, json }),
            Err(error) => no(
                format!("answered {status} with no JSON: {}", complaint(&error)),
                false,
                true,
            ),
        },
        422 => Ok(Answer::Refused(
            said().unwrap_or_else(|| "it did not say why".to_owned()),
        )),
        503 if said().is_some() => Ok(Answer::Refused(said().unwrap_or_default())),
        404 | 410 => Ok(Answer::Unknown(status)),
        300..=399 => no(
            format!("answered {status}: a redirect is not followed"),
            false,
            false,
        ),
        401 | 403 => no(
            format!("answered {status}: it does not take the id and password of its manifest"),
            false,
            false,
        ),
        408 | 429 | 500..=599 => no(format!("answered {status}"), true, status >= 500),
        _ => no(format!("answered {status}"), false, false),
    }
}
