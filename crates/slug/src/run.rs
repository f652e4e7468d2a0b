//! Running one program of a buildpack: its lines as they come, a time limit, and nothing of it left
//! afterwards. It must not know what the program is for.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Runs the program given as its arguments beside a guard, both in one process group. The guard
/// ends the whole group when its input closes: when the program has ended or has run for too long,
/// and also when Slugline itself ends, however it ends.
const GUARDED: &str = r#"
exec 3<&0 0</dev/null
{ read -r -u 3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&-
"$@"
exit $?
"#;

/// The longest line that is passed on whole, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// As many lines may wait to be passed on; then the program waits in its turn.
const LINES_AHEAD: usize = 1024;

/// How long output is waited for that a process outside the group may still hold open.
const DRAIN: Duration = Duration::from_secs(2);

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended, since it ran longer than it may.
    TooLong(Duration),
    /// It was ended, since nobody wants it any more.
    Stopped,
}

/// How long a program may run, and whether it is wanted still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until<'a> {
    pub(crate) limit: Duration,
    pub(crate) stopped: Option<&'a AtomicBool>,
}

impl Until<'_> {
    fn stopped(&self) -> bool {
        self.stopped
            .is_some_and(|stopped| stopped.load(Ordering::Relaxed))
    }
}

/// How often it is asked whether a program is wanted still.
const ASKED: Duration = Duration::from_millis(50);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::TooLong(limit) if limit.as_secs() >= 60 => {
                write!(f, "stopped after {} minutes", limit.as_secs() / 60)
            }
            Self::TooLong(limit) => write!(f, "stopped after {} s", limit.as_secs_f64()),
            Self::Stopped => f.write_str("cancelled"),
        }
    }
}

enum Event {
    Line(String),
    Ended(io::Result<ExitStatus>),
}

/// What becomes of standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errors {
    /// It is among the lines, in order: for what a person reads.
    Merged,
    /// It is dropped, so that a warning of the shell does not spoil an answer.
    Dropped,
}

/// Runs a program and its arguments in `folder` with exactly this environment, and calls `line`
/// with each line that it writes. Returns when the program has ended and all processes of its group
/// have been told to.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(
    program: &[&Path],
    folder: &Path,
    env: &BTreeMap<String, String>,
    errors: Errors,
    until: Until<'_>,
    line: &mut dyn FnMut(&str),
) -> io::Result<Ended> {
    let deadline = Instant::now() + until.limit;
    let (output, input) = io::pipe()?;
    let mut child = Command::new("bash")
        .args(["-c", GUARDED, "bash"])
        .args(program)
        .current_dir(folder)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stderr(match errors {
            Errors::Merged => Stdio::from(input.try_clone()?),
            Errors::Dropped => Stdio::null(),
        })
        .stdout(input)
        .process_group(0)
        .spawn()?;
    let lifeline = child.stdin.take();
    let (sender, events) = sync_channel(LINES_AHEAD);
    let lines = sender.clone();
    thread::spawn(move || send_lines(output, &lines));
    thread::spawn(move || send_end(child, &sender));
    follow(&events, lifeline, (deadline, until), line)
}

fn follow(
    events: &Receiver<Event>,
    lifeline: Option<ChildStdin>,
    (deadline, until): (Instant, Until<'_>),
    line: &mut dyn FnMut(&str),
) -> io::Result<Ended> {
    let mut lifeline = lifeline;
    let mut deadline = deadline;
    let (mut ended, mut cancelled) = (None, false);
    loop {
        if until.stopped() && !cancelled {
            cancelled = true;
            drop(lifeline.take());
            deadline = Instant::now() + DRAIN;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // A program that writes without end always has a line ready, so the time is asked first.
        let event = if left.is_zero() {
            Err(RecvTimeoutError::Timeout)
        } else if until.stopped.is_some() && left > ASKED {
            match events.recv_timeout(ASKED) {
                Err(RecvTimeoutError::Timeout) => continue,
                other => other,
            }
        } else {
            events.recv_timeout(left)
        };
        match event {
            Ok(Event::Line(text)) => line(&text),
            Ok(Event::Ended(status)) => {
                let status = status?;
                // Dropping it ends whatever the program left running in its group.
                let stopped = lifeline.take().is_none();
                ended = Some(if cancelled {
                    Ended::Stopped
                } else if stopped {
                    Ended::TooLong(until.limit)
                } else {
                    how(status)
                });
                deadline = Instant::now() + DRAIN;
            }
            Err(RecvTimeoutError::Timeout) => match ended {
                Some(ended) => return Ok(ended),
                None => {
                    drop(lifeline.take());
                    deadline = Instant::now() + DRAIN;
                }
            },
            // Both threads are done, so the end was among the events.
            Err(RecvTimeoutError::Disconnected) => {
                return ended.ok_or_else(|| io::Error::other("its end was not seen"));
            }
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Status(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}

fn send_end(mut child: Child, to: &SyncSender<Event>) {
    // Nobody listens once the time to drain is over; that is fine.
    let _ = to.send(Event::Ended(child.wait()));
}

fn send_lines(output: PipeReader, to: &SyncSender<Event>) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = (&mut output).take(MAX_LINE).read_until(b'\n', &mut bytes);
        if !matches!(read, Ok(read) if read > 0) {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        if to.send(Event::Line(text.to_owned())).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn check(script: &str, limit: Duration) -> (Ended, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        fs::write(&program, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let env = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]);
        let mut lines = Vec::new();
        let mut line = |text: &str| lines.push(text.to_owned());
        let program = [&program, Path::new("one"), Path::new("two words")];
        let until = Until {
            limit,
            stopped: None,
        };
        let ended = run(&program, dir.path(), &env, Errors::Merged, until, &mut line).unwrap();
        (ended, lines)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn lines_of_both_streams_come_in_order() {
        let (ended, lines) = check("echo \"$2\"; echo b >&2; echo c; printf d; exit 3", LONG);
        assert_eq!(ended, Ended::Status(3));
        assert_eq!(lines, ["two words", "b", "c", "d"]);
    }

    #[test]
    fn the_environment_is_what_was_given() {
        let (_, lines) = check(
            "env | cut -d= -f1 | sort | tr '\\n' ' '; read x; echo $?",
            LONG,
        );
        assert_eq!(lines, ["PATH PWD SHLVL _ 1"]);
    }

    #[test]
    fn a_signal_is_told() {
        assert_eq!(check("kill -TERM $$", LONG).0, Ended::Status(128 + 15));
    }

    #[test]
    fn what_it_leaves_running_is_ended() {
        let started = Instant::now();
        let (ended, lines) = check("sleep 1000 & echo $!", LONG);
        assert_eq!(ended, Ended::Status(0));
        assert!(started.elapsed() < LONG);
        gone(&lines[0]);
    }

    #[test]
    fn what_runs_too_long_is_ended_with_all_its_children() {
        let (ended, lines) = check("sleep 1000 & echo $!; wait", Duration::from_millis(500));
        assert_eq!(ended, Ended::TooLong(Duration::from_millis(500)));
        assert_eq!(ended.to_string(), "stopped after 0.5 s");
        gone(&lines[0]);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_ended_with_all_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let program = Path::new("/bin/bash");
        let words = [
            program,
            Path::new("-c"),
            Path::new("sleep 1000 & echo $!; wait"),
        ];
        let env = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]);
        let stopped = AtomicBool::new(false);
        let until = Until {
            limit: LONG,
            stopped: Some(&stopped),
        };
        let (mut lines, started) = (Vec::new(), Instant::now());
        let mut line = |text: &str| {
            lines.push(text.to_owned());
            stopped.store(true, Ordering::Relaxed);
        };
        let ended = run(&words, dir.path(), &env, Errors::Merged, until, &mut line).unwrap();
        assert_eq!((ended, lines.len()), (Ended::Stopped, 1));
        assert!(started.elapsed() < LONG);
        gone(&lines[0]);
    }

    #[test]
    fn what_writes_without_end_is_ended_too() {
        let (ended, lines) = check("yes", Duration::from_millis(300));
        assert_eq!(ended, Ended::TooLong(Duration::from_millis(300)));
        assert!(lines.len() > 1000);
    }

    #[test]
    fn long_lines_are_cut_and_bad_bytes_replaced() {
        let (_, lines) = check(
            "head -c 65537 /dev/zero | tr '\\0' x; printf '\\n\\377\\r\\n'",
            LONG,
        );
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [65536, 1, 3]
        );
        assert_eq!(lines[2], "\u{fffd}");
    }

    /// Waits until a process is gone: a signal may take a moment to arrive.
    fn gone(pid: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let alive = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            matches!(stat.rsplit_once(") "), Some((_, state)) if !state.starts_with('Z'))
        };
        while alive() {
            assert!(Instant::now() < deadline, "process {pid} is still there");
            thread::yield_now();
        }
    }
}
