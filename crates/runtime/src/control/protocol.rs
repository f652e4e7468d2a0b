//! The messages on the control socket, each one line of JSON. Types without input or output.
//!
//! The daemon greets with a [`Hello`]. Then the client sends one [`Request`] after the other and
//! gets one [`Reply`] to each, but for these: before the answer to `Launch` come the `Line`s of the release
//! phase and a `Released`, if it runs; after `Shutdown` comes nothing, and the connection is closed once
//! every process has ended. A client that goes away between `Launch` and `Switch` abandons what it
//! launched. What led to a reply is in the log when it comes.
//!
//! After `OneOff` comes `Done`; then the client sends one byte with the descriptors that it hands
//! over, if any, and gets `Started`, and `Ended` once the process has ended, unless its output goes
//! to the log. Between those two it may send `Signal`s, which are not answered; if it goes away, the
//! process is ended.

use serde::{Deserialize, Serialize};
use slugline_core::app::AppName;
use slugline_core::release::Version;
use slugline_core::settings::Settings;
use slugline_core::time::Timestamp;
use slugline_isolation::{Isolation, Level};

use crate::oneoff::OneOff;
use crate::spec::AppSpec;

/// The version of this protocol.
pub(crate) const PROTOCOL: u32 = 1;

/// The daemon's greeting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) pid: u32,
    /// The router's port.
    pub(crate) port: u16,
}

/// What a client asks. No `Debug`: a spec holds secrets.
#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    Status,
    /// Figures for a monitoring system.
    Metrics,
    /// Start a release beside the one that runs; answered when it is healthy or not.
    Launch {
        spec: AppSpec,
    },
    /// Send the requests to what was launched on this connection.
    Switch,
    /// Run a release in place of whatever runs.
    Run {
        spec: AppSpec,
    },
    Stop {
        app: AppName,
    },
    /// Bring what runs of an app to these settings.
    Configure {
        app: AppName,
        settings: Settings,
    },
    /// Stop one process, or those of one type.
    StopSome {
        app: AppName,
        which: String,
    },
    /// The same with new ones in their place.
    RestartSome {
        app: AppName,
        which: String,
    },
    Shutdown,
    /// Run a command once.
    OneOff {
        one_off: OneOff,
    },
    /// Pass a signal on to the one-off of this connection.
    Signal {
        number: i32,
    },
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    Done,
    /// How many processes it concerned.
    Count {
        count: usize,
    },
    Status {
        status: Status,
    },
    Metrics {
        text: String,
    },
    Unhealthy {
        reason: String,
        log: Vec<String>,
    },
    /// The release phase failed.
    ReleaseFailed {
        reason: String,
        log: Vec<String>,
    },
    Line {
        line: String,
    },
    /// The release phase has ended well.
    Released,
    Refused {
        why: Refusal,
    },
    /// A one-off runs, under this name.
    Started {
        name: String,
    },
    /// It has ended, with this exit status, as a shell tells it.
    Ended {
        status: u8,
    },
    /// It could not be started; why, in one line.
    NotStarted {
        why: String,
    },
}

/// Why the daemon does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The request is none that it knows.
    #[error("the daemon does not understand this request; it may be of another version")]
    NotUnderstood,
    /// There is nothing to switch to: it was stopped or replaced meanwhile.
    #[error("the release that was launched was stopped or replaced meanwhile")]
    NoCandidate,
    /// It is ending.
    #[error("the daemon is ending")]
    Ending,
}

/// What the daemon does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub since: Timestamp,
    /// The port of the router.
    pub port: u16,
    /// The address of the HTTP API, if it listens.
    #[serde(default)]
    pub api: Option<String>,
    /// How processes are shut in; `None` of a daemon that does not know.
    #[serde(default)]
    pub shut: Option<ShutIn>,
    /// The apps that it knows, sorted by name.
    pub apps: Vec<AppStatus>,
}

/// How the processes of apps are shut in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutIn {
    /// How much.
    pub level: Level,
    /// Why it is not more, where there could be more.
    pub lacking: Option<String>,
    /// Whether the kernel limits their memory.
    pub memory: bool,
    /// Their CPU.
    pub cpu: bool,
    /// How many they are.
    pub processes: bool,
}

impl ShutIn {
    pub(crate) fn of(isolation: &Isolation) -> Self {
        let [memory, cpu, processes] = isolation.limits();
        Self {
            level: isolation.level(),
            lacking: isolation.lacking().map(str::to_owned),
            memory,
            cpu,
            processes,
        }
    }
}

/// What runs of one app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatus {
    /// The app.
    pub app: AppName,
    /// The release that runs, or was stopped; `None` before the first.
    pub version: Option<Version>,
    /// Its processes and then its servers, each sorted by name.
    pub processes: Vec<ProcessStatus>,
}

/// One process or server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// `web.1`, or the name of a server, such as `memcache`.
    pub name: String,
    /// Whether it is the server of an add-on.
    pub server: bool,
    /// How it is.
    pub state: ProcessState,
    /// Since when it has been so.
    pub since: Timestamp,
    /// The command; of a server only the program, since its arguments may be secret.
    pub command: String,
    /// The release that it runs; of a server, the one that started it.
    pub version: Version,
    /// How often it was started again.
    pub restarts: u32,
    /// Its process id, while there is one.
    pub pid: Option<u32>,
    /// Its port, if it has one.
    pub port: Option<u16>,
    /// What it and its children hold of memory, in bytes, while it runs; shared pages count for each.
    #[serde(default)]
    pub memory: Option<u64>,
    /// What it may hold, in bytes.
    #[serde(default)]
    pub memory_limit: Option<u64>,
}

impl ProcessStatus {
    /// Whether it is a command that somebody runs once, and none of the app's own processes.
    #[must_use]
    pub fn is_one_off(&self) -> bool {
        !self.server && self.name.starts_with("run.")
    }
}

/// How a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It runs, and is not ready; or is about to be started.
    Starting,
    /// It is ready.
    Up,
    /// It died, and waits to be started again.
    Crashed,
    /// It was told to end.
    Stopped,
}

impl ProcessState {
    /// The word that names it: `starting`, `up`, `crashed` or `stopped`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Crashed => "crashed",
            Self::Stopped => "stopped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lines_with_their_names() {
        let app = AppName::new("a").unwrap();
        let line = serde_json::to_string(&Request::Stop { app }).unwrap();
        assert_eq!(line, r#"{"request":"stop","app":"a"}"#);
        let line = serde_json::to_string(&Reply::Refused {
            why: Refusal::Ending,
        })
        .unwrap();
        assert_eq!(line, r#"{"reply":"refused","why":"ending"}"#);
        let line = Reply::Unhealthy {
            reason: "a\nb".into(),
            log: Vec::new(),
        };
        assert!(!serde_json::to_string(&line).unwrap().contains('\n'));
    }
}
