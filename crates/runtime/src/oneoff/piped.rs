//! The client's side of a one-off without a terminal: what is a terminal of the person's becomes a
//! pipe, since the process is not to have it; everything else is handed over as it is. It must not
//! know the process.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Read, Result, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// What is copied on the way to the person's terminal.
pub(super) struct Copies(Vec<Receiver<()>>);

impl Copies {
    /// Waits until all has been shown; for a bounded time, since something that the process left
    /// behind may hold on to its output.
    pub(super) fn finish(self, limit: Duration) {
        let deadline = Instant::now() + limit;
        for copy in self.0 {
            // It ends without a word: the sender goes with the thread.
            let _ = copy.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

/// The three descriptors for a process, and what brings its output to where it belongs.
pub(super) fn hand_over(streams: [BorrowedFd<'_>; 3]) -> Result<([OwnedFd; 3], Copies)> {
    let mut copies = Vec::new();
    let [input, output, error] = streams;
    let input = into_process(input)?;
    let output = out_of_process(output, &mut copies)?;
    let error = out_of_process(error, &mut copies)?;
    Ok(([input, output, error], Copies(copies)))
}

fn into_process(ours: BorrowedFd<'_>) -> Result<OwnedFd> {
    let ours = ours.try_clone_to_owned()?;
    if !ours.is_terminal() {
        return Ok(ours);
    }
    let (theirs, to) = std::io::pipe()?;
    // It ends with what is typed, or with us.
    spawn(move || copy(File::from(ours), to));
    Ok(theirs.into())
}

fn out_of_process(ours: BorrowedFd<'_>, copies: &mut Vec<Receiver<()>>) -> Result<OwnedFd> {
    let ours = ours.try_clone_to_owned()?;
    if !ours.is_terminal() {
        return Ok(ours);
    }
    let (from, theirs) = std::io::pipe()?;
    let (over, ended) = channel();
    copies.push(ended);
    spawn(move || {
        copy(from, File::from(ours));
        drop(over);
    });
    Ok(theirs.into())
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) if to.write_all(&buffer[..count]).is_err() => return,
            Ok(_) => {}
        }
    }
}
