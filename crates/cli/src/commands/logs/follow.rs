//! `slugline logs --tail`: goes on until Ctrl-C, or until nobody reads what it shows. It must not know
//! who writes the log; a daemon may end, and another begin, meanwhile.

use std::io::{ErrorKind, Result, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use slugline_runtime::Follow;

use super::show::Show;

/// The shortest and the longest pause between two looks, in milliseconds.
const PAUSES: (u16, u16) = (5, 100);

/// Shows the past, and then each line as it comes.
///
/// # Errors
/// Where the log cannot be read.
pub fn follow(past: &[(u64, String)], mut reader: Follow, show: &Show) -> Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends us wherever we are: whoever reads may have stopped to.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&told))?;
        signal_hook::flag::register(signal, Arc::clone(&told))?;
    }
    let mut shown: String = past.iter().map(|(_, line)| show.line(line)).collect();
    let mut pause = PAUSES.0;
    loop {
        // Only whole lines are ever written, so that the end does not come within one.
        if !write(&shown)? || told.load(Ordering::Relaxed) {
            return Ok(());
        }
        shown.clear();
        if reader.read(|_, line| shown.push_str(&show.line(line)))? {
            pause = PAUSES.0;
            continue;
        }
        if is_closed(pause)? {
            return Ok(());
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Answers whether anybody reads.
fn write(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Waits for a while, and answers whether whoever read standard output went away meanwhile.
fn is_closed(milliseconds: u16) -> Result<bool> {
    let out = std::io::stdout();
    let mut watched = [PollFd::new(out.as_fd(), PollFlags::empty())];
    match poll(&mut watched, PollTimeout::from(milliseconds)) {
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
        Ok(_) => {
            let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
            Ok(watched[0]
                .revents()
                .is_some_and(|seen| seen.intersects(gone)))
        }
    }
}
