//! One process of the operating system: started from a recipe, signalled as a group, and the words
//! for how it ended. It must not know why it is started, nor whether it will be again.

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::Child;

use crate::command::Recipe;
use crate::health::Sick;
use crate::preexec::tie_to_this_thread;

/// A process that was started, and the pipe to which it writes both its outputs, in order.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) group: Group,
    pub(crate) output: pipe::Receiver,
}

/// A process and all its children that did not leave its group.
#[derive(Clone, Copy)]
pub(crate) struct Group(Pid);

/// How a life of a process ended, unasked.
#[derive(Debug)]
pub(crate) enum Ending {
    Exited(ExitStatus),
    /// It did not open its port in time.
    Deaf {
        port: u16,
        limit: Duration,
    },
    /// It opened its port, and was not healthy in time.
    Sick {
        sick: Sick,
        limit: Duration,
    },
    NotStarted(std::io::Error),
    NoPort,
}

/// Starts a process: the leader of a group of its own, with its own environment only, without
/// input. It must be called on the thread that lives as long as the process may.
pub(crate) fn start(recipe: &Recipe) -> std::io::Result<Started> {
    let (output, input) = std::io::pipe()?;
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
    let mut command = std::process::Command::new(&recipe.program);
    command
        .args(&recipe.args)
        .env_clear()
        .envs(&recipe.env)
        .current_dir(&recipe.dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input);
    tie_to_this_thread(&mut command);
    // The command goes at the end, and our ends of the pipe with it: only the process keeps one.
    let child = tokio::process::Command::from(command).spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let group = Group(Pid::from_raw(id.ok_or(std::io::ErrorKind::NotFound)?));
    Ok(Started {
        child,
        group,
        output,
    })
}

impl Group {
    pub(crate) fn terminate(self) {
        self.signal(Signal::SIGTERM);
    }

    pub(crate) fn kill(self) {
        self.signal(Signal::SIGKILL);
    }

    /// Whether any process of it still runs.
    pub(crate) fn is_alive(self) -> bool {
        killpg(self.0, None).is_ok() && self.runs()
    }

    /// The signal above also finds processes that have ended and that nobody has waited for, as
    /// happens to orphans where process 1 is no real init. Those do not run.
    #[cfg(target_os = "linux")]
    fn runs(self) -> bool {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return true;
        };
        let group = self.0.to_string();
        processes.flatten().any(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            // `pid (name) state parent group …`; a name may hold spaces and brackets.
            let fields = stat
                .rsplit_once(") ")
                .map(|(_, fields)| fields)
                .unwrap_or_default();
            let mut fields = fields.split(' ');
            fields
                .next()
                .is_some_and(|state| state != "Z" && state != "X")
                && fields.nth(1) == Some(group.as_str())
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn runs(self) -> bool {
        true
    }

    fn signal(self, signal: Signal) {
        // It fails when nobody is left, which is as good.
        let _ = killpg(self.0, signal);
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "exited with status {code}"),
                (None, Some(number)) => match Signal::try_from(number) {
                    Ok(signal) => write!(f, "was killed by {signal}"),
                    Err(_) => write!(f, "was killed by signal {number}"),
                },
                (None, None) => write!(f, "ended: {status}"),
            },
            Self::Deaf { port, limit } => {
                write!(
                    f,
                    "did not open port {port} within {} s",
                    limit.as_secs_f64()
                )
            }
            Self::Sick { sick, limit } => {
                let limit = limit.as_secs_f64();
                write!(f, "was not healthy within {limit} s: {sick}")
            }
            Self::NotStarted(error) => write!(f, "could not be started: {error}"),
            Self::NoPort => f.write_str("could not be started: no port is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_its_words() {
        let check = |ending: Ending, text: &str| assert_eq!(ending.to_string(), text);
        check(
            Ending::Exited(ExitStatus::from_raw(0)),
            "exited with status 0",
        );
        check(
            Ending::Exited(ExitStatus::from_raw(1 << 8)),
            "exited with status 1",
        );
        check(
            Ending::Exited(ExitStatus::from_raw(9)),
            "was killed by SIGKILL",
        );
        check(
            Ending::Exited(ExitStatus::from_raw(64)),
            "was killed by signal 64",
        );
        let limit = Duration::from_secs(60);
        check(
            Ending::Deaf { port: 5000, limit },
            "did not open port 5000 within 60 s",
        );
        let limit = Duration::from_millis(300);
        check(
            Ending::Deaf { port: 5000, limit },
            "did not open port 5000 within 0.3 s",
        );
    }
}
