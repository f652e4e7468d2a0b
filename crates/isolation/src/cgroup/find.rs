//! Where groups can be made, if anywhere: found by what the kernel says of this process and of what is
//! mounted. It must not know what is made there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::{Cgroups, Kind, procs, sweep};
use crate::users::spread;

/// What the names of our folders begin with; then come the home and the daemon's process id.
const PREFIX: &str = "slugline-";

const KINDS: [(&str, Kind); 3] = [
    ("memory", Kind::Memory),
    ("cpu", Kind::Cpu),
    ("pids", Kind::Pids),
];

/// That we moved into a group below ours: only one without processes of its own may divide what it
/// has.
#[derive(Debug)]
pub(super) struct Moved {
    from: PathBuf,
    to: PathBuf,
    given: String,
}

impl Moved {
    /// Moves back, and leaves all as it was.
    pub(super) fn back(&self) {
        let taken = self.given.replace('+', "-");
        let _ = fs::write(self.from.join("cgroup.subtree_control"), taken);
        let _ = enter(&self.from);
        let _ = fs::remove_dir(&self.to);
    }
}

/// One kind of groups, as this process sees it: `controllers` are none in version 2.
struct Mounted {
    controllers: Vec<String>,
    own: PathBuf,
}

pub(super) fn find(home: &Path) -> Option<Cgroups> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounted = mounted(&groups, &mounts);
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let home = spread(&[home.as_os_str().as_encoded_bytes()]);
    let home = format!("{PREFIX}{home:016x}.");
    for of in &mounted {
        clear(&of.own, &home);
    }
    let name = format!("{home}{}", std::process::id());
    first(&mounted, &name).or_else(|| second(&mounted, &name))
}

/// Removes what daemons that are no more have left: with all that runs there where it was of this
/// home, whose lock we hold; else only where nothing runs, and none has our number.
fn clear(own: &Path, home: &str) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if name.starts_with(home) {
            sweep(&entry.path());
        } else if name.rsplit_once('.').is_some_and(|(_, pid)| is_over(pid)) {
            for group in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(group.path());
            }
        } else {
            continue;
        }
        let _ = fs::remove_dir(entry.path());
    }
}

fn is_over(pid: &str) -> bool {
    let pid = pid.parse().ok().filter(|pid| *pid > 0);
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
}

fn first(mounted: &[Mounted], name: &str) -> Option<Cgroups> {
    let mut roots: Vec<(Vec<Kind>, PathBuf)> = Vec::new();
    for of in mounted {
        let kinds = kinds(of.controllers.iter().map(String::as_str));
        if !kinds.is_empty() {
            let root = of.own.join(name);
            make(&root).ok()?;
            roots.push((kinds, root));
        }
    }
    (!roots.is_empty()).then_some(Cgroups {
        version: 1,
        roots,
        moved: None,
    })
}

fn second(mounted: &[Mounted], name: &str) -> Option<Cgroups> {
    let own = &mounted.iter().find(|it| it.controllers.is_empty())?.own;
    let offered = fs::read_to_string(own.join("cgroup.controllers")).ok()?;
    let kinds = kinds(offered.split_whitespace());
    if kinds.is_empty() {
        return None;
    }
    let given = KINDS.iter().filter(|(_, kind)| kinds.contains(kind));
    let given: Vec<_> = given.map(|(word, _)| format!("+{word}")).collect();
    let given = given.join(" ");
    let divide = |folder: &Path| fs::write(folder.join("cgroup.subtree_control"), &given);
    let mut moved = None;
    if divide(own).is_err() {
        let to = own.join(format!("serve-{name}"));
        make(&to).ok()?;
        let from = own.clone();
        let given = given.clone();
        let made = Moved { from, to, given };
        if enter(&made.to).is_err() || divide(own).is_err() {
            made.back();
            return None;
        }
        moved = Some(made);
    }
    let root = own.join(name);
    if make(&root).is_err() || divide(&root).is_err() {
        let _ = fs::remove_dir(&root);
        if let Some(moved) = moved {
            moved.back();
        }
        return None;
    }
    Some(Cgroups {
        version: 2,
        roots: vec![(kinds, root)],
        moved,
    })
}

fn kinds<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Kind> {
    let known = |word: &str| KINDS.iter().find(|(known, _)| *known == word);
    words.filter_map(|word| Some(known(word)?.1)).collect()
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn enter(folder: &Path) -> io::Result<()> {
    fs::write(procs(folder), std::process::id().to_string())
}

/// Reads `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn mounted(groups: &str, mounts: &str) -> Vec<Mounted> {
    let lines = groups.lines();
    lines
        .filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let controllers: Vec<String> = controllers
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect();
            let (root, at) = mounts
                .lines()
                .find_map(|mount| of_mount(mount, &controllers))?;
            let inside = Path::new(path).strip_prefix(root).ok()?;
            Some(Mounted {
                own: Path::new(at).join(inside),
                controllers,
            })
        })
        .collect()
}

/// Root and place of a mount of these controllers: `36 35 98:0 ROOT PLACE options … - cgroup x options`.
fn of_mount<'a>(mount: &'a str, controllers: &[String]) -> Option<(&'a str, &'a str)> {
    let (first, last) = mount.split_once(" - ")?;
    let mut last = last.split(' ');
    let kind = last.next()?;
    let options = last.nth(1)?;
    let matches = match controllers.first() {
        None => kind == "cgroup2",
        Some(controller) => kind == "cgroup" && options.split(',').any(|it| it == controller),
    };
    let mut first = first.split(' ').skip(3);
    matches.then_some((first.next()?, first.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_groups_are_found_in_what_is_mounted() {
        let check = |groups: &str, mounts: &str, expected: &[&str]| {
            let found = mounted(groups, mounts);
            let own: Vec<_> = found.iter().map(|it| it.own.to_str().unwrap()).collect();
            assert_eq!(own, expected);
        };
        let mounts =
            "29 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        check(
            "0::/system.slice/slugline.service\n",
            mounts,
            &["/sys/fs/cgroup/system.slice/slugline.service"],
        );
        let mounts = "30 29 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                      31 29 0:28 /docker/1 /cg/memory rw - cgroup cgroup rw,memory\n\
                      32 29 0:29 / /cg/unified rw - cgroup2 cgroup2 rw\n";
        check(
            "5:memory:/docker/1/a\n4:cpu,cpuacct:/\n3:pids:/\n0::/\n",
            mounts,
            &["/cg/memory/a", "/cg/cpu/", "/cg/unified/"],
        );
    }
}
