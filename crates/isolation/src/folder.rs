//! The private folder of one process: what it writes, its temporary folders, and the places where its
//! view is put together. It must not know how that is done.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink,
};
use std::path::{Path, PathBuf};

/// A private folder, until it is removed.
pub(crate) struct Folder {
    path: PathBuf,
}

/// What is to be in it.
pub(crate) struct Contents<'a> {
    /// What the process finds as its own; nothing where there is none.
    pub(crate) tree: Option<&'a Path>,
    /// Whether the tree is copied, or what is written comes beside it.
    pub(crate) copied: bool,
    /// Whose it is, where that is not us.
    pub(crate) user: Option<u32>,
}

impl Folder {
    /// Makes one; there must be none of its name.
    pub(crate) fn make(path: PathBuf, contents: &Contents<'_>) -> io::Result<Self> {
        private(&path)?;
        let folder = Self { path };
        match folder.fill(contents) {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.remove();
                Err(error)
            }
        }
    }

    fn fill(&self, contents: &Contents<'_>) -> io::Result<()> {
        let user = contents.user;
        let at = |name: &str| self.path.join(name);
        for name in ["root", "work", "empty"] {
            private(&at(name))?;
        }
        let empty = at("empty");
        let tree = contents.tree.unwrap_or(&empty);
        if let Some(user) = user {
            own(tree, user)?;
        }
        symlink(tree, at("tree"))?;
        if contents.copied {
            copy(tree, &self.copied(), user)?;
        } else {
            open(&at("upper"), 0o755, user)?;
        }
        for name in ["tmp", "vartmp"] {
            open(&at(name), 0o1777, user)?;
        }
        if let Some(user) = user {
            self.name(user)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the tree is, if it was copied.
    pub(crate) fn copied(&self) -> PathBuf {
        self.path.join("app")
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Many programs do not start under a user that has no name: theirs is `app`.
    fn name(&self, user: u32) -> io::Result<()> {
        let lines = [
            ("passwd", format!("app:x:{user}:{user}::/app:/bin/sh\n")),
            ("group", format!("app:x:{user}:\n")),
        ];
        for (name, line) in lines {
            let mut text = match fs::read_to_string(Path::new("/etc").join(name)) {
                Ok(text) => text,
                // Not for us to mend: then nobody has a name.
                Err(_) => continue,
            };
            text.push_str(&line);
            let at = self.path.join(name);
            fs::write(&at, text)?;
            fs::set_permissions(&at, Permissions::from_mode(0o644))?;
        }
        Ok(())
    }

    /// Removes it, with whatever its process left there. What cannot be removed now goes when the
    /// daemon is started again.
    pub(crate) fn remove(self) {
        remove(&self.path);
    }
}

/// Removes a folder whatever its process made of it.
pub(crate) fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        // Folders may have been closed, also for us.
        open_up(path);
        let _ = fs::remove_dir_all(path);
    }
}

/// A folder that is ours alone.
pub(crate) fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn open(path: &Path, mode: u32, user: Option<u32>) -> io::Result<()> {
    fs::create_dir(path)?;
    // Whatever our mask is.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    give(path, user)
}

fn give(path: &Path, user: Option<u32>) -> io::Result<()> {
    user.map_or(Ok(()), |user| lchown(path, Some(user), Some(user)))
}

/// Makes a tree a user's, unless it is: its top comes last, and says that all of it is.
fn own(tree: &Path, user: u32) -> io::Result<()> {
    if fs::symlink_metadata(tree)?.uid() == user {
        return Ok(());
    }
    each(tree, &mut |path| give(path, Some(user)))?;
    give(tree, Some(user))
}

/// Calls with every path below a folder, those in a folder before it.
fn each(folder: &Path, act: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            each(&entry.path(), act)?;
        }
        act(&entry.path())?;
    }
    Ok(())
}

/// Copies a tree; where the file system can, files share their blocks until one is written.
fn copy(from: &Path, to: &Path, user: Option<u32>) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to, user)?;
            continue;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &to)?;
        } else if kind.is_fifo() || kind.is_socket() {
            continue;
        } else {
            fs::copy(entry.path(), &to)?;
        }
        give(&to, user)?;
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    give(to, user)
}

fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_as_the_tree_and_goes_with_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("bin")).unwrap();
        fs::write(tree.join("bin/run"), "x").unwrap();
        fs::set_permissions(tree.join("bin/run"), Permissions::from_mode(0o750)).unwrap();
        symlink("bin/run", tree.join("link")).unwrap();
        let contents = Contents {
            tree: Some(&tree),
            copied: true,
            user: None,
        };
        let folder = Folder::make(dir.path().join("private"), &contents).unwrap();
        let copied = folder.copied();
        let mode = fs::metadata(copied.join("bin/run")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o750);
        assert_eq!(
            fs::read_link(copied.join("link")).unwrap(),
            Path::new("bin/run")
        );
        fs::write(copied.join("bin/run"), "y").unwrap();
        assert_eq!(fs::read(tree.join("bin/run")).unwrap(), b"x");
        fs::set_permissions(copied.join("bin"), Permissions::from_mode(0o000)).unwrap();
        folder.remove();
        assert!(!dir.path().join("private").exists());
    }

    #[test]
    fn what_cannot_be_filled_is_not_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let contents = Contents {
            tree: Some(&missing),
            copied: true,
            user: None,
        };
        assert!(Folder::make(dir.path().join("private"), &contents).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
