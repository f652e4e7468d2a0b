//! A command that runs at the server, as it is seen here: what is typed goes there, what it says is shown, and its
//! exit status is ours. It must not know the command.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::flag;
use slugline_runtime::{Caught, Raw};
use slugline_server::commands::frame::{
    CREDIT, Decoder, Frame, Kind, MOST, NewCommand, PATH, UPGRADE, encode,
};

use super::files::File;
use super::host::Host;
use super::wire::Wire;
use super::{http, stdio};
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// How long nothing may come: the server gives a sign every 20 s.
const SILENCE: Duration = Duration::from_secs(90);
/// As much is kept of what was said, in bytes.
const KEPT: usize = 4096;

/// How a command ended.
pub struct Ended {
    /// With which status.
    pub status: Status,
    /// What it said first on standard output.
    pub output: String,
}

/// Asks for a command, and attends to it until it has ended.
///
/// # Errors
/// Where it is refused, or the connection is lost.
pub fn run(
    ui: &Ui,
    mut wire: Wire,
    (host, token): (&Host, &str),
    wanted: &NewCommand,
    files: &[File],
) -> Result<Ended, CommandError> {
    let lost = |error: io::Error| lost(host, &error);
    let body = serde_json::to_vec(wanted)?;
    let line = format!("POST {PATH}");
    let headers = format!("Connection: Upgrade\r\nUpgrade: {UPGRADE}\r\n");
    let answer = http::ask(&mut wire, (host, token), (&line, &headers), &body);
    let answer = answer.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => CommandError::failed(format!("{}: {error}", host.place())),
        _ => lost(error),
    })?;
    if answer.status != 101 {
        return Err(http::refused(host, &answer));
    }
    wire.patient().map_err(lost)?;
    for file in files {
        file.send(&mut wire)?;
    }
    let mut session = Session {
        wire,
        decoder: Decoder::default(),
        input: wanted.input,
        credit: CREDIT as usize,
        terminals: wanted.terminals,
        heard: Instant::now(),
        trouble: Vec::new(),
        output: Vec::new(),
        ended: None,
    };
    session.decoder.push(&answer.rest);
    let raw = wanted.input && wanted.terminals[0] && wanted.terminals[1];
    let status = session.attend(raw);
    // The terminal is the person's again.
    for why in &session.trouble {
        ui.error(why);
    }
    let status = status.map_err(lost)?;
    let output = String::from_utf8_lossy(&session.output).into_owned();
    Ok(Ended { status, output })
}

/// The error of a connection that ended too early.
pub fn lost(host: &Host, error: &io::Error) -> CommandError {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ended".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "nothing comes any more".to_owned(),
        _ => error.to_string(),
    };
    let text = format!("The connection to {} is lost: {why}", host.place());
    let error = CommandError::failed(text);
    let error =
        error.hint("A change that was begun is finished or undone there: see `slugline releases`.");
    CommandError {
        status: Status::Lost,
        ..error
    }
}

struct Session {
    wire: Wire,
    decoder: Decoder,
    /// Whether what is typed is sent.
    input: bool,
    /// How many bytes of it may be.
    credit: usize,
    terminals: [bool; 3],
    heard: Instant,
    /// Why the server goes no further, in words.
    trouble: Vec<String>,
    output: Vec<u8>,
    ended: Option<u8>,
}

impl Session {
    fn attend(&mut self, raw: bool) -> io::Result<Status> {
        self.wire.no_more_waiting()?;
        let told = Caught::new(&[SIGINT, SIGTERM, SIGHUP])?;
        let sized = Caught::new(&[SIGWINCH])?;
        let input = io::stdin();
        let raw = match raw {
            true => Some(Raw::new(input.as_fd())?),
            // There each key goes to the command; here the second signal ends us wherever we are.
            false => {
                let once = Arc::new(AtomicBool::new(false));
                for signal in [SIGINT, SIGTERM, SIGHUP] {
                    flag::register_conditional_default(signal, Arc::clone(&once))?;
                    flag::register(signal, Arc::clone(&once))?;
                }
                None
            }
        };
        // It may have changed before it was listened for.
        self.resize()?;
        let done = loop {
            self.take()?;
            if let Some(status) = self.ended {
                break Status::OfCommand(status);
            }
            self.wire.pour()?;
            let [heard, typed, signal, size] = self.wait([told.as_fd(), sized.as_fd()])?;
            if heard {
                let mut bytes = Vec::new();
                let more = match self.wire.take(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
                    other => other?,
                };
                self.decoder.push(&bytes);
                self.heard = Instant::now();
                if !more {
                    self.take()?;
                    match self.ended {
                        Some(status) => break Status::OfCommand(status),
                        None => return Err(io::ErrorKind::UnexpectedEof.into()),
                    }
                }
            }
            if typed {
                self.pass()?;
            }
            if size {
                let _ = sized.take();
                self.resize()?;
            }
            if signal && let Some(signal) = told.take() {
                let number = u8::try_from(signal).unwrap_or(0);
                self.say(Kind::Signal, &[number])?;
            }
        };
        drop(raw);
        Ok(match done {
            Status::OfCommand(0) => Status::Done,
            other => other,
        })
    }

    /// Waits until there is something to do: for what comes, for what is typed, for signals and sizes.
    fn wait(&self, caught: [BorrowedFd<'_>; 2]) -> io::Result<[bool; 4]> {
        let input = io::stdin();
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, self.wire.is_full());
        let mut waited = vec![PollFd::from_borrowed_fd(self.wire.as_fd(), flags)];
        waited.extend(caught.map(|one| PollFd::from_borrowed_fd(one, PollFlags::IN)));
        let typed = self.input && self.credit > 0 && !self.wire.is_full();
        if typed {
            waited.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        let left = SILENCE.saturating_sub(self.heard.elapsed());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        let ready = match poll(&mut waited, Some(&left)) {
            Err(rustix::io::Errno::INTR) => return Ok([false; 4]),
            other => other?,
        };
        if ready == 0 && self.heard.elapsed() >= SILENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let is = |place: usize, flags: PollFlags| {
            waited
                .get(place)
                .is_some_and(|one| one.revents().intersects(flags))
        };
        let some = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ok([is(0, some), is(3, some), is(1, some), is(2, some)])
    }

    /// What was typed goes on its way.
    fn pass(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; self.credit.min(MOST)];
        let count = match io::stdin().lock().read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            // A terminal that is gone says nothing more.
            Err(_) => 0,
            Ok(count) => count,
        };
        self.input = count > 0;
        self.credit -= count;
        self.say(Kind::Input, &buffer[..count])
    }

    fn resize(&mut self) -> io::Result<()> {
        let Some([columns, lines]) = stdio::size().filter(|_| self.terminals.contains(&true))
        else {
            return Ok(());
        };
        let bytes = [columns.to_be_bytes(), lines.to_be_bytes()].concat();
        self.say(Kind::Size, &bytes)
    }

    fn say(&mut self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        self.wire.put(&encode(kind, bytes))
    }

    /// Shows what has come.
    fn take(&mut self) -> io::Result<()> {
        let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        while let Some(frame) = self.decoder.frame().map_err(malformed)? {
            self.frame(&frame)?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let (output, errors) = (io::stdout(), io::stderr());
        let (to, which) = match frame.kind {
            Kind::Output => (output.as_fd(), 1),
            Kind::Terminal if self.terminals[1] => (output.as_fd(), 1),
            Kind::Errors | Kind::Terminal => (errors.as_fd(), 2),
            Kind::Credit => {
                let read = frame.bytes.first_chunk().copied().unwrap_or_default();
                self.credit += u32::from_be_bytes(read) as usize;
                return Ok(());
            }
            Kind::Trouble => {
                let why = String::from_utf8_lossy(&frame.bytes);
                self.trouble.push(why.into_owned());
                return Ok(());
            }
            Kind::Ended => {
                self.ended = Some(frame.bytes.first().copied().unwrap_or(1));
                return Ok(());
            }
            _ => return Ok(()),
        };
        if which == 1 && self.output.len() < KEPT {
            self.output.extend_from_slice(&frame.bytes);
        }
        if !stdio::show(to, &frame.bytes)? {
            self.say(Kind::Closed, &[which])?;
        }
        Ok(())
    }
}
