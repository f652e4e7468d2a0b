//! What a folder holds, in the one order in which it is packed. It must not know tar.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::links::Links;
use crate::pack::PackError;
use crate::slugignore::Slugignore;

/// One entry of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Inside the folder, `/` between its parts.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File { executable: bool },
    Link { target: PathBuf },
}

/// Lists everything below `root`, each folder before what it holds and names in the order of their
/// bytes, without `.git` and what `ignored` matches.
///
/// # Errors
/// [`PackError::Path`] for names that are not UTF-8, for what is neither file, folder nor link, and
/// for links that lead out of the folder.
pub(crate) fn walk(root: &Path, ignored: &Slugignore) -> Result<Vec<Entry>, PackError> {
    let mut entries = Vec::new();
    folder(root, Path::new(""), ignored, &mut entries)?;
    let mut links = Links::default();
    for entry in &entries {
        if let Kind::Link { target } = &entry.kind {
            links.insert(entry.path.clone(), target.clone());
        }
    }
    links
        .check()
        .map_err(|escape| PackError::path(&escape.path, escape.why))?;
    Ok(entries)
}

fn folder(
    root: &Path,
    at: &Path,
    ignored: &Slugignore,
    entries: &mut Vec<Entry>,
) -> Result<(), PackError> {
    let failed = |source: io::Error| PackError::read(at, source);
    let mut names = fs::read_dir(root.join(at))
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    names.sort();
    for name in names {
        let path = at.join(&name);
        if name.to_str().is_none() {
            return Err(PackError::path(&path, "has a name that is not UTF-8"));
        }
        let found = fs::symlink_metadata(root.join(&path))
            .map_err(|source| PackError::read(&path, source))?;
        if name == ".git" || ignored.matches(&path, found.is_dir()) {
            continue;
        }
        let kind = kind_of(root, &path, &found)?;
        let below = kind == Kind::Folder;
        entries.push(Entry {
            path: path.clone(),
            kind,
        });
        if below {
            folder(root, &path, ignored, entries)?;
        }
    }
    Ok(())
}

fn kind_of(root: &Path, path: &Path, found: &fs::Metadata) -> Result<Kind, PackError> {
    if found.is_dir() {
        Ok(Kind::Folder)
    } else if found.is_file() {
        Ok(Kind::File {
            executable: found.permissions().mode() & 0o100 != 0,
        })
    } else if found.is_symlink() {
        let target =
            fs::read_link(root.join(path)).map_err(|source| PackError::read(path, source))?;
        if target.to_str().is_none() {
            return Err(PackError::path(path, "is a link whose target is not UTF-8"));
        }
        Ok(Kind::Link { target })
    } else {
        Err(PackError::path(path, NO_FILE))
    }
}

/// What is said of devices, sockets and pipes.
pub(crate) const NO_FILE: &str = "is neither a file, a folder nor a link";
