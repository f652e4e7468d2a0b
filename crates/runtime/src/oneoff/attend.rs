//! The daemon's side of a one-off: started, watched over and ended, with all that it left behind.
//! It must not know who asked for it.

use std::io::Result;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use slugline_isolation::Enclosure;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{OneOff, Place, Streams};
use crate::control::protocol::{ProcessState, ProcessStatus};
use crate::launch::{Context, now};
use crate::logs::pump::{Last, pump};
use crate::process::{Ending, Group, start_with};
use crate::shut::{enclose, remove};
use crate::spec::AppSpec;

/// A one-off that runs.
pub(crate) struct Running {
    cx: Arc<Context>,
    spec: AppSpec,
    child: Child,
    group: Group,
    pub(crate) place: Place,
    /// Where its output comes to, if that is here.
    output: Option<pipe::Receiver>,
    terminal: bool,
    enclosure: Option<Enclosure>,
}

/// What happens to a one-off from outside.
pub(crate) enum Told {
    /// It is to get this signal, as a terminal would send it.
    Signal(Signal),
    /// Whoever waited for it is gone.
    Abandoned,
}

/// Starts a one-off; `None` once the daemon is ending. Its folder is given up when it has ended, or
/// at once where it could not be started.
///
/// # Errors
/// Why it could not be started.
pub(crate) async fn begin(
    cx: &Arc<Context>,
    one_off: OneOff,
    streams: Streams,
) -> Result<Option<Running>> {
    let OneOff { spec, command, .. } = one_off;
    let begun = begin_in(cx, &spec, &command, streams).await;
    match begun {
        Ok(Some((child, group, place, output, terminal, enclosure))) => Ok(Some(Running {
            cx: Arc::clone(cx),
            spec,
            child,
            group,
            place,
            output,
            terminal,
            enclosure,
        })),
        other => {
            retire(cx, &spec);
            other.map(|_| None)
        }
    }
}

type Begun = (
    Child,
    Group,
    Place,
    Option<pipe::Receiver>,
    bool,
    Option<Enclosure>,
);

async fn begin_in(
    cx: &Arc<Context>,
    spec: &AppSpec,
    command: &str,
    streams: Streams,
) -> Result<Option<Begun>> {
    let status = |name| ProcessStatus {
        name,
        server: false,
        state: ProcessState::Starting,
        since: now(),
        command: command.to_owned(),
        version: spec.version,
        restarts: 0,
        pid: None,
        port: None,
        memory: None,
        memory_limit: None,
    };
    let Some(place) = cx.one_offs.take(&spec.app, status) else {
        return Ok(None);
    };
    let name = place.name();
    let recipe = cx.machine.process(spec, &name, command, None);
    let (streams, output, terminal) = match streams {
        Streams::Log => {
            let (output, input) = std::io::pipe()?;
            let null = std::fs::File::open("/dev/null")?;
            let streams = [null.into(), input.try_clone()?.into(), input.into()];
            let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
            (streams, Some(output), false)
        }
        Streams::Given(streams) => (streams, None, false),
        Streams::Terminal(terminal) => {
            let (input, output) = (terminal.try_clone()?, terminal.try_clone()?);
            ([input, output, terminal], None, true)
        }
    };
    let say = |line: &str| say(cx, spec, &name, line);
    say(&format!("Starting process with command `{command}`"));
    let failed = |error: &std::io::Error| say(&format!("Process could not be started: {error}"));
    let enclosed = enclose(&cx.isolation, &recipe).await;
    let mut enclosure = enclosed.inspect_err(failed)?;
    let started = start_with(&recipe, streams, terminal, enclosure.as_mut());
    let (child, group) = match started.inspect_err(failed) {
        Ok(started) => started,
        Err(error) => {
            remove(enclosure);
            return Err(error);
        }
    };
    place.update(|status| {
        (status.pid, status.state, status.since) = (child.id(), ProcessState::Up, now());
    });
    say("State changed from starting to up");
    Ok(Some((child, group, place, output, terminal, enclosure)))
}

fn say(cx: &Context, spec: &AppSpec, name: &str, line: &str) {
    let source = format!("slugline[{name}]");
    cx.logs.app(&spec.app).append(&source, [line]);
}

fn retire(cx: &Context, spec: &AppSpec) {
    if let Some(dir) = spec.dir.clone() {
        let (desired, app, version) = (Arc::clone(&cx.desired), spec.app.clone(), spec.version);
        tokio::task::spawn_blocking(move || desired.retired(&app, version, &dir));
    }
}

/// Waits until a one-off has ended, doing as it is told meanwhile. Answers its exit status as a
/// shell tells it: 128 and the number of the signal that ended it.
pub(crate) async fn until_the_end(
    mut running: Running,
    mut told: mpsc::UnboundedReceiver<Told>,
) -> u8 {
    let status = loop {
        tokio::select! {
            biased;
            status = running.child.wait() => break status.ok(),
            () = running.place.stopped() => break running.stop().await,
            told = told.recv() => match told {
                Some(Told::Signal(signal)) => running.group.send(signal),
                Some(Told::Abandoned) | None => break running.stop().await,
            },
        }
    };
    running.finish(status)
}

/// Brings the output of a one-off to the log until it has ended.
pub(crate) async fn log_to_the_end(mut running: Running) {
    let name = running.place.name();
    let log = running.cx.logs.app(&running.spec.app);
    let line_bytes = running.cx.limits.line_bytes;
    let last_words = running.cx.limits.last_words;
    let output = running.output.take().map(|output| {
        let source = format!("app[{name}]");
        tokio::spawn(pump(output, log, source, line_bytes, Last::default(), None))
    });
    let status = tokio::select! {
        biased;
        status = running.child.wait() => status.ok(),
        () = running.place.stopped() => running.stop().await,
    };
    running.group.kill_session();
    if let Some(output) = output {
        // What left the session may keep the pipe open; what it writes later is logged too.
        let _ = timeout(last_words, output).await;
    }
    running.finish(status);
}

impl Running {
    /// Ends it: SIGTERM, with the SIGHUP that a terminal which is gone sends, and SIGKILL after the
    /// grace.
    async fn stop(&mut self) -> Option<ExitStatus> {
        self.say("Stopping process with SIGTERM");
        self.group.terminate();
        if self.terminal {
            self.group.send(Signal::SIGHUP);
        }
        let grace = Duration::from_millis(self.spec.stop_grace_ms);
        match timeout(grace, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                self.group.kill();
                self.child.wait().await.ok()
            }
        }
    }

    fn finish(mut self, status: Option<ExitStatus>) -> u8 {
        // What it left behind goes with it.
        self.group.kill_session();
        if let Some(status) = status {
            self.say(&format!("Process {}", Ending::Exited(status)));
        }
        self.say("State changed from up to complete");
        remove(self.enclosure.take());
        retire(&self.cx, &self.spec);
        status.map_or(u8::MAX, shell_status)
    }

    fn say(&self, line: &str) {
        say(&self.cx, &self.spec, &self.place.name(), line);
    }
}

/// The exit status as a shell tells it.
fn shell_status(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = || status.signal().map(|signal| 128 + signal);
    let number = status.code().or_else(signal);
    number
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(u8::MAX)
}
