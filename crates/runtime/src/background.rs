//! Starting the daemon in the background, for a command that needs it. It must not know the
//! command line: it is told what to start.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::control::client::{Control, ControlError};
use crate::home::Home;
use crate::preexec::detach;
use crate::process::Ending;
use crate::serve::open_lock;

/// How long a daemon may take until it can be spoken to, and an earlier one to end.
const LIMIT: Duration = Duration::from_secs(60);
/// How many of its last lines are shown when it ends instead.
const LAST: usize = 20;

/// Why there is no daemon in the background.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It ended before it could be spoken to.
    #[error("the daemon {ending} while it was being started")]
    Ended {
        /// How it ended, such as `exited with status 1`.
        ending: String,
        /// The last lines that it printed, at most 20.
        output: Vec<String>,
    },
    /// It cannot be spoken to in time; it has been ended.
    #[error("the daemon was not ready within {} s", LIMIT.as_secs())]
    Late,
    /// An earlier daemon does not end.
    #[error("an earlier daemon does not end")]
    Earlier,
    /// It cannot be spoken to.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A file in the home cannot be used, or the program not be started.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn cannot(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::Io { what, source }
}

/// Starts `program` with `args` as the daemon of `home`, and waits until it can be spoken to. It
/// gets our environment with `env` over it, a session of its own, the root folder to work in, no
/// input, and none of our other descriptors; what it prints is appended to
/// [`Home::serve_log`]. Where one runs already, that one is answered; several callers at once end
/// up with one.
///
/// # Errors
/// [`StartError`]; no daemon was left behind then.
pub fn start_background(
    program: &Path,
    args: &[OsString],
    home: &Path,
    env: &[(OsString, OsString)],
) -> Result<Control, StartError> {
    let paths = Home::new(home);
    std::fs::create_dir_all(paths.logs()).map_err(cannot("make the folder of logs"))?;
    // Others that want the same wait here, and find the daemon when it is their turn.
    let file = open_lock(&paths.start_lock()).map_err(cannot("open the lock"))?;
    let _turn = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| cannot("take the lock")(errno.into()))?;
    if let Some(control) = wait_for_place(home, &paths)? {
        return Ok(control);
    }
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(paths.serve_log())
        .map_err(cannot("open the daemon's log"))?;
    let before = log
        .seek(SeekFrom::End(0))
        .map_err(cannot("read the daemon's log"))?;
    let mut child = spawn(program, args, env, &log).map_err(cannot("start the daemon"))?;
    match wait_until_ready(home, &mut child)? {
        Outcome::Ready(control) => Ok(control),
        Outcome::Ended(status) => {
            let ending = Ending::Exited(status).to_string();
            Err(StartError::Ended {
                ending,
                output: lines_after(log, before),
            })
        }
        Outcome::Late => {
            // It fails when it has just ended.
            let _ = child.kill();
            let _ = child.wait();
            Err(StartError::Late)
        }
    }
}

enum Outcome {
    Ready(Control),
    Ended(ExitStatus),
    Late,
}

/// A daemon that runs; or `None` when none does any more.
fn wait_for_place(home: &Path, paths: &Home) -> Result<Option<Control>, StartError> {
    let found = poll(|| {
        if let Some(control) = Control::connect(home)? {
            return Ok(Some(Some(control)));
        }
        let file = open_lock(&paths.lock()).map_err(cannot("open the daemon's lock"))?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(Some(None)),
            // It is just beginning, or ending.
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(cannot("try the daemon's lock")(errno.into())),
        }
    })?;
    found.ok_or(StartError::Earlier)
}

fn wait_until_ready(home: &Path, child: &mut Child) -> Result<Outcome, StartError> {
    let outcome = poll(|| {
        // First whether it has ended: another one's daemon may be there then.
        let ended = child.try_wait().map_err(cannot("wait for the daemon"))?;
        if let Some(control) = Control::connect(home)? {
            return Ok(Some(Outcome::Ready(control)));
        }
        Ok(ended.map(Outcome::Ended))
    })?;
    Ok(outcome.unwrap_or(Outcome::Late))
}

/// Asks again and again, until there is an answer or the limit is over.
fn poll<T>(
    mut ask: impl FnMut() -> Result<Option<T>, StartError>,
) -> Result<Option<T>, StartError> {
    let deadline = Instant::now() + LIMIT;
    let mut pause = Duration::from_millis(1);
    loop {
        match ask()? {
            Some(answer) => return Ok(Some(answer)),
            None if Instant::now() >= deadline => return Ok(None),
            None => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn spawn(
    program: &Path,
    args: &[OsString],
    env: &[(OsString, OsString)],
    log: &File,
) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(args.iter().map(AsRef::<OsStr>::as_ref))
        .envs(env.iter().map(|(key, value)| (key, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?);
    detach(&mut command);
    command.spawn()
}

fn lines_after(mut log: File, before: u64) -> Vec<String> {
    let mut bytes = Vec::new();
    // Only for the message: without it, it says less.
    let _ = log
        .seek(SeekFrom::Start(before))
        .and_then(|_| log.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(LAST)..].to_vec()
}
