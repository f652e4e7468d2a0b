//! The commands' side of one-offs: asks the daemon for one, hands over where it reads and writes,
//! and waits for its end. It must not know how the daemon runs it.

use std::io::{IsTerminal as _, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::low_level::{pipe, unregister};

use super::terminal::{Copy, Pair, Raw, resize};
use super::{Attach, OneOff, descriptors, piped};
use crate::control::client::{Control, ControlError, Wire};
use crate::control::protocol::{Reply, Request};
use crate::spec::AppSpec;

/// How long output is waited for that comes after the end of a process.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Input, output and error output of whoever asks.
pub type Stdio<'a> = [BorrowedFd<'a>; 3];

/// How a one-off ended, as whoever asked for it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status; 128 and the number of the signal that killed it.
    Exited(u8),
    /// This process was told to end by that signal; the daemon ends the one-off.
    GivenUp(i32),
}

impl Control {
    /// Starts a command of an app beside its processes, with the folder and the environment of
    /// `spec`, and leaves it: its output goes to the app's log. Answers its name, such as `run.1`.
    /// The folder is given up when it has ended (see [`Desired::retired`](crate::Desired::retired)).
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn run_detached(&self, spec: &AppSpec, command: &str) -> Result<String, ControlError> {
        let mut wire = self.wire()?;
        let reply = wire.ask(&request(spec, command, Attach::Log))?;
        started(reply)
    }

    /// Runs a command as [`Control::run_detached`] does, and waits for its end. Where the first two
    /// of `stdio` are terminals it has a terminal of its own, of the same size, and the person's is
    /// a wire to it. Otherwise it has these three, or pipes to them, and SIGINT, SIGTERM and SIGHUP
    /// are passed on to it. `started` is told its name before anything of it is shown. If the
    /// calling process dies, the daemon ends the command.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn run_attached(
        &self,
        spec: &AppSpec,
        command: &str,
        stdio: Stdio<'_>,
        started: impl FnOnce(&str),
    ) -> Result<Ended, ControlError> {
        let [input, output, _] = stdio;
        let wire = self.wire()?;
        if input.is_terminal() && output.is_terminal() {
            in_terminal(wire, spec, command, stdio, started)
        } else {
            through_pipes(wire, spec, command, stdio, started)
        }
    }
}

/// How a one-off reads and writes that nobody of this process attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Through pipes.
    Pipes,
    /// Through a terminal of so many columns and lines.
    Terminal(u16, u16),
}

/// A one-off whose other ends are here. It is ended when this is dropped.
#[derive(Debug)]
pub struct Held {
    /// Such as `run.1`.
    pub name: String,
    /// Where it reads; writing to it does not wait.
    pub input: OwnedFd,
    /// What it writes, until it has ended; reading it does not wait.
    pub output: OwnedFd,
    /// It lives as long as this is open.
    pub alive: Alive,
}

/// What keeps a one-off from being ended.
#[derive(Debug)]
pub struct Alive(#[expect(dead_code, reason = "it is only held")] Wire);

impl Control {
    /// Runs a command as [`Control::run_detached`] does, and answers where it reads and writes.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn run_held(
        &self,
        spec: &AppSpec,
        command: &str,
        given: Given,
    ) -> Result<Held, ControlError> {
        let io = ControlError::Io;
        let mut wire = self.wire()?;
        let (attach, theirs, input, output) = match given {
            Given::Terminal(columns, lines) => {
                let Pair { ours, theirs } = Pair::sized(columns, lines).map_err(io)?;
                let input = ours.try_clone().map_err(io)?;
                (Attach::Terminal, vec![theirs], input, ours)
            }
            Given::Pipes => {
                let (theirs, input) = std::io::pipe().map_err(io)?;
                let (output, to) = std::io::pipe().map_err(io)?;
                for ours in [input.as_fd(), output.as_fd()] {
                    rustix::io::ioctl_fionbio(ours, true).map_err(|errno| io(errno.into()))?;
                }
                let theirs = vec![theirs.into(), to.try_clone().map_err(io)?.into(), to.into()];
                (Attach::Streams, theirs, input.into(), output.into())
            }
        };
        let name = begin(&mut wire, &request(spec, command, attach), &theirs)?;
        Ok(Held {
            name,
            input,
            output,
            alive: Alive(wire),
        })
    }
}

fn request(spec: &AppSpec, command: &str, attach: Attach) -> Request {
    let (spec, command) = (spec.clone(), command.to_owned());
    Request::OneOff {
        one_off: OneOff {
            spec,
            command,
            attach,
        },
    }
}

fn started(reply: Reply) -> Result<String, ControlError> {
    match reply {
        Reply::Started { name } => Ok(name),
        Reply::NotStarted { why } => Err(ControlError::NotStarted(why)),
        _ => Err(ControlError::Nonsense),
    }
}

/// Asks for a one-off and hands over its descriptors; answers its name.
fn begin(wire: &mut Wire, asked: &Request, given: &[OwnedFd]) -> Result<String, ControlError> {
    wire.done(asked)?;
    let given: Vec<_> = given.iter().map(AsFd::as_fd).collect();
    descriptors::send(wire.socket(), &given).map_err(ControlError::Io)?;
    match wire.receive()? {
        Reply::Refused { why } => Err(why.into()),
        reply => started(reply),
    }
}

fn ended(wire: &mut Wire) -> Result<Ended, ControlError> {
    match wire.receive()? {
        Reply::Ended { status } => Ok(Ended::Exited(status)),
        _ => Err(ControlError::Nonsense),
    }
}

fn in_terminal(
    mut wire: Wire,
    spec: &AppSpec,
    command: &str,
    [input, output, _]: Stdio<'_>,
    started: impl FnOnce(&str),
) -> Result<Ended, ControlError> {
    let io = ControlError::Io;
    let Pair { ours, theirs } = Pair::like(input).map_err(io)?;
    let sized = Caught::new(&[SIGWINCH]).map_err(io)?;
    let told = Caught::new(&[SIGINT, SIGTERM, SIGHUP]).map_err(io)?;
    let asked = request(spec, command, Attach::Terminal);
    let name = begin(&mut wire, &asked, &[theirs])?;
    started(&name);
    // It may have changed before it was listened for.
    resize(input, ours.as_fd());
    let raw = Raw::new(input).map_err(io)?;
    let mut copy = Copy::new(input, output, ours.as_fd());
    let result = loop {
        if wire.has_answer() {
            break ended(&mut wire);
        }
        let others = [wire.socket().as_fd(), sized.as_fd(), told.as_fd()];
        let ready = match copy.until(others) {
            Ok(ready) => ready,
            Err(error) => break Err(io(error)),
        };
        if ready[1] {
            let _ = sized.take();
            resize(input, ours.as_fd());
        }
        if ready[2]
            && let Some(signal) = told.take()
        {
            break Ok(Ended::GivenUp(signal));
        }
        if ready[0] {
            break ended(&mut wire);
        }
    };
    // What it wrote last; where that cannot be shown, its status still counts.
    let _ = copy.show();
    drop(raw);
    result
}

fn through_pipes(
    mut wire: Wire,
    spec: &AppSpec,
    command: &str,
    stdio: Stdio<'_>,
    started: impl FnOnce(&str),
) -> Result<Ended, ControlError> {
    let told = Caught::new(&[SIGINT, SIGTERM, SIGHUP]).map_err(ControlError::Io)?;
    let (given, copies) = piped::hand_over(stdio).map_err(ControlError::Io)?;
    let name = begin(&mut wire, &request(spec, command, Attach::Streams), &given)?;
    // Ours would keep its pipes open.
    drop(given);
    started(&name);
    let result = loop {
        if wire.has_answer() {
            break ended(&mut wire);
        }
        let ready = readable([wire.socket().as_fd(), told.as_fd()]).map_err(ControlError::Io)?;
        if ready[0] {
            break ended(&mut wire);
        }
        while let Some(number) = told.take() {
            wire.send(&Request::Signal { number })?;
        }
    };
    copies.finish(LAST_WORDS);
    result
}

/// Waits until one of them can be read.
fn readable(of: [BorrowedFd<'_>; 2]) -> std::io::Result<[bool; 2]> {
    let mut waited = of.map(|one| PollFd::from_borrowed_fd(one, PollFlags::IN));
    rustix::io::retry_on_intr(|| poll(&mut waited, None))?;
    Ok(waited.map(|one| !one.revents().is_empty()))
}

/// Signals that are caught, as something to be read, until this is dropped.
#[derive(Debug)]
pub struct Caught {
    pipes: Vec<(i32, UnixStream)>,
    /// Readable when any was caught.
    any: UnixStream,
    ids: Vec<signal_hook::SigId>,
}

impl Caught {
    /// Catches these.
    ///
    /// # Errors
    /// Where the system has no room for it.
    pub fn new(signals: &[i32]) -> std::io::Result<Self> {
        let (any, wake) = UnixStream::pair()?;
        any.set_nonblocking(true)?;
        let mut caught = Self {
            pipes: Vec::new(),
            any,
            ids: Vec::new(),
        };
        for signal in signals {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            // First which one, then that there is one.
            caught.ids.push(pipe::register(*signal, theirs)?);
            caught.ids.push(pipe::register(*signal, wake.try_clone()?)?);
            caught.pipes.push((*signal, ours));
        }
        Ok(caught)
    }

    /// Readable when any was caught.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }

    /// A signal that was caught, once each.
    #[must_use]
    pub fn take(&self) -> Option<i32> {
        let mut buffer = [0; 64];
        // It fails when there is nothing to be read.
        let _ = (&self.any).read(&mut buffer);
        let caught = |stream: &UnixStream| {
            let mut stream: &UnixStream = stream;
            matches!(stream.read(&mut [0; 64]), Ok(1..))
        };
        let found = self.pipes.iter().find(|(_, stream)| caught(stream));
        found.map(|(signal, _)| *signal)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        for id in &self.ids {
            unregister(*id);
        }
    }
}
