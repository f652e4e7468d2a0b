//! `slugline.folder`: a private folder of each resource, made here and removed after the resource;
//! and small files in it. The server of the resource writes there too, so that nothing found in it
//! is trusted. It must not know what a file is for.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

/// A file that a plugin reads or writes may have so many bytes.
const FILE_MAX: usize = 64 << 10;
/// Its name may have so many.
const NAME_MAX: usize = 100;
/// A server that is about to end may write while its folder is removed; so often is it tried.
const ATTEMPTS: usize = 5;

/// The folder of a resource below `root`, for its owner alone; it is made where it is not there.
pub(super) fn open(root: &Path, id: &str) -> Result<PathBuf, String> {
    let id = checked_id(id)?;
    let made = || -> io::Result<PathBuf> {
        let root = std::path::absolute(root)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)?;
        let folder = root.join(id);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other?,
        }
        if !folder.symlink_metadata()?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o700))?;
        Ok(folder)
    };
    made().map_err(|error| format!("the folder cannot be made: {error}"))
}

/// The path as a text.
pub(super) fn path(folder: PathBuf) -> Result<String, String> {
    let path = folder.into_os_string().into_string();
    path.map_err(|_| "the path of the folder is not UTF-8".to_owned())
}

/// The text of a file; none where there is no such file.
pub(super) fn read(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let failed = |error: io::Error| format!("{name} cannot be read: {error}");
    // A pipe is not waited for, and a link not followed.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(folder.join(checked_name(name)?));
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(format!("{name} is no file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(FILE_MAX).unwrap_or(u64::MAX);
    let mut file = file.take(most.saturating_add(1));
    file.read_to_end(&mut bytes).map_err(failed)?;
    checked_length(name, bytes.len())?;
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| format!("{name} is not UTF-8"))
}

/// Writes a file for its owner alone. Whoever reads it meanwhile sees the old one or the new one.
pub(super) fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(checked_name(name)?);
    checked_length(name, text.len())?;
    let beside = folder.join(format!(".{name}.new"));
    let write = || -> io::Result<()> {
        match fs::remove_file(&beside) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        let new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside);
        let mut new = new?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, &path)
    };
    write().map_err(|error| format!("{name} cannot be written: {error}"))
}

/// Removes the folder of a resource, with all that is in it; one that is not there is no error.
pub(crate) fn remove(root: &Path, id: &str) -> Result<(), String> {
    let id = checked_id(id)?;
    // Under another name first, so that one that cannot be removed at once is gone all the same.
    let (folder, gone) = (root.join(id), root.join(format!(".{id}.gone")));
    let moved = match fs::rename(&folder, &gone) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let removed = moved.and_then(|()| {
        let attempts = (0..ATTEMPTS).map(|_| fs::remove_dir_all(&gone));
        let done = |result: &io::Result<()>| !is_busy(result);
        let mut last = Ok(());
        for result in attempts {
            last = result;
            if done(&last) {
                break;
            }
        }
        match last {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    });
    removed.map_err(|error| format!("the folder {id} cannot be removed: {error}"))
}

fn is_busy(result: &io::Result<()>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::DirectoryNotEmpty)
}

/// A resource's id: hexadecimal digits, and so a name that leads nowhere else.
fn checked_id(id: &str) -> Result<&str, String> {
    let legal = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    legal
        .then_some(id)
        .ok_or_else(|| "this is no id".to_owned())
}

fn checked_name(name: &str) -> Result<&str, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let length = (1..=NAME_MAX).contains(&name.len());
    if length && !name.starts_with('.') && name.chars().all(legal) {
        return Ok(name);
    }
    Err(format!(
        "a file's name has 1 to {NAME_MAX} letters, digits, - and _ and ., the first no ."
    ))
}

fn checked_length(name: &str, length: usize) -> Result<(), String> {
    if length <= FILE_MAX {
        return Ok(());
    }
    Err(format!("{name} has more than {FILE_MAX} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_private_and_files_come_back() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("a/resources");
        let folder = open(&root, ID).unwrap();
        assert_eq!(folder, root.join(ID));
        assert_eq!((mode(&root), mode(&folder)), (0o700, 0o700));
        assert_eq!(read(&folder, "password"), Ok(None));
        write(&folder, "password", "one").unwrap();
        write(&folder, "password", "two").unwrap();
        assert_eq!(read(&folder, "password"), Ok(Some("two".to_owned())));
        assert_eq!(mode(&folder.join("password")), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(open(&root, ID), Ok(folder.clone()), "it is opened again");
        assert_eq!(read(&folder, "password"), Ok(Some("two".to_owned())));

        remove(&root, ID).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        assert_eq!(remove(&root, ID), Ok(()), "one that is gone is no error");
        assert_eq!(remove(&home.path().join("never"), ID), Ok(()));
    }

    #[test]
    fn what_leads_out_of_the_folder_or_hangs_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = open(home.path(), ID).unwrap();
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "../x",
            "a/b",
            "a\0b",
            "ü",
            &"a".repeat(101),
        ] {
            assert!(read(&folder, name).is_err(), "{name:?}");
            assert!(write(&folder, name, "").is_err(), "{name:?}");
        }
        for id in ["", "..", "a/b", "../../etc"] {
            assert!(open(home.path(), id).is_err(), "{id:?}");
            assert!(remove(home.path(), id).is_err(), "{id:?}");
        }
        let secret = home.path().join("secret");
        fs::write(&secret, "hunter2").unwrap();
        std::os::unix::fs::symlink(&secret, folder.join("link")).unwrap();
        assert!(read(&folder, "link").is_err());
        write(&folder, "link", "mine").unwrap();
        assert_eq!(fs::read_to_string(&secret).unwrap(), "hunter2");
        let pipe = nix::sys::stat::Mode::S_IRWXU;
        nix::unistd::mkfifo(&folder.join("pipe"), pipe).unwrap();
        assert_eq!(read(&folder, "pipe"), Err("pipe is no file".to_owned()));
        fs::write(folder.join("large"), vec![b'a'; FILE_MAX + 1]).unwrap();
        assert!(read(&folder, "large").unwrap_err().contains("more than"));
        assert!(write(&folder, "large", &"a".repeat(FILE_MAX + 1)).is_err());

        // A link in the place of the folder is not what was made.
        let other = "f".repeat(32);
        std::os::unix::fs::symlink(home.path(), home.path().join(&other)).unwrap();
        assert!(open(home.path(), &other).is_err());
    }
}
