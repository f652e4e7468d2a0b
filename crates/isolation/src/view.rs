//! What a process sees of the machine's files, as a list of steps: everything of the machine's root but
//! what is private or ours, with its tree at [`APP`]. Steps are values, made before the child is; it
//! must not know how they are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::mount::MountFlags;

use crate::folder::Folder;

/// Where a process finds its tree.
pub(crate) const APP: &str = "/app";
/// Where it finds our own program, if it needs it.
pub(crate) const PROGRAM: &str = "/slugline";

/// Of the machine's root, what a process has of its own, or not at all.
const OWN: [&str; 5] = ["app", "slugline", "tmp", "proc", "lost+found"];

/// As much may be in a process's shared memory: like all memory it is the machine's.
const SHARED_MEMORY: &str = "mode=1777,size=256m";

/// One step of the way into a view. Paths are absolute, or below the private folder.
pub(crate) enum Step {
    /// What is mounted from here on is seen by nobody else, and what the machine unmounts goes.
    Part,
    /// From here on, paths without a beginning are below this.
    Enter(CString),
    Folder(CString),
    /// An empty file, for something to be mounted over.
    File(CString),
    Link {
        to: CString,
        at: CString,
    },
    Mount {
        kind: &'static str,
        at: CString,
        flags: MountFlags,
        options: CString,
    },
    /// The processes of the machine, as far as they are the user's own; all where the kernel cannot
    /// tell them apart for one view only.
    Processes(CString),
    Bind {
        from: CString,
        at: CString,
    },
    /// The same where there is such a place.
    BindOver {
        from: CString,
        at: CString,
    },
    /// Something empty over a folder, if it is there.
    Hide(CString),
    /// Nothing can be made there any more; what is mounted below stays as it is.
    Seal(CString),
    /// What was entered becomes the root, and nothing else is left.
    Become,
}

/// What of the machine's root a process sees, looked up once.
pub(crate) struct Machine {
    folders: Vec<PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
    /// What is not to be seen.
    hidden: Vec<PathBuf>,
    /// Of folders that others may not enter, what they may see all the same.
    tools: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

/// What is different from process to process.
pub(crate) struct Seen<'a> {
    pub(crate) folder: &'a Folder,
    /// Our own program, if it is to be seen.
    pub(crate) program: Option<&'a Path>,
    /// Whether its tree was copied for it.
    pub(crate) copied: bool,
    /// Whether we are root here, and not only in a namespace of our own.
    pub(crate) root: bool,
}

impl Machine {
    /// Looks at the machine's root. What is `hidden` is to be there, and a folder; programs are looked
    /// for along `path`, and are to be reached by everybody.
    pub(crate) fn new(hidden: &[PathBuf], path: &str) -> io::Result<Self> {
        let mut machine = Self {
            folders: Vec::new(),
            links: Vec::new(),
            hidden: hidden.to_vec(),
            tools: tools(path.split(':').map(Path::new)),
        };
        for entry in fs::read_dir("/")? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if OWN.iter().any(|own| entry.file_name() == *own) {
                continue;
            }
            if kind.is_dir() {
                machine.folders.push(entry.path());
            } else if kind.is_symlink() {
                machine
                    .links
                    .push((entry.path(), fs::read_link(entry.path())?));
            }
        }
        machine.folders.sort();
        machine.links.sort();
        Ok(machine)
    }

    /// The steps into the view of one process.
    pub(crate) fn steps(&self, seen: &Seen<'_>) -> io::Result<Vec<Step>> {
        let fixed = MountFlags::NOSUID | MountFlags::NODEV;
        let folder = seen.folder;
        let mut steps = vec![
            Step::Part,
            Step::Enter(text(folder.path())?),
            mount("tmpfs", Path::new("root"), fixed, "mode=755")?,
        ];
        for path in &self.folders {
            steps.push(Step::Folder(below(path)?));
            steps.push(Step::Bind {
                from: text(path)?,
                at: below(path)?,
            });
        }
        for (at, to) in &self.links {
            let (at, to) = (below(at)?, text(to)?);
            steps.push(Step::Link { to, at });
        }
        if seen.root {
            self.open_tools(&mut steps)?;
        }
        own_places(seen, &mut steps)?;
        if Path::new("/dev/shm").is_dir() {
            let at = Path::new("root/dev/shm");
            steps.push(mount("tmpfs", at, fixed, SHARED_MEMORY)?);
        }
        let processes = below(Path::new("/proc"))?;
        steps.push(Step::Folder(processes.clone()));
        steps.push(match seen.root {
            true => Step::Processes(processes),
            false => Step::Bind {
                from: text(Path::new("/proc"))?,
                at: processes,
            },
        });
        self.ending(seen, &mut steps)?;
        Ok(steps)
    }

    /// A closed folder is empty for a process, but for the tools in it.
    fn open_tools(&self, steps: &mut Vec<Step>) -> io::Result<()> {
        let fixed = MountFlags::NOSUID | MountFlags::NODEV;
        for (closed, tools) in &self.tools {
            let root = Path::new("root").join(closed.strip_prefix("/").unwrap_or(closed));
            steps.push(mount("tmpfs", &root, fixed, "mode=755,size=256k")?);
            let mut made = BTreeSet::new();
            for tool in tools {
                let above: Vec<_> = tool.ancestors().take_while(|it| it != closed).collect();
                for folder in above.into_iter().rev() {
                    if made.insert(folder.to_owned()) {
                        steps.push(Step::Folder(below(folder)?));
                    }
                }
                let (from, at) = (text(tool)?, below(tool)?);
                steps.push(Step::Bind { from, at });
            }
        }
        Ok(())
    }

    /// What comes once everything is mounted that comes from what is hidden.
    fn ending(&self, seen: &Seen<'_>, steps: &mut Vec<Step>) -> io::Result<()> {
        if let Some(program) = seen.program {
            let at = below(Path::new(PROGRAM))?;
            steps.push(Step::File(at.clone()));
            let from = text(program)?;
            steps.push(Step::Bind { from, at });
        }
        for (own, at) in [("passwd", "/etc/passwd"), ("group", "/etc/group")] {
            if seen.folder.path().join(own).exists() {
                let (from, at) = (text(Path::new(own))?, below(Path::new(at))?);
                steps.push(Step::BindOver { from, at });
            }
        }
        for path in &self.hidden {
            steps.push(Step::Hide(below(path)?));
        }
        let root = text(Path::new("root"))?;
        steps.extend([Step::Seal(root.clone()), Step::Enter(root), Step::Become]);
        Ok(())
    }
}

/// Where programs are that lie in folders which others may not enter, such as root's: by that folder,
/// what their `bin` is in, since they come with libraries.
fn tools<'a>(path: impl Iterator<Item = &'a Path>) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let mut all: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for bin in path.filter(|bin| bin.is_absolute()) {
        let Ok(bin) = bin.canonicalize() else {
            continue;
        };
        let is_closed = |folder: &&Path| {
            fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o001 == 0)
        };
        let above: Vec<_> = bin.ancestors().skip(1).collect();
        let Some(closed) = above.iter().rev().copied().find(is_closed) else {
            continue;
        };
        let whole = bin.parent().filter(|whole| *whole != closed);
        let tools = all.entry(closed.to_owned()).or_default();
        tools.insert(whole.unwrap_or(&bin).to_owned());
    }
    for tools in all.values_mut() {
        let known = tools.clone();
        let in_another = |tool: &PathBuf| known.iter().any(|it| it != tool && tool.starts_with(it));
        tools.retain(|tool| !in_another(tool));
    }
    all
}

/// The tree and the temporary folders. The private folder's own names need no quotes in options.
fn own_places(seen: &Seen<'_>, steps: &mut Vec<Step>) -> io::Result<()> {
    let fixed = MountFlags::NOSUID | MountFlags::NODEV;
    let own = |name: &str, place: &str| -> io::Result<_> {
        Ok((text(Path::new(name))?, below(Path::new(place))?))
    };
    let (from, at) = own("app", APP)?;
    steps.push(Step::Folder(at.clone()));
    steps.push(match seen.copied {
        true => Step::Bind { from, at },
        false => {
            // What is written to the tree is kept beside it.
            let more = if seen.root { "" } else { ",userxattr" };
            let options = format!("lowerdir=tree,upperdir=upper,workdir=work{more}");
            mount("overlay", Path::new("root/app"), fixed, &options)?
        }
    });
    let (from, at) = own("tmp", "/tmp")?;
    steps.push(Step::Folder(at.clone()));
    steps.push(Step::Bind { from, at });
    let (from, at) = own("vartmp", "/var/tmp")?;
    steps.push(Step::BindOver { from, at });
    Ok(())
}

fn mount(kind: &'static str, at: &Path, flags: MountFlags, options: &str) -> io::Result<Step> {
    Ok(Step::Mount {
        kind,
        at: text(at)?,
        flags,
        options: text(Path::new(options))?,
    })
}

/// A path of the machine, in the root that is being made.
fn below(path: &Path) -> io::Result<CString> {
    let path = path.strip_prefix("/").unwrap_or(path);
    text(&Path::new("root").join(path))
}

fn text(path: &Path) -> io::Result<CString> {
    let bytes: &OsStr = path.as_os_str();
    CString::new(bytes.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_closed_folder_only_what_programs_come_with_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for path in [
            "root/.tool/bin",
            "root/.tool/more/bin",
            "root/bin",
            "open/bin",
        ] {
            fs::create_dir_all(dir.join(path)).unwrap();
        }
        let mode = |path: &str, mode| {
            fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        // Temporary folders are closed themselves.
        mode("", 0o755);
        mode("root", 0o700);
        let path = [
            "root/.tool/bin",
            "root/.tool/more/bin",
            "root/bin",
            "open/bin",
            "none/bin",
        ];
        let path = path.map(|path| dir.join(path));
        let tools = tools(
            path.iter()
                .map(PathBuf::as_path)
                .chain([Path::new("root/bin")]),
        );
        let expected = ["root/.tool", "root/bin"].map(|path| dir.join(path));
        assert_eq!(tools, BTreeMap::from([(dir.join("root"), expected.into())]));
    }
}
