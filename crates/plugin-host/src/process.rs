//! The process of one plugin, as Slugline sees it: started from the same binary, written to and
//! read from under a deadline, killed with its group, and always reaped. Nothing that comes from
//! it is trusted. It must not know what the frames mean.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use slugline_plugin_api::protocol::LENGTH_BYTES;

use crate::fault::Fault;
use crate::words::one_line;

/// The word that makes the binary the process of a plugin.
pub(crate) const COMMAND: &str = "plugin:host";

/// So much of what it writes to standard error is remembered.
const WORDS: usize = 4 << 10;
/// So much is read at once.
const CHUNK: usize = 64 << 10;
/// A process that hung up is given so long to end by itself, so that its end can be told.
const FAREWELL: Duration = Duration::from_millis(100);

/// Until when something must be done, and how long that was from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) time: Duration,
    pub(crate) until: Instant,
}

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        let until = Instant::now() + time;
        Self { time, until }
    }

    /// The same, somewhat later: a plugin that keeps its own time is given the time to say so.
    pub(crate) fn with_grace(self, grace: Duration) -> Self {
        let until = self.until + grace;
        Self { until, ..self }
    }

    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A running process.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    errors: Option<ChildStderr>,
    inbox: Vec<u8>,
    words: Vec<u8>,
    reaped: bool,
}

impl Process {
    /// Starts one, with these arguments behind [`COMMAND`], in a group of its own and without an
    /// environment.
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::Start(one_line(&error.to_string()));
        let mut child = Command::new(program)
            .arg(COMMAND)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err(Fault::Start("it has no pipes".to_owned()));
        };
        let process = Self {
            errors: child.stderr.take(),
            child,
            input,
            output,
            inbox: Vec::new(),
            words: Vec::new(),
            reaped: false,
        };
        never_wait(&process.input).map_err(failed)?;
        never_wait(&process.output).map_err(failed)?;
        if let Some(errors) = &process.errors {
            never_wait(errors).map_err(failed)?;
        }
        Ok(process)
    }

    /// Writes a frame.
    pub(crate) fn send(&mut self, json: &[u8], deadline: &Deadline) -> Result<(), Fault> {
        let length = u32::try_from(json.len());
        let length = length.map_err(|_| Fault::Said("the request is too long".to_owned()))?;
        let mut frame = Vec::with_capacity(LENGTH_BYTES + json.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(json);
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match self.input.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLOUT, deadline)?;
                }
                Err(_) => return Err(self.end()),
            }
        }
        Ok(())
    }

    /// Reads a frame of at most `most` bytes. Nothing is allocated before it has come.
    pub(crate) fn receive(&mut self, most: usize, deadline: &Deadline) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(frame) = take_frame(&mut self.inbox, most)? {
                return Ok(frame);
            }
            if !self.read()? {
                self.wait(PollFlags::POLLIN, deadline)?;
            }
        }
    }

    /// Looks whether it is still there, and has said nothing since it was last heard.
    pub(crate) fn is_quiet(&mut self) -> Result<(), Fault> {
        let heard = self.read()?;
        if heard || !self.inbox.is_empty() {
            return Err(Fault::Unasked);
        }
        Ok(())
    }

    /// Takes what has come; answers whether there was anything.
    fn read(&mut self) -> Result<bool, Fault> {
        let mut chunk = [0; CHUNK];
        match self.output.read(&mut chunk) {
            Ok(0) => Err(self.end()),
            Ok(count) => {
                self.inbox.extend_from_slice(&chunk[..count]);
                Ok(true)
            }
            Err(error) if is_nothing_yet(&error) => Ok(false),
            Err(_) => Err(self.end()),
        }
    }

    /// Waits until it can be written to or read from, and hears its standard error meanwhile.
    fn wait(&mut self, what: PollFlags, deadline: &Deadline) -> Result<(), Fault> {
        let left = deadline.left();
        if left.is_zero() {
            return Err(Fault::Late(deadline.time));
        }
        let writes = what.contains(PollFlags::POLLOUT);
        let pipe = if writes {
            self.input.as_fd()
        } else {
            self.output.as_fd()
        };
        let mut waited = vec![PollFd::new(pipe, what)];
        if let Some(errors) = &self.errors {
            waited.push(PollFd::new(errors.as_fd(), PollFlags::POLLIN));
        }
        // An interruption is as good as an event: the caller looks again.
        let _ = poll(&mut waited, timeout(left));
        let spoke = waited.get(1).and_then(PollFd::any).unwrap_or(false);
        if spoke {
            self.hear();
        }
        Ok(())
    }

    /// Takes what it wrote to standard error, and remembers the last of it.
    fn hear(&mut self) {
        let Some(errors) = &mut self.errors else {
            return;
        };
        let mut chunk = [0; CHUNK];
        match errors.read(&mut chunk) {
            Ok(0) => self.errors = None,
            Ok(count) => {
                self.words.extend_from_slice(&chunk[..count]);
                let surplus = self.words.len().saturating_sub(WORDS);
                self.words.drain(..surplus);
            }
            Err(error) if is_nothing_yet(&error) => {}
            Err(_) => self.errors = None,
        }
    }

    /// Why it hung up.
    fn end(&mut self) -> Fault {
        let deadline = Deadline::after(FAREWELL);
        loop {
            if let Some(status) = self.exited() {
                while self.errors.is_some() && self.speaks() {
                    self.hear();
                }
                return self.told(status);
            }
            if deadline.left().is_zero() {
                return Fault::Mute;
            }
            // Nothing tells of the end of a process by itself; it is a matter of microseconds.
            if self.speaks() {
                self.hear();
            }
        }
    }

    /// How it ended, if it has. What it left in its group ends too.
    fn exited(&mut self) -> Option<ExitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.group()?), flags) {
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
        self.end_group();
        let status = self.child.wait().ok();
        self.reaped = true;
        status
    }

    /// The number of its group, which is its own.
    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).map(Pid::from_raw).ok()
    }

    /// Kills all of its group. The number is nobody else's until the process is reaped.
    fn end_group(&self) {
        if let Some(group) = self.group().filter(|_| !self.reaped) {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// Whether there is something on its standard error, after a millisecond at most.
    fn speaks(&self) -> bool {
        let Some(errors) = &self.errors else {
            let _ = poll(&mut [], timeout(Duration::from_millis(1)));
            return false;
        };
        let mut waited = [PollFd::new(errors.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited, timeout(Duration::from_millis(1))).is_ok_and(|count| count > 0)
    }

    fn told(&self, status: ExitStatus) -> Fault {
        let words = String::from_utf8_lossy(&self.words);
        let words = words.lines().rev().find(|line| !line.trim().is_empty());
        let words = words.map(one_line);
        match (status.signal(), status.code()) {
            (Some(signal), _) => Fault::Died {
                signal: Signal::try_from(signal)
                    .map_or_else(|_| format!("signal {signal}"), |it| it.as_str().to_owned()),
                words,
            },
            (None, code) => Fault::Ended {
                status: code.unwrap_or_default(),
                words,
            },
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_group();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes the first frame, of at most `most` bytes, out of what has come; `None` where it is not
/// there whole.
pub(crate) fn take_frame(inbox: &mut Vec<u8>, most: usize) -> Result<Option<Vec<u8>>, Fault> {
    let Some(length) = inbox.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(Fault::TooLong { length, most });
    }
    let end = LENGTH_BYTES + length;
    if inbox.len() < end {
        return Ok(None);
    }
    let after = inbox.split_off(end);
    let mut frame = std::mem::replace(inbox, after);
    frame.drain(..LENGTH_BYTES);
    Ok(Some(frame))
}

fn never_wait(pipe: &impl AsFd) -> io::Result<()> {
    let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
    fcntl(pipe, flags).map(|_| ()).map_err(io::Error::from)
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Rounded up, so that a wait does not turn into a loop at its end.
fn timeout(left: Duration) -> PollTimeout {
    let rounded = left.as_millis().saturating_add(1);
    PollTimeout::try_from(rounded).unwrap_or(PollTimeout::MAX)
}
