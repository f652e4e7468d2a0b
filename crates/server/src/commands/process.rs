//! The process of a command: where it reads and writes, a terminal of its own where its client has one, and
//! telling it to end. It must not know what it is told by whom.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, tcgetattr, tcgetwinsize, tcsetattr,
    tcsetwinsize,
};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::frame::NewCommand;

/// The size of a terminal that nobody told of.
const SIZE: [u16; 2] = [80, 24];

/// A process that was started, with our ends of what it reads and writes.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) input: Option<ChildStdin>,
    pub(super) output: Option<ChildStdout>,
    pub(super) errors: Option<ChildStderr>,
    /// Its terminal, where it has one, and whether it reads from that.
    pub(super) terminal: Option<(AsyncFd<File>, bool)>,
}

/// Starts a program that sees a terminal where its client does.
///
/// # Errors
/// Where the system gives no terminal or no process.
pub(super) fn start(program: std::process::Command, wanted: &NewCommand) -> io::Result<Started> {
    let mut command = Command::from(program);
    let [input, output, errors] = wanted.terminals;
    let input = input && wanted.input;
    let terminal = match input || output || errors {
        true => {
            let (ours, theirs) = pair(wanted.size.unwrap_or(SIZE), input && output)?;
            Some((ours, theirs))
        }
        false => None,
    };
    let stream = |is_terminal: bool| match (&terminal, is_terminal) {
        (Some((_, theirs)), true) => Ok(Stdio::from(theirs.try_clone()?)),
        _ => Ok::<_, io::Error>(Stdio::piped()),
    };
    command.stdin(match (wanted.input, input) {
        (true, is_terminal) => stream(is_terminal)?,
        // What is not sent is not waited for.
        (false, _) => Stdio::null(),
    });
    command.stdout(stream(output)?).stderr(stream(errors)?);
    let mut child = command.spawn()?;
    // Its ends of the terminal are its alone.
    drop(command);
    let terminal = match terminal {
        Some((ours, _theirs)) => Some((here(ours)?, input)),
        None => None,
    };
    Ok(Started {
        input: child.stdin.take(),
        output: child.stdout.take(),
        errors: child.stderr.take(),
        terminal,
        child,
    })
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe for types that lie about their descriptor; a file does not"
)]
fn here(descriptor: OwnedFd) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(File::from(descriptor))
}

/// Both ends of a terminal. Where the client's own one is only seen through it, this one does all that a
/// terminal does; else the client's does, and this passes bytes on as they are.
fn pair([columns, lines]: [u16; 2], whole: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let name = name
        .to_str()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true);
    let no_controlling = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap_or(0);
    let theirs: OwnedFd = options.custom_flags(no_controlling).open(name)?.into();
    let mut set = tcgetattr(&theirs)?;
    set.input_modes |= InputModes::IUTF8;
    if !whole {
        set.local_modes &= !(LocalModes::ECHO | LocalModes::ISIG);
        set.output_modes &= !OutputModes::OPOST;
    }
    tcsetattr(&theirs, OptionalActions::Now, &set)?;
    resize(&ours, [columns, lines]);
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// Gives a terminal another size; the kernel tells its process.
pub(super) fn resize(terminal: impl std::os::fd::AsFd, [columns, lines]: [u16; 2]) {
    if let Ok(mut size) = tcgetwinsize(&terminal) {
        (size.ws_col, size.ws_row) = (columns, lines);
        let _ = tcsetwinsize(&terminal, size);
    }
}

/// Tells a process that has not been waited for, and all that it started, once it has a group of its own.
pub(super) fn tell(child: &Child, signal: i32) {
    let known = match signal {
        1 => Signal::HUP,
        2 => Signal::INT,
        3 => Signal::QUIT,
        15 => Signal::TERM,
        _ => return,
    };
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let Some(pid) = pid
        && kill_process_group(pid, known).is_err()
    {
        let _ = kill_process(pid, known);
    }
}
