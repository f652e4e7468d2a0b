//! The commands' side of the control socket: synchronous, one connection for each request. It must
//! not know how the daemon does what it is asked.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use slugline_core::app::AppName;
use slugline_core::port::Said;
use slugline_core::settings::Settings;

use super::protocol::{Hello, PROTOCOL, Refusal, Reply, Request, Status};
use super::socket::Address;
use crate::home::Home;
use crate::spec::AppSpec;

/// How long a daemon may take to greet.
const GREETING: Duration = Duration::from_secs(10);

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The processes of a launch did not become healthy. All of them have ended.
    #[error("{reason}")]
    Unhealthy {
        /// What happened, in one line, such as `web.1 exited with status 1`.
        reason: String,
        /// The last lines that the process wrote, at most 20.
        log: Vec<String>,
    },
    /// The release phase of a launch failed. All that was started has ended.
    #[error("{reason}")]
    ReleasePhase {
        /// What happened, in one line, such as `release.1 exited with status 1`.
        reason: String,
        /// The last lines that it wrote, at most 20.
        log: Vec<String>,
    },
    /// The daemon refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A one-off could not be started.
    #[error("it could not be started: {0}")]
    NotStarted(String),
    /// The daemon ended in the middle.
    #[error("the daemon ended before it answered")]
    Gone,
    /// The daemon is of another version.
    #[error("the daemon speaks version {0} of the protocol, and this is {PROTOCOL}: restart it")]
    OtherVersion(u32),
    /// The daemon cannot be spoken to.
    #[error("cannot speak to the daemon")]
    Io(#[source] std::io::Error),
    /// The daemon answered what makes no sense here.
    #[error("the daemon's answer makes no sense")]
    Nonsense,
}

/// The daemon of a home.
#[derive(Debug)]
pub struct Control {
    home: Home,
    hello: Hello,
}

/// A release that is healthy and gets no requests yet. Dropping it ends its processes, unless the
/// daemon learns from [`Desired`](crate::Desired) that it is current by now.
#[derive(Debug)]
#[must_use = "dropping a candidate abandons it"]
pub struct Candidate(Wire);

/// One connection to the daemon.
#[derive(Debug)]
pub(crate) struct Wire {
    reader: BufReader<UnixStream>,
}

impl Control {
    /// Finds the daemon of a home; `None` where none runs.
    ///
    /// # Errors
    /// [`ControlError::Io`], [`ControlError::OtherVersion`].
    pub fn connect(home: &Path) -> Result<Option<Self>, ControlError> {
        let home = Home::new(home);
        let greeted = Wire::open(&home)?;
        Ok(greeted.map(|(_, hello)| Self { home, hello }))
    }

    /// The process id of the daemon.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.hello.pid
    }

    /// The port of the router.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.hello.port
    }

    /// What runs.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn status(&self) -> Result<Status, ControlError> {
        match self.wire()?.ask(&Request::Status)? {
            Reply::Status { status } => Ok(status),
            _ => Err(ControlError::Nonsense),
        }
    }

    /// Starts a release beside the one that runs, and waits until it is healthy. A launch of the
    /// same app that is under way is waited for.
    ///
    /// # Errors
    /// [`ControlError::Unhealthy`] and the others; whatever was started has been ended then.
    pub fn launch(&self, spec: &AppSpec) -> Result<Candidate, ControlError> {
        self.launch_heard(spec, &mut |_| {})
    }

    /// The same, hearing what the release phase writes.
    ///
    /// # Errors
    /// As [`Control::launch`], and [`ControlError::ReleasePhase`].
    pub fn launch_heard(
        &self,
        spec: &AppSpec,
        hear: &mut dyn FnMut(Said<'_>),
    ) -> Result<Candidate, ControlError> {
        let mut wire = self.wire()?;
        wire.send(&Request::Launch { spec: spec.clone() })?;
        loop {
            match wire.answer()? {
                Reply::Line { line } => hear(Said::Line(&line)),
                Reply::Released => hear(Said::Released),
                Reply::Done => return Ok(Candidate(wire)),
                Reply::Unhealthy { reason, log } => {
                    return Err(ControlError::Unhealthy { reason, log });
                }
                Reply::ReleaseFailed { reason, log } => {
                    return Err(ControlError::ReleasePhase { reason, log });
                }
                _ => return Err(ControlError::Nonsense),
            }
        }
    }

    /// Runs a release in place of whatever runs, without waiting for its health: a process that
    /// crashes is started again, with back-off.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn run(&self, spec: &AppSpec) -> Result<(), ControlError> {
        self.wire()?.done(&Request::Run { spec: spec.clone() })
    }

    /// Figures for a monitoring system, in the text format of OpenMetrics.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn metrics(&self) -> Result<String, ControlError> {
        match self.wire()?.ask(&Request::Metrics)? {
            Reply::Metrics { text } => Ok(text),
            _ => Err(ControlError::Nonsense),
        }
    }

    /// Ends all processes and servers of an app, and waits until they have ended. An app that does
    /// not run is no error.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn stop(&self, app: &AppName) -> Result<(), ControlError> {
        self.wire()?.done(&Request::Stop { app: app.clone() })
    }

    /// Stops a process such as `web.1`, a one-off, or all processes of a type, until it is restarted
    /// or another release runs. Answers how many those are; it does not wait for their end.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn stop_some(&self, app: &AppName, which: &str) -> Result<usize, ControlError> {
        let (app, which) = (app.clone(), which.to_owned());
        self.wire()?.count(&Request::StopSome { app, which })
    }

    /// Puts new processes in the place of one, or of all of a type. Answers how many those are.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn restart_some(&self, app: &AppName, which: &str) -> Result<usize, ControlError> {
        let (app, which) = (app.clone(), which.to_owned());
        self.wire()?.count(&Request::RestartSome { app, which })
    }

    /// Brings what runs of an app to these settings. An app that does not run is no error.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn configure(&self, app: &AppName, settings: &Settings) -> Result<(), ControlError> {
        let (app, settings) = (app.clone(), settings.clone());
        self.wire()?.done(&Request::Configure { app, settings })
    }

    /// Ends the daemon with every process, and waits until it has ended: another can be started
    /// then.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn shutdown(self) -> Result<(), ControlError> {
        match self.wire()?.ask(&Request::Shutdown) {
            Err(ControlError::Gone) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(ControlError::Nonsense),
        }
    }

    pub(crate) fn wire(&self) -> Result<Wire, ControlError> {
        Wire::open(&self.home)?
            .map(|(wire, _)| wire)
            .ok_or(ControlError::Gone)
    }
}

impl Candidate {
    /// Sends the requests to this release. Those that the old one has are finished by it; then its
    /// processes end, in the background.
    ///
    /// # Errors
    /// [`ControlError::Refused`] when it was stopped or replaced meanwhile; [`ControlError::Gone`]
    /// when the daemon died, and will run what is current when it is started again.
    pub fn switch(mut self) -> Result<(), ControlError> {
        self.0.done(&Request::Switch)
    }
}

impl Wire {
    /// Connects and takes the greeting; `None` where nobody listens.
    fn open(home: &Home) -> Result<Option<(Self, Hello)>, ControlError> {
        let connected =
            Address::of(&home.socket()).and_then(|address| UnixStream::connect(address.path()));
        let stream = match connected {
            // A socket without a listener was left by a daemon that was killed.
            Err(error) if is_absent(error.kind()) => return Ok(None),
            connected => connected.map_err(ControlError::Io)?,
        };
        stream
            .set_read_timeout(Some(GREETING))
            .map_err(ControlError::Io)?;
        let mut wire = Self {
            reader: BufReader::new(stream),
        };
        let hello: Hello = match wire.line() {
            // It ended between our connection and its greeting.
            Err(ControlError::Gone) => return Ok(None),
            line => serde_json::from_str(&line?).map_err(|_| ControlError::Nonsense)?,
        };
        if hello.protocol != PROTOCOL {
            return Err(ControlError::OtherVersion(hello.protocol));
        }
        wire.reader
            .get_ref()
            .set_read_timeout(None)
            .map_err(ControlError::Io)?;
        Ok(Some((wire, hello)))
    }

    pub(crate) fn done(&mut self, request: &Request) -> Result<(), ControlError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(ControlError::Nonsense),
        }
    }

    fn count(&mut self, request: &Request) -> Result<usize, ControlError> {
        match self.ask(request)? {
            Reply::Count { count } => Ok(count),
            _ => Err(ControlError::Nonsense),
        }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, ControlError> {
        self.send(request)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Reply, ControlError> {
        match self.receive()? {
            Reply::Refused { why } => Err(why.into()),
            reply => Ok(reply),
        }
    }

    pub(crate) fn send(&mut self, request: &Request) -> Result<(), ControlError> {
        let mut line = serde_json::to_vec(request).map_err(|_| ControlError::Nonsense)?;
        line.push(b'\n');
        self.reader.get_mut().write_all(&line).map_err(closed_or)
    }

    pub(crate) fn receive(&mut self) -> Result<Reply, ControlError> {
        serde_json::from_str(&self.line()?).map_err(|_| ControlError::Nonsense)
    }

    /// Whether an answer has come that nobody has taken: the socket does not tell of that.
    pub(crate) fn has_answer(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    pub(crate) fn socket(&self) -> &UnixStream {
        self.reader.get_ref()
    }

    fn line(&mut self) -> Result<String, ControlError> {
        let mut line = String::new();
        self.reader.read_line(&mut line).map_err(closed_or)?;
        if line.ends_with('\n') {
            Ok(line)
        } else {
            Err(ControlError::Gone)
        }
    }
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

fn closed_or(error: std::io::Error) -> ControlError {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ControlError::Gone,
        _ => ControlError::Io(error),
    }
}
