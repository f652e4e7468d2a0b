//! The processes that belong to a home, as the kernel knows them. It must not ask the daemon.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// One process of a home.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// Its words, one blank between them.
    pub(crate) words: String,
    /// Where it runs; of one with a view of its own, where what it sees there is kept.
    pub(crate) folder: String,
}

/// Every process that runs in the home or was given it in the environment, with all their
/// descendants.
pub(crate) fn of_home(home: &Path) -> Vec<Found> {
    let all: Vec<Found> = every(home).collect();
    let marked = format!("SLUGLINE_HOME={}\0", home.display());
    let home = home.display().to_string();
    let belongs = |one: &Found| {
        let environ = std::fs::read(format!("/proc/{}/environ", one.pid)).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ).into_owned() + "\0";
        one.folder.starts_with(&home) || environ.contains(&marked)
    };
    let (mut found, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(belongs);
    loop {
        let pids: Vec<u32> = found.iter().map(|one| one.pid).collect();
        let (children, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|one| pids.contains(&one.parent));
        if children.is_empty() {
            return found;
        }
        found.extend(children);
        others = rest;
    }
}

fn every(home: &Path) -> impl Iterator<Item = Found> {
    let places = places(home);
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(move |pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut after = stat.rsplit_once(") ")?.1.split(' ');
        let (state, parent) = (after.next()?, after.next()?);
        if state.starts_with(['Z', 'X']) {
            return None;
        }
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = identity(&Path::new("/proc").join(pid.to_string()).join("root/tmp"));
        let place = places.iter().find(|(place, _)| own == Some(*place));
        let folder = match place {
            Some((_, tree)) => tree.clone(),
            None => std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default(),
        };
        Some(Found {
            pid,
            parent: parent.parse().ok()?,
            words: String::from_utf8_lossy(&words).replace('\0', " "),
            folder: folder.to_string_lossy().into_owned(),
        })
    })
}

/// A file, by whatever name.
type Identity = (u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// What each process that has a view of its own sees as `/tmp`, and the tree that it sees.
fn places(home: &Path) -> Vec<(Identity, PathBuf)> {
    let all = std::fs::read_dir(home.join("private"));
    let all = all.into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let tree = std::fs::read_link(entry.path().join("tree")).ok()?;
        Some((identity(&entry.path().join("tmp"))?, tree))
    })
    .collect()
}

impl Found {
    /// Whether it is the daemon.
    pub(crate) fn is_daemon(&self) -> bool {
        self.words.split(' ').nth(1) == Some("serve") && !self.words.contains("--stop")
    }

    /// The app and the release whose code it runs, told by the folder it runs in.
    pub(crate) fn release(&self, home: &Path) -> Option<(String, u64)> {
        let trees = format!("{}/run/", home.display());
        let mut parts = self.folder.strip_prefix(&trees)?.split('/');
        let (app, tree) = (parts.next()?, parts.next()?);
        let number = tree.strip_prefix('v')?.split('-').next()?;
        Some((app.to_owned(), number.parse().ok()?))
    }
}
