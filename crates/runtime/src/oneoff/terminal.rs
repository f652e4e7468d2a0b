//! The client's side of a one-off with a terminal: a new terminal for the process, and the person's
//! own one as raw as a wire to it. It must not know the process.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// Two ends of a new terminal.
pub(super) struct Pair {
    pub(super) ours: OwnedFd,
    pub(super) theirs: OwnedFd,
}

/// A person's terminal, raw until this is dropped.
#[derive(Debug)]
pub struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl Pair {
    /// A terminal with the settings and the size of another.
    pub(super) fn like(terminal: BorrowedFd<'_>) -> Result<Self> {
        let pair = nix::pty::openpty(None, None)?;
        let (ours, theirs) = (pair.master, pair.slave);
        tcsetattr(&theirs, OptionalActions::Now, &tcgetattr(terminal)?)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let pair = Self { ours, theirs };
        resize(terminal, pair.ours.as_fd());
        Ok(pair)
    }

    /// A terminal of so many columns and lines.
    pub(super) fn sized(columns: u16, lines: u16) -> Result<Self> {
        let pair = nix::pty::openpty(None, None)?;
        let (ours, theirs) = (pair.master, pair.slave);
        let mut size = tcgetwinsize(&ours)?;
        (size.ws_col, size.ws_row) = (columns, lines);
        tcsetwinsize(&ours, size)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        Ok(Self { ours, theirs })
    }
}

/// Gives a terminal the size of another; the kernel tells its process.
pub(super) fn resize(like: BorrowedFd<'_>, terminal: BorrowedFd<'_>) {
    // A terminal without a size, such as a serial line's, leaves the other without.
    if let Ok(size) = tcgetwinsize(like) {
        let _ = tcsetwinsize(terminal, size);
    }
}

impl<'a> Raw<'a> {
    /// Makes a terminal raw: each key goes on as it is, Ctrl-C among them, and nothing is echoed.
    ///
    /// # Errors
    /// Where it is no terminal.
    pub fn new(terminal: BorrowedFd<'a>) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Drain, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // It fails when the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Copies between the person's terminal and the process's.
pub(super) struct Copy<'a> {
    input: Option<BorrowedFd<'a>>,
    output: BorrowedFd<'a>,
    ours: Option<BorrowedFd<'a>>,
    /// What was typed and has no room in the process's terminal yet.
    typed: Vec<u8>,
}

impl<'a> Copy<'a> {
    pub(super) fn new(input: BorrowedFd<'a>, output: BorrowedFd<'a>, ours: BorrowedFd<'a>) -> Self {
        Self {
            input: Some(input),
            output,
            ours: Some(ours),
            typed: Vec::new(),
        }
    }

    /// Copies until there is something to read at one of `others`; answers at which.
    pub(super) fn until<const N: usize>(
        &mut self,
        others: [BorrowedFd<'_>; N],
    ) -> Result<[bool; N]> {
        loop {
            let (ready, output, input) = self.wait(others)?;
            if output {
                self.show()?;
                self.pass()?;
            }
            if input {
                self.take()?;
                self.pass()?;
            }
            if ready.contains(&true) {
                return Ok(ready);
            }
        }
    }

    /// Waits until there is something to do: at one of `others`, at the process's terminal, at the
    /// person's.
    fn wait<const N: usize>(&self, others: [BorrowedFd<'_>; N]) -> Result<([bool; N], bool, bool)> {
        let wait_for = |one, flags| PollFd::from_borrowed_fd(one, flags);
        let mut waited = others.map(|other| wait_for(other, PollFlags::IN)).to_vec();
        if let Some(ours) = self.ours {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, !self.typed.is_empty());
            waited.push(wait_for(ours, flags));
        }
        // What was typed waits in the person's terminal until there is room.
        if let (Some(input), true) = (self.input, self.typed.is_empty()) {
            waited.push(wait_for(input, PollFlags::IN));
        }
        retry_on_intr(|| poll(&mut waited, None))?;
        let mut ready = waited.iter().map(|it| !it.revents().is_empty());
        let mut next = || ready.next().unwrap_or_default();
        let others = others.map(|_| next());
        let output = self.ours.is_some() && next();
        let input = self.input.is_some() && self.typed.is_empty() && next();
        Ok((others, output, input))
    }

    /// Shows what the process has written and nobody has shown yet.
    pub(super) fn show(&mut self) -> Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        while let Some(ours) = self.ours {
            match retry_on_intr(|| read(ours, &mut buffer)) {
                Err(Errno::AGAIN) => return Ok(()),
                // So it ends when nobody has the other end open.
                Ok(0) | Err(Errno::IO) => self.ours = None,
                Ok(count) => self.say(&buffer[..count])?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn say(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match retry_on_intr(|| write(self.output, bytes)) {
                // Whoever made the terminal so: it is waited for all the same.
                Err(Errno::AGAIN) => {
                    let mut waited = [PollFd::from_borrowed_fd(self.output, PollFlags::OUT)];
                    retry_on_intr(|| poll(&mut waited, None))?;
                }
                Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
                Ok(count) => bytes = &bytes[count..],
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<()> {
        let Some(input) = self.input else {
            return Ok(());
        };
        let mut buffer = [0; 4096];
        match retry_on_intr(|| read(input, &mut buffer)) {
            Err(Errno::AGAIN) => {}
            // The person's terminal is gone.
            Ok(0) | Err(_) => self.input = None,
            Ok(count) => self.typed.extend_from_slice(&buffer[..count]),
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<()> {
        while let (Some(ours), false) = (self.ours, self.typed.is_empty()) {
            match retry_on_intr(|| write(ours, &self.typed)) {
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::IO) => self.ours = None,
                Ok(count) => drop(self.typed.drain(..count)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
