//! What one process is shut in: its private folder and its group of limits, from before its start to
//! after its end. It must not know when that is.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apply;
use crate::cgroup::{Cgroup, Limits};
use crate::folder::{Contents, Folder};
use crate::isolation::{Level, Parts};

/// Who is to be shut in.
#[derive(Clone, Copy, Debug)]
pub struct Inmate<'a> {
    /// The app, by which its user is known.
    pub app: &'a str,
    /// The process.
    pub name: &'a str,
    /// The files that it finds as its own, as if nobody had changed them; none where there are none.
    pub tree: Option<&'a Path>,
    /// A program that it needs and may not see otherwise.
    pub program: Option<&'a Path>,
    /// What it may use.
    pub limits: Limits,
}

/// One process's. It is to be removed when the process has ended; dropping it removes nothing.
pub struct Enclosure {
    folder: Option<Folder>,
    cgroup: Option<Cgroup>,
    user: Option<u32>,
    /// Where the tree is for the process.
    dir: Option<PathBuf>,
    /// Where the program is for it.
    program: Option<PathBuf>,
    temporary: Option<PathBuf>,
    #[cfg(target_os = "linux")]
    way: crate::enter::Way,
}

impl Enclosure {
    pub(crate) fn new(
        inmate: &Inmate<'_>,
        parts: &Parts<'_>,
        cgroup: Option<Cgroup>,
    ) -> io::Result<Self> {
        let mut made = Self {
            folder: None,
            cgroup,
            user: parts.user,
            dir: inmate.tree.map(Path::to_owned),
            program: inmate.program.map(Path::to_owned),
            temporary: None,
            #[cfg(target_os = "linux")]
            way: crate::enter::Way::default(),
        };
        match made.furnish(inmate, parts) {
            Ok(()) => Ok(made),
            Err(error) => {
                made.remove();
                Err(error)
            }
        }
    }

    fn furnish(&mut self, inmate: &Inmate<'_>, parts: &Parts<'_>) -> io::Result<()> {
        if parts.level != Level::Off {
            let contents = Contents {
                tree: inmate.tree,
                copied: parts.copied,
                user: parts.user,
            };
            let folder = Folder::make(parts.path.clone(), &contents)?;
            if parts.level < Level::View {
                self.dir = Some(folder.copied());
                self.temporary = Some(folder.temporary());
            }
            self.folder = Some(folder);
        }
        #[cfg(target_os = "linux")]
        self.plan(inmate, parts)?;
        Ok(())
    }

    /// Everything that its child will do, made ready.
    #[cfg(target_os = "linux")]
    fn plan(&mut self, inmate: &Inmate<'_>, parts: &Parts<'_>) -> io::Result<()> {
        use crate::{enter, rules, view};
        if let Some(cgroup) = &self.cgroup {
            let doors = cgroup.doors()?;
            self.way.join = doors.into_iter().map(Into::into).collect();
        }
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        self.way.shut = true;
        if parts.level == Level::Rules {
            let rules = rules::hide(parts.hidden, folder.path()).map_err(io::Error::other)?;
            self.way.rules = Some(rules);
        }
        if parts.level < Level::View {
            return Ok(());
        }
        let root = parts.level == Level::User;
        let seen = view::Seen {
            folder,
            program: inmate.program,
            copied: parts.copied,
            root,
        };
        let itself = if root { Vec::new() } else { enter::itself() };
        let steps = parts.machine.steps(&seen)?;
        self.way.view = Some(enter::View { itself, steps });
        self.way.user = parts.user;
        // Others of our user are out of its sight, but not out of reach of its signals.
        self.way.rules = (!root).then(|| rules::no_signals().ok()).flatten();
        self.dir = Some(view::APP.into());
        self.program = inmate.program.map(|_| view::PROGRAM.into());
        Ok(())
    }

    /// Where the process finds its tree; `None` where it has none.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Where it finds the program.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// The user and group that it becomes; `None`: it stays ours.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// Lets a command begin shut in. What else its child is to do comes after that where it is said
    /// afterwards; its working folder is set, and `TMPDIR` where it needs one. It is to be called
    /// once, and the command to be started once.
    ///
    /// # Errors
    /// Where it cannot be prepared.
    pub fn apply(&mut self, command: &mut Command) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            command.env("TMPDIR", temporary);
        }
        #[cfg(target_os = "linux")]
        {
            if self.way.view.is_none() {
                command.current_dir(self.dir.as_deref().unwrap_or(Path::new("/")));
            }
            apply::go(command, std::mem::take(&mut self.way));
        }
        #[cfg(not(target_os = "linux"))]
        command.current_dir(self.dir.as_deref().unwrap_or(Path::new("/")));
        Ok(())
    }

    /// Sets its limits anew. Answers whether the kernel enforces them.
    pub fn limit(&self, limits: &Limits) -> bool {
        self.cgroup.as_ref().inspect(|it| it.set(limits)).is_some()
    }

    /// How often the kernel has ended something of it for want of memory.
    #[must_use]
    pub fn out_of_memory(&self) -> u64 {
        self.cgroup.as_ref().map_or(0, Cgroup::out_of_memory)
    }

    /// Ends whatever is left of the process, as far as its group of limits tells, and removes all
    /// that it wrote. It takes its time.
    pub fn remove(self) {
        if let Some(cgroup) = self.cgroup {
            cgroup.remove();
        }
        if let Some(folder) = self.folder {
            folder.remove();
        }
    }
}
