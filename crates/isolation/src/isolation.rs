//! What of all that can be done here is in force: the most that works, found out once by doing it.
//! It must not know what is enclosed later.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::cgroup::{Cgroups, Limits};
use crate::enclosure::{Enclosure, Inmate};
use crate::folder;
use crate::users::{LAST_USER, Users, UsersError};

/// The folder in a home that holds the private folders of processes.
const FOLDER: &str = "private";

/// How much of it is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// As much as there can be.
    #[default]
    Auto,
    /// Nothing starts where a process would not have its own view of the files.
    Required,
    /// None: processes share their tree, and see what we see.
    Off,
}

/// No way of saying how much is wanted.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("isolation is auto, required or off")]
pub struct UnknownWish;

impl FromStr for Wanted {
    type Err = UnknownWish;

    fn from_str(text: &str) -> Result<Self, UnknownWish> {
        match text {
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            "off" => Ok(Self::Off),
            _ => Err(UnknownWish),
        }
    }
}

/// What is in force, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing: it is not wanted.
    Off,
    /// Each process has a copy of its tree, and temporary folders that it is told of.
    Copies,
    /// The same, and rules of the kernel by which it reaches no file of the home but these.
    Rules,
    /// Each process has a view of the files of its own, under our user.
    View,
    /// The same, under a user of its app's own.
    User,
}

/// Why nothing is enclosed.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// What is wanted cannot be had.
    #[error("processes cannot be isolated here as is required: {0}")]
    Impossible(String),
    /// The folder of private folders, or one of them, cannot be used.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The user of an app cannot be told.
    #[error(transparent)]
    Users(#[from] UsersError),
}

/// What is in force for the processes of one home.
pub struct Isolation {
    level: Level,
    /// Trees are copied, and not looked through to.
    copied: bool,
    /// Why it is not more.
    lacking: Option<String>,
    /// The folder of private folders.
    folder: PathBuf,
    hidden: Vec<PathBuf>,
    #[cfg(target_os = "linux")]
    machine: crate::view::Machine,
    users: Users,
    cgroups: Option<Cgroups>,
    count: AtomicU64,
}

impl Isolation {
    /// Finds out what works, by starting `/bin/sh` that way, and removes what an earlier daemon of
    /// this home has left. Along `path`, processes look for programs. Whoever calls holds the home's daemon lock.
    ///
    /// # Errors
    /// [`IsolationError::Impossible`] where more is required than can be had.
    pub fn find(home: &Path, wanted: Wanted, path: &str) -> Result<Self, IsolationError> {
        let cannot = |what| move |source| IsolationError::Io { what, source };
        let home = fs::canonicalize(home).map_err(cannot("find the home"))?;
        let mut isolation = Self {
            level: Level::Off,
            copied: false,
            lacking: None,
            folder: home.join(FOLDER),
            hidden: vec![home.clone()],
            #[cfg(target_os = "linux")]
            machine: crate::view::Machine::new(std::slice::from_ref(&home), path)
                .map_err(cannot("look at the machine's root folder"))?,
            users: Users::new(&home),
            cgroups: Cgroups::find(&home),
            count: AtomicU64::new(0),
        };
        isolation.sweep();
        if wanted == Wanted::Off {
            return Ok(isolation);
        }
        folder::private(&isolation.folder).map_err(cannot("make the folder of private folders"))?;
        isolation.try_all();
        match isolation.lacking.take() {
            Some(why) if wanted == Wanted::Required && isolation.level < Level::View => {
                isolation.close();
                Err(IsolationError::Impossible(why))
            }
            why => {
                isolation.lacking = why;
                Ok(isolation)
            }
        }
    }

    /// The first of these that works is taken; why the best one does not is kept.
    fn try_all(&mut self) {
        let best = match nix::unistd::geteuid().is_root() {
            true => Level::User,
            false => Level::View,
        };
        for (level, copied) in [(best, false), (best, true), (Level::Rules, true)] {
            (self.level, self.copied) = (level, copied);
            match self.attempt() {
                Ok(()) => {
                    if level == best {
                        self.lacking = None;
                    }
                    return;
                }
                Err(why) => {
                    self.lacking.get_or_insert(why);
                }
            }
        }
        (self.level, self.copied) = (Level::Copies, true);
    }

    /// Starts a process as all are started. Answers why that does not work.
    fn attempt(&self) -> Result<(), String> {
        let inmate = Inmate {
            app: "",
            name: "attempt",
            tree: None,
            program: None,
            limits: Limits::default(),
        };
        let user = (self.level == Level::User).then_some(LAST_USER);
        let enclosure = self.enclose_as(&inmate, user);
        let mut enclosure = enclosure.map_err(|error| error.to_string())?;
        let mut command = Command::new("/bin/sh");
        // That it can write where it may is part of it. It inherits nothing, as no process does.
        command
            .env_clear()
            .args(["-c", ": >attempt && : >\"${TMPDIR:-/tmp}/attempt\""]);
        let applied = enclosure.apply(&mut command);
        let ran = applied.and_then(|()| command.output());
        enclosure.remove();
        match ran {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(first_line(&output.stderr)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What is in force.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Why it is not more; `None` where it is all that there can be, or none is wanted.
    #[must_use]
    pub fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }

    /// Whether the kernel limits memory, CPU and the number of processes.
    #[must_use]
    pub fn limits(&self) -> [bool; 3] {
        self.cgroups.as_ref().map_or([false; 3], Cgroups::kinds)
    }

    /// Shuts one process in. It takes its time: a tree may have to be copied.
    ///
    /// # Errors
    /// [`IsolationError`], but not for limits that cannot be set.
    pub fn enclose(&self, inmate: &Inmate<'_>) -> Result<Enclosure, IsolationError> {
        let user = match self.level {
            Level::User => Some(self.users.of(inmate.app)?),
            _ => None,
        };
        self.enclose_as(inmate, user)
    }

    fn enclose_as(
        &self,
        inmate: &Inmate<'_>,
        user: Option<u32>,
    ) -> Result<Enclosure, IsolationError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number}.{}.{}", inmate.app, inmate.name);
        let cgroup = self.cgroups.as_ref();
        // Without a group there are no limits but those that somebody polls for.
        let cgroup = cgroup.and_then(|groups| groups.make(&name, &inmate.limits).ok());
        let parts = Parts {
            level: self.level,
            copied: self.copied,
            path: self.folder.join(name),
            hidden: &self.hidden,
            #[cfg(target_os = "linux")]
            machine: &self.machine,
            user,
        };
        let made = Enclosure::new(inmate, &parts, cgroup);
        made.map_err(|source| IsolationError::Io {
            what: "make a private folder",
            source,
        })
    }

    /// Removes what processes that have ended left, also those of an earlier daemon.
    fn sweep(&self) {
        folder::remove(&self.folder);
    }

    /// The end: every process must have ended by now. What is left of any is removed.
    pub fn close(&self) {
        if let Some(cgroups) = &self.cgroups {
            cgroups.close();
        }
        self.sweep();
    }
}

/// What an enclosure is made of.
pub(crate) struct Parts<'a> {
    pub(crate) level: Level,
    pub(crate) copied: bool,
    pub(crate) path: PathBuf,
    pub(crate) hidden: &'a [PathBuf],
    #[cfg(target_os = "linux")]
    pub(crate) machine: &'a crate::view::Machine,
    pub(crate) user: Option<u32>,
}

fn first_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().next().unwrap_or("it failed").to_owned()
}
