//! Groups of processes whose memory, CPU and number the kernel limits: version 2 where its folder was
//! given to us, and version 1 where that is what the machine has. It is all files. It must not know
//! what runs in a group.

mod find;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// As many processes and threads may be in a group: enough for every app, and no end to a machine.
const PROCESSES: &str = "4096";
/// Over how long CPU is measured, in microseconds.
const PERIOD: u64 = 100_000;
/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one process may use with its children; `None`: as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes. It is enforced at twice as much: up to there, whoever polls may be kinder.
    pub memory: Option<u64>,
    /// Percent of one core.
    pub cpu_percent: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Memory,
    Cpu,
    Pids,
}

/// The folders in which groups are made: one for all kinds of limits, or one for each.
#[derive(Debug)]
pub(crate) struct Cgroups {
    version: u8,
    roots: Vec<(Vec<Kind>, PathBuf)>,
    /// Of version 2: where we moved from, to be moved back.
    moved: Option<find::Moved>,
}

/// The group of one process.
pub(crate) struct Cgroup {
    version: u8,
    folders: Vec<(Vec<Kind>, PathBuf)>,
}

impl Cgroups {
    /// Those of a home, if there can be any. What an earlier daemon left is gone then.
    pub(crate) fn find(home: &Path) -> Option<Self> {
        find::find(home)
    }

    /// Whether each of memory, CPU and number can be limited.
    pub(crate) fn kinds(&self) -> [bool; 3] {
        let has = |kind| self.roots.iter().any(|(kinds, _)| kinds.contains(&kind));
        [has(Kind::Memory), has(Kind::Cpu), has(Kind::Pids)]
    }

    /// A group of this name.
    pub(crate) fn make(&self, name: &str, limits: &Limits) -> io::Result<Cgroup> {
        let mut made = Cgroup {
            version: self.version,
            folders: Vec::new(),
        };
        for (kinds, root) in &self.roots {
            let folder = root.join(name);
            if let Err(error) = fs::create_dir(&folder) {
                made.remove();
                return Err(error);
            }
            made.folders.push((kinds.clone(), folder));
        }
        made.write(Kind::Pids, "pids.max", PROCESSES);
        made.set(limits);
        Ok(made)
    }

    /// Ends what is in any group, and removes them all.
    pub(crate) fn sweep(&self) {
        for (_, root) in &self.roots {
            sweep(root);
        }
    }

    /// The same, and the folders that they were in go too.
    pub(crate) fn close(&self) {
        self.sweep();
        for (_, root) in &self.roots {
            let _ = fs::remove_dir(root);
        }
        if let Some(moved) = &self.moved {
            moved.back();
        }
    }
}

impl Cgroup {
    /// What a process writes `0` to, to be in the group.
    pub(crate) fn doors(&self) -> io::Result<Vec<File>> {
        let open = |(_, folder): &(_, PathBuf)| File::options().write(true).open(procs(folder));
        self.folders.iter().map(open).collect()
    }

    /// Sets its limits, from now on. What cannot be set is left as it is: whoever polls is there too.
    pub(crate) fn set(&self, limits: &Limits) {
        let text = |number: Option<u64>, none: &str| {
            number.map_or_else(|| none.to_owned(), |number| number.to_string())
        };
        let memory = limits.memory.map(|bytes| bytes.saturating_mul(2));
        let quota = limits
            .cpu_percent
            .map(|percent| u64::from(percent) * PERIOD / 100);
        if self.version == 2 {
            self.write(Kind::Memory, "memory.max", &text(memory, "max"));
            // What is over goes, and not to the disk.
            let swap = if memory.is_some() { "0" } else { "max" };
            self.write(Kind::Memory, "memory.swap.max", swap);
            let quota = format!("{} {PERIOD}", text(quota, "max"));
            self.write(Kind::Cpu, "cpu.max", &quota);
            return;
        }
        let memory = text(memory, "-1");
        // The limit with swap is never below the other: one of the first two goes through.
        self.write(Kind::Memory, "memory.limit_in_bytes", &memory);
        self.write(Kind::Memory, "memory.memsw.limit_in_bytes", &memory);
        self.write(Kind::Memory, "memory.limit_in_bytes", &memory);
        self.write(Kind::Cpu, "cpu.cfs_period_us", &PERIOD.to_string());
        self.write(Kind::Cpu, "cpu.cfs_quota_us", &text(quota, "-1"));
    }

    /// How often the kernel has ended something in it for want of memory.
    pub(crate) fn out_of_memory(&self) -> u64 {
        let file = match self.version {
            2 => "memory.events",
            _ => "memory.oom_control",
        };
        let text = self.folder(Kind::Memory).map(|it| it.join(file));
        let text = text
            .and_then(|it| fs::read_to_string(it).ok())
            .unwrap_or_default();
        let mut words = text.lines().filter_map(|line| line.split_once(' '));
        let count = words.find(|(name, _)| *name == "oom_kill");
        count
            .and_then(|(_, count)| count.parse().ok())
            .unwrap_or_default()
    }

    /// Ends whatever is in it, and removes it.
    pub(crate) fn remove(self) {
        for (_, folder) in &self.folders {
            empty(folder);
        }
    }

    fn folder(&self, kind: Kind) -> Option<&Path> {
        let mut folders = self.folders.iter();
        let found = folders.find(|(kinds, _)| kinds.contains(&kind));
        found.map(|(_, folder)| folder.as_path())
    }

    fn write(&self, kind: Kind, file: &str, text: &str) {
        if let Some(folder) = self.folder(kind) {
            // A kernel may be without this one.
            let _ = fs::write(folder.join(file), text);
        }
    }
}

/// Removes every group in a folder.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            empty(&entry.path());
        }
    }
}

/// Ends whatever is in a group, and removes it.
fn empty(folder: &Path) {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(200);
    while let Err(error) = fs::remove_dir(folder) {
        let gone = error.kind() == io::ErrorKind::NotFound;
        if gone || Instant::now() >= deadline {
            break;
        }
        kill_all(folder);
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn procs(folder: &Path) -> PathBuf {
    folder.join("cgroup.procs")
}

fn kill_all(folder: &Path) {
    let inside = fs::read_to_string(procs(folder)).unwrap_or_default();
    for pid in inside.lines().filter_map(|line| line.parse().ok()) {
        // Zero would be ourselves: a process of another namespace, which is none of ours.
        if pid > 0 {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written to files of these names; the kernel's are elsewhere.
    fn written(version: u8, limits: &Limits) -> Vec<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let kinds = vec![Kind::Memory, Kind::Cpu, Kind::Pids];
        let groups = Cgroups {
            version,
            roots: vec![(kinds, dir.path().to_owned())],
            moved: None,
        };
        groups.make("web.1", limits).unwrap();
        let files = fs::read_dir(dir.path().join("web.1")).unwrap();
        let mut all: Vec<_> = files
            .map(|file| {
                let file = file.unwrap();
                let text = fs::read_to_string(file.path()).unwrap();
                (file.file_name().into_string().unwrap(), text)
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn limits_are_written_as_each_version_has_them() {
        let limits = Limits {
            memory: Some(64 << 20),
            cpu_percent: Some(150),
        };
        let check = |version, limits: &Limits, expected: &[(&str, &str)]| {
            let written = written(version, limits);
            let written = written.iter().map(|(name, text)| (&**name, &**text));
            assert_eq!(written.collect::<Vec<_>>(), expected);
        };
        let expected = [
            ("cpu.max", "150000 100000"),
            ("memory.max", "134217728"),
            ("memory.swap.max", "0"),
            ("pids.max", "4096"),
        ];
        check(2, &limits, &expected);
        let none = [
            ("cpu.max", "max 100000"),
            ("memory.max", "max"),
            ("memory.swap.max", "max"),
            ("pids.max", "4096"),
        ];
        check(2, &Limits::default(), &none);
        let first = [
            ("cpu.cfs_period_us", "100000"),
            ("cpu.cfs_quota_us", "150000"),
            ("memory.limit_in_bytes", "134217728"),
            ("memory.memsw.limit_in_bytes", "134217728"),
            ("pids.max", "4096"),
        ];
        check(1, &limits, &first);
    }
}
