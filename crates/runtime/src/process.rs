//! One process of the operating system: started from a recipe, signalled as a group, and the words
//! for how it ended. It must not know why it is started, nor whether it will be again.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use slugline_isolation::Enclosure;
use tokio::net::unix::pipe;
use tokio::process::Child;

use crate::command::{PROGRAM, Recipe};
use crate::health::Sick;
use crate::preexec::{lead_session, limit_open_files, tie_to_this_thread};
use crate::shut::give;

/// How often the list of processes is gone through to end those of a session.
#[cfg(target_os = "linux")]
const SWEEPS: usize = 20;

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
    /// It ran once, for longer than it may.
    Overdue {
        limit: Duration,
    },
    NotStarted(std::io::Error),
    /// It was ended, since it held more memory than it may.
    OverMemory,
    NoPort,
}

/// Starts a process: the leader of a group of its own, with its own environment only, without
/// input. It must be called on the thread that lives as long as the process may.
pub(crate) fn start(
    recipe: &Recipe,
    enclosure: Option<&mut Enclosure>,
) -> std::io::Result<Started> {
    let (output, input) = std::io::pipe()?;
    give(&input, false, enclosure.as_deref());
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
    let mut command = command(recipe, enclosure)?;
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input);
    tie_to_this_thread(&mut command);
    let (child, group) = spawn(command)?;
    Ok(Started {
        child,
        group,
        output,
    })
}

/// Starts a process that reads and writes there: the leader of a session of its own, whose
/// terminal is its input where `terminal` is set. Otherwise as [`start`].
pub(crate) fn start_with(
    recipe: &Recipe,
    [input, output, error]: [OwnedFd; 3],
    terminal: bool,
    enclosure: Option<&mut Enclosure>,
) -> std::io::Result<(Child, Group)> {
    for descriptor in [&input, &output, &error] {
        give(descriptor, terminal, enclosure.as_deref());
    }
    let mut command = command(recipe, enclosure)?;
    command.stdin(input).stdout(output).stderr(error);
    lead_session(&mut command, terminal);
    spawn(command)
}

/// The child is shut in before anything else that it does: being another user undoes what ties it to
/// its parent.
fn command(recipe: &Recipe, enclosure: Option<&mut Enclosure>) -> std::io::Result<Command> {
    let mut command = Command::new(&recipe.program);
    command.args(&recipe.args).env_clear().envs(&recipe.env);
    if let Some(most) = recipe.open_files {
        limit_open_files(&mut command, most.into());
    }
    let Some(enclosure) = enclosure else {
        command.current_dir(&recipe.dir);
        return Ok(command);
    };
    if let Some(dir) = enclosure.dir() {
        let home = recipe.env.get("HOME");
        if home.is_some_and(|home| recipe.dir.as_os_str() == home.as_str()) {
            command.env("HOME", dir);
        }
    }
    if let Some(program) = enclosure.program() {
        command.env(PROGRAM, program);
    }
    enclosure.apply(&mut command)?;
    Ok(command)
}

/// The command goes at the end, and our ends of its pipes with it: only the process keeps them.
fn spawn(command: Command) -> std::io::Result<(Child, Group)> {
    let child = tokio::process::Command::from(command).spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let group = Group(Pid::from_raw(id.ok_or(std::io::ErrorKind::NotFound)?));
    Ok((child, group))
}

impl Ending {
    /// Whether it ended as a process does that has done its work.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

impl Group {
    /// Sends any signal.
    pub(crate) fn send(self, signal: Signal) {
        self.signal(signal);
    }

    /// Kills what is in the session that the leader of this group leads, in whatever group it is,
    /// such as the jobs of a shell.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill_session(self) {
        self.kill();
        // What is forked while the list is read is on the next one.
        for _ in 0..SWEEPS {
            let rest: Vec<_> = stats()
                .filter(|stat| stat.runs && stat.session == self.0.as_raw())
                .collect();
            if rest.is_empty() {
                return;
            }
            for stat in rest {
                let _ = nix::sys::signal::kill(Pid::from_raw(stat.pid), Signal::SIGKILL);
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn kill_session(self) {
        self.kill();
    }

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
        stats().any(|stat| stat.runs && stat.group == self.0.as_raw())
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

/// What the kernel tells of a process.
#[cfg(target_os = "linux")]
struct Stat {
    pid: i32,
    group: i32,
    session: i32,
    /// Its resident memory, in pages.
    pages: u64,
    /// It has not ended.
    runs: bool,
}

/// What each process group holds of memory, in bytes, by its leader; of a leader of a session, what
/// all of the session holds.
#[cfg(target_os = "linux")]
pub(crate) fn memory() -> BTreeMap<u32, u64> {
    let page = rustix::param::page_size() as u64;
    let mut held = BTreeMap::new();
    for stat in stats().filter(|stat| stat.runs) {
        let mut leaders = vec![stat.group];
        if stat.session != stat.group {
            leaders.push(stat.session);
        }
        for leader in leaders.into_iter().filter_map(|it| u32::try_from(it).ok()) {
            *held.entry(leader).or_default() += stat.pages * page;
        }
    }
    held
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn memory() -> BTreeMap<u32, u64> {
    BTreeMap::new()
}

/// All processes of this machine that can be seen.
#[cfg(target_os = "linux")]
fn stats() -> impl Iterator<Item = Stat> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        // `pid (name) state parent group session …`; a name may hold spaces and brackets.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?;
        Some(Stat {
            pid,
            group: fields.nth(1)?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            pages: fields.nth(17)?.parse().ok()?,
            runs: state != "Z" && state != "X",
        })
    })
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
            Self::Overdue { limit } => {
                write!(f, "did not end within {} s", limit.as_secs_f64())
            }
            Self::NotStarted(error) => write!(f, "could not be started: {error}"),
            Self::OverMemory => f.write_str("was stopped: it was over its memory"),
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
