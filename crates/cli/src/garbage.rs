//! What a home holds and nothing needs: found and removed while nobody uses the store, so that a
//! deploy, a change or a backup that is under way loses nothing. It must not know how it is told.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};
use slugline_core::app::AppName;
use slugline_core::port::Ledger;
use slugline_ledger::SqliteLedger;
use slugline_runtime::Home;
use slugline_slug::{Buildpacks, Garbage, Needed, Sweep};

use crate::env::Env;
use crate::error::CommandError;
use crate::supervisor::{Supervisor, trees};
use crate::ui::Ui;

/// What the folders of resources that there are none of are called.
pub const FOLDERS: &str = "folders of add-ons";

/// What was found, with the locks that keep it from being needed again.
pub struct Found {
    /// All of it.
    pub garbage: Vec<Garbage>,
    /// What could not be looked through, and why.
    pub skipped: Option<&'static str>,
    _sweep: Sweep,
    _serving: Option<File>,
}

/// Looks for what nothing needs; `None` while somebody uses the store.
///
/// # Errors
/// Where the ledger or a folder cannot be read. Nothing has been removed.
pub fn find(home: &Path, env: &Env, ui: Ui) -> Result<Option<Found>, CommandError> {
    let Some(sweep) = Sweep::begin(home)? else {
        return Ok(None);
    };
    let ledger = SqliteLedger::open_with(home, env.key())?;
    let apps: BTreeSet<_> = ledger.apps()?.into_iter().map(|app| app.name).collect();
    let slugs = ledger.slugs_in_use()?;
    let shipped = Buildpacks::shipped().map_err(|error| CommandError::because(&error))?;
    let needed = Needed {
        sources: slugs.iter().map(|slug| slug.source.clone()).collect(),
        slugs: slugs.into_iter().map(|slug| slug.id).collect(),
        buildpacks: shipped.digest().to_owned(),
        apps,
    };
    let mut garbage = sweep.find(&needed)?;
    let of_app = |ends: &[&str], name: &str| {
        let app = ends.iter().find_map(|end| name.strip_suffix(end));
        app.is_some_and(|app| AppName::new(app).is_ok_and(|app| !needed.apps.contains(&app)))
    };
    let repositories = entries(&home.join("repositories"), |name| of_app(&[".git"], name));
    garbage.extend(all("repositories", repositories));
    let logs = entries(&Home::new(home).logs(), |name| {
        // The number of an older file.
        let numbered = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
        of_app(&[".log", ".log."], numbered)
    });
    garbage.extend(all("logs", logs));
    // What an operation has made that is not over is its own to take back.
    if !ledger.is_unfinished()? {
        garbage.extend(all(FOLDERS, unowned(home, &ledger)?));
    }
    let (trees, skipped, serving) = unused_trees(home, env, ui, &ledger)?;
    garbage.extend(all("unpacked slugs", trees));
    garbage.sort();
    Ok(Some(Found {
        garbage,
        skipped,
        _sweep: sweep,
        _serving: serving,
    }))
}

impl Found {
    /// Removes all of it. Answers what was removed, and what could not be.
    pub fn remove(self) -> (Vec<Garbage>, Vec<CommandError>) {
        let mut left = Vec::new();
        let mut removed = Vec::new();
        for garbage in self.garbage {
            match garbage.remove() {
                Ok(()) => removed.push(garbage),
                Err(error) => left.push(error.into()),
            }
        }
        (removed, left)
    }
}

/// Removes what nothing needs, where that can be done at once, and says nothing of what was there;
/// for what is done beside something else.
pub fn tidy(home: &Path, env: &Env, ui: Ui) {
    match find(home, env, ui) {
        Ok(Some(found)) => {
            for error in found.remove().1 {
                ui.warning(error.text);
            }
        }
        // Somebody uses the store: there is a next time.
        Ok(None) => {}
        Err(error) => ui.warning(error.text),
    }
}

fn all(kind: &'static str, paths: Vec<PathBuf>) -> impl Iterator<Item = Garbage> {
    paths.into_iter().map(move |path| Garbage::new(kind, path))
}

/// What is in a folder under a name that `which` wants; nothing where it cannot be read.
fn entries(folder: &Path, which: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = found.filter(|entry| entry.file_name().to_str().is_some_and(&which));
    wanted.map(|entry| entry.path()).collect()
}

/// The folders of add-ons that have no resource, and what is left of folders that were removed.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn unowned(home: &Path, ledger: &SqliteLedger) -> Result<Vec<PathBuf>, CommandError> {
    let known = ledger.resource_ids()?;
    let is_id = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unowned = |name: &str| match name.strip_prefix('.') {
        Some(gone) => gone.strip_suffix(".gone").is_some_and(is_id),
        None => is_id(name) && !known.contains_key(name),
    };
    Ok(entries(&home.join("resources"), unowned))
}

/// Unpacked slugs that no process runs in, why they were not looked for, and the lock that keeps a
/// daemon from being started meanwhile, where none runs.
type Trees = (Vec<PathBuf>, Option<&'static str>, Option<File>);

fn unused_trees(
    home: &Path,
    env: &Env,
    ui: Ui,
    ledger: &SqliteLedger,
) -> Result<Trees, CommandError> {
    let root = trees(home);
    let unknown = "what runs is not known: slugline serve does not answer";
    let mut needed = BTreeSet::new();
    let serving = match Supervisor::new(home, env, ui).status() {
        Err(_) => return Ok((Vec::new(), Some(unknown), None)),
        Ok(None) => match lock(&Home::new(home).lock()) {
            Some(lock) => Some(lock),
            None => return Ok((Vec::new(), Some(unknown), None)),
        },
        Ok(Some(status)) => {
            for app in &status.apps {
                let versions = app.processes.iter().map(|process| process.version);
                let versions = versions.chain(app.version);
                needed.extend(versions.map(|version| (app.app.to_string(), version)));
            }
            // The daemon may be about to start what is current.
            for app in ledger.outlines()? {
                let current = app.version();
                needed.extend(current.map(|version| (app.app.name.to_string(), version)));
            }
            None
        }
    };
    let mut used = working_folders(&root);
    if serving.is_none() {
        used.extend(viewed_folders(home));
    }
    let mut unused = Vec::new();
    for of_app in entries(&root, |_| true) {
        let app = name(&of_app);
        let is_needed = |tree: &str| {
            let version = tree.split_once('-').and_then(|(it, _)| it.parse().ok());
            version.is_none_or(|version| needed.contains(&(app.clone(), version)))
        };
        let found = entries(&of_app, |tree| serving.is_some() || !is_needed(tree));
        let is_used = |tree: &PathBuf| used.iter().any(|folder| folder.starts_with(tree));
        unused.extend(found.into_iter().filter(|tree| !is_used(tree)));
    }
    Ok((unused, None, serving))
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The folders below `root` that processes work in: those that are about to end are not among what
/// the daemon tells.
fn working_folders(root: &Path) -> Vec<PathBuf> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let folders = entries(Path::new("/proc"), is_process).into_iter();
    let folders = folders.filter_map(|process| std::fs::read_link(process.join("cwd")).ok());
    folders.filter(|folder| folder.starts_with(&root)).collect()
}

/// The trees that processes of the daemon see, whose working folder is in a view of their own.
fn viewed_folders(home: &Path) -> impl Iterator<Item = PathBuf> {
    let private = entries(&home.join("private"), |_| true).into_iter();
    let trees = private.filter_map(|of_process| std::fs::read_link(of_process.join("tree")).ok());
    trees.map(|tree| tree.canonicalize().unwrap_or(tree))
}

/// The lock of the daemon, where none runs or is about to.
fn lock(path: &Path) -> Option<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .ok()?;
    match FileExt::try_lock(&file) {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}
