//! This machine's side of a command that runs elsewhere: the size of the person's terminal, their time zone, and
//! where bytes are shown. It must not know the command.

use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr, write};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Columns and lines, where there is a terminal.
pub fn size() -> Option<[u16; 2]> {
    let size = tcgetwinsize(io::stdout())
        .or_else(|_| tcgetwinsize(io::stdin()))
        .or_else(|_| tcgetwinsize(io::stderr()));
    size.ok().map(|size| [size.ws_col, size.ws_row])
}

/// The name of this machine's time zone, where it has one.
pub fn zone() -> Option<String> {
    let link = std::fs::read_link("/etc/localtime").ok()?;
    let (_, name) = link.to_str()?.split_once("zoneinfo/")?;
    Some(name.to_owned())
}

/// Writes all of it. `false` where nobody reads it any more.
pub fn show(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<bool> {
    while !bytes.is_empty() {
        match retry_on_intr(|| write(to, bytes)) {
            // Whoever made it so: it is waited for all the same.
            Err(Errno::AGAIN) => {
                let mut waited = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
                retry_on_intr(|| poll(&mut waited, None))?;
            }
            Err(Errno::PIPE) => return Ok(false),
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Asks for a line that nobody is to read over a shoulder; without a terminal it is read as it comes.
///
/// # Errors
/// Where there is none.
pub fn hidden_line(prompt: &str) -> io::Result<String> {
    let input = io::stdin();
    let hidden = input
        .is_terminal()
        .then(|| Hidden::new(&input))
        .transpose()?;
    if hidden.is_some() {
        let _ = write!(io::stderr(), "{prompt}");
    }
    let mut line = String::new();
    let read = input.lock().take(4096).read_line(&mut line);
    if hidden.is_some() {
        let _ = writeln!(io::stderr());
    }
    drop(hidden);
    match read? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(line),
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn new(terminal: &io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes &= !LocalModes::ECHO;
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // It fails when the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
