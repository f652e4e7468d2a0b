//! The digest of a plugin: SHA-256 over its files, sorted by path, each with the lengths of path and
//! contents before them. It must not know what it is compared with.
//!
//! `settings.yaml` is the operator's own, and left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::source::SETTINGS;

/// A plugin may have so many files.
const FILES: usize = 1000;
/// Folders in a plugin may be nested so deep.
pub(crate) const DEPTH: usize = 16;

/// The digest of these files, by path: `sha256:` and 64 hexadecimal digits.
pub(crate) fn of_files<T: AsRef<[u8]>>(files: &BTreeMap<String, T>) -> String {
    let mut digest = Sha256::new();
    for (path, contents) in files {
        add(&mut digest, path, contents.as_ref());
    }
    spelled(digest)
}

/// The digest of a folder, the same as that of its files.
pub(crate) fn of_folder(folder: &Path) -> io::Result<String> {
    let mut files = BTreeMap::new();
    walk(folder, "", 0, &mut files)?;
    files.remove(SETTINGS);
    let mut digest = Sha256::new();
    for (path, file) in files {
        add(&mut digest, &path, &fs::read(file)?);
    }
    Ok(spelled(digest))
}

fn add(digest: &mut Sha256, path: &str, contents: &[u8]) {
    for part in [path.as_bytes(), contents] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        digest.update(length.to_le_bytes());
        digest.update(part);
    }
}

fn spelled(digest: Sha256) -> String {
    let mut text = "sha256:".to_owned();
    for byte in digest.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn walk(
    folder: &Path,
    within: &str,
    depth: usize,
    found: &mut BTreeMap<String, PathBuf>,
) -> io::Result<()> {
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            return refused("a file's name is not UTF-8".to_owned());
        };
        let path = format!("{within}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH {
            walk(&entry.path(), &format!("{path}/"), depth + 1, found)?;
        } else if kind.is_file() && found.len() < FILES {
            found.insert(path, entry.path());
        } else if kind.is_file() || kind.is_dir() {
            return refused("a plugin has no more than 1000 files, 16 folders deep".to_owned());
        } else {
            return refused(format!("{path} is neither a file nor a folder"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_file_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("plugin.yaml", "a");
        write("init.lua", "b");
        let files = [("plugin.yaml", "a"), ("init.lua", "b")];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let first = of_folder(folder.path()).unwrap();
        assert_eq!(first, of_files(&files.into()));
        write("settings.yaml", "the operator's");
        assert_eq!(of_folder(folder.path()).unwrap(), first);
        let mut seen = vec![first];
        let mut differs = || {
            let next = of_folder(folder.path()).unwrap();
            assert!(!seen.contains(&next));
            seen.push(next);
        };
        write("init.lua", "c");
        differs();
        write(".hidden", "");
        differs();
        fs::rename(folder.path().join(".hidden"), folder.path().join("x")).unwrap();
        differs();
        fs::create_dir(folder.path().join("sub")).unwrap();
        write("sub/settings.yaml", "not the operator's");
        differs();
        std::os::unix::fs::symlink("init.lua", folder.path().join("link")).unwrap();
        let error = of_folder(folder.path()).unwrap_err().to_string();
        assert_eq!(error, "link is neither a file nor a folder");
    }
}
