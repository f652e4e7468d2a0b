//! One-off processes: a command run once, beside the app's own processes, with the same recipe. It
//! is the daemon's child, so that it has the same limits, is listed and ends with the daemon; but
//! its input and output are the client's own descriptors, handed over the control socket, so that
//! no byte passes through the daemon, and an end of file, a full pipe or a terminal are what they
//! always are. It must not know which release is current, nor what a command line is.

mod attend;
pub(crate) mod client;
pub(crate) mod descriptors;
mod piped;
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use slugline_core::app::AppName;
use tokio::sync::watch;

use crate::control::protocol::ProcessStatus;
use crate::spec::AppSpec;

pub(crate) use attend::{Told, begin, log_to_the_end, until_the_end};

/// Where the input and output of a one-off are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attach {
    /// No input; the output goes to the app's log.
    Log,
    /// Three descriptors of the client's.
    Streams,
    /// One descriptor, a terminal, which becomes the process's controlling one.
    Terminal,
}

impl Attach {
    /// How many descriptors the client hands over.
    pub(crate) fn descriptors(self) -> usize {
        match self {
            Self::Log => 0,
            Self::Streams => 3,
            Self::Terminal => 1,
        }
    }
}

/// What is to be run once. No `Debug`: a spec holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OneOff {
    /// The release whose folder and environment it gets; its processes and servers are not started.
    pub(crate) spec: AppSpec,
    /// For the shell.
    pub(crate) command: String,
    pub(crate) attach: Attach,
}

/// Where the process reads and writes, as its own descriptors.
pub(crate) enum Streams {
    Log,
    Given([OwnedFd; 3]),
    Terminal(OwnedFd),
}

impl Streams {
    /// The descriptors that a client handed over; `None` where they are not as many as they should be.
    pub(crate) fn new(attach: Attach, descriptors: Vec<OwnedFd>) -> Option<Self> {
        match attach {
            Attach::Log => descriptors.is_empty().then_some(Self::Log),
            Attach::Streams => descriptors.try_into().ok().map(Self::Given),
            Attach::Terminal => {
                let [terminal] = <[OwnedFd; 1]>::try_from(descriptors).ok()?;
                Some(Self::Terminal(terminal))
            }
        }
    }
}

/// The one-offs that run, of all apps.
#[derive(Default)]
pub(crate) struct OneOffs(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    ending: bool,
    running: BTreeMap<(AppName, u32), Entry>,
}

struct Entry {
    status: ProcessStatus,
    stop: watch::Sender<bool>,
}

/// The place of one one-off in the list, until it is dropped.
pub(crate) struct Place {
    table: Arc<Mutex<Table>>,
    key: (AppName, u32),
    stop: watch::Receiver<bool>,
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // Whoever panicked with the lock left a list that is whole.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OneOffs {
    /// Puts a process on the list, under the lowest number that is free: `run.1`. `None` once the
    /// daemon is ending. `status` is given the name.
    pub(crate) fn take(
        &self,
        app: &AppName,
        status: impl FnOnce(String) -> ProcessStatus,
    ) -> Option<Place> {
        let mut table = lock(&self.0);
        if table.ending {
            return None;
        }
        let key = (1..)
            .map(|number| (app.clone(), number))
            .find(|key| !table.running.contains_key(key))?;
        let (stop, receiver) = watch::channel(false);
        let status = status(format!("run.{}", key.1));
        table.running.insert(key.clone(), Entry { status, stop });
        Some(Place {
            table: Arc::clone(&self.0),
            key,
            stop: receiver,
        })
    }

    /// Those of all apps, sorted by app and number.
    pub(crate) fn statuses(&self) -> Vec<(AppName, ProcessStatus)> {
        let table = lock(&self.0);
        let of = |((app, _), entry): (&(AppName, u32), &Entry)| (app.clone(), entry.status.clone());
        table.running.iter().map(of).collect()
    }

    /// Ends those of an app whose name is `name`, or all of its; answers how many those were, once
    /// they have ended.
    pub(crate) async fn end(&self, app: &AppName, name: Option<&str>) -> usize {
        let stops: Vec<_> = {
            let table = lock(&self.0);
            let meant = |key: &(AppName, u32), entry: &Entry| {
                key.0 == *app && name.is_none_or(|name| entry.status.name == name)
            };
            let found = table.running.iter().filter(|(key, it)| meant(key, it));
            found.map(|(_, entry)| entry.stop.clone()).collect()
        };
        stop_and_wait(&stops).await;
        stops.len()
    }

    /// Ends all of them, for good.
    pub(crate) async fn end_all(&self) {
        let stops: Vec<_> = {
            let mut table = lock(&self.0);
            table.ending = true;
            table.running.values().map(|it| it.stop.clone()).collect()
        };
        stop_and_wait(&stops).await;
    }
}

async fn stop_and_wait(stops: &[watch::Sender<bool>]) {
    for stop in stops {
        stop.send_replace(true);
    }
    for stop in stops {
        // Its receiver goes with the place.
        stop.closed().await;
    }
}

impl Place {
    /// `run.1`.
    pub(crate) fn name(&self) -> String {
        format!("run.{}", self.key.1)
    }

    /// Says what has changed about the process.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ProcessStatus)) {
        if let Some(entry) = lock(&self.table).running.get_mut(&self.key) {
            change(&mut entry.status);
        }
    }

    /// Returns when the process is to end.
    pub(crate) async fn stopped(&mut self) {
        // Its sender is on the list as long as this is.
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.table).running.remove(&self.key);
    }
}
