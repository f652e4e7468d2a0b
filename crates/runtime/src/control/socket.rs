//! The address of the control socket. It must not know what is said on it.

use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};

/// The longest path that a socket's address holds everywhere.
const LONGEST: usize = 100;

/// A path to a socket that is short enough, for as long as this is kept.
pub(crate) struct Address {
    path: PathBuf,
    _dir: Option<File>,
}

impl Address {
    /// The address of `path`. A path that is too long is shortened by way of its open folder,
    /// where the system can do that.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let short = path.as_os_str().len() <= LONGEST || !cfg!(target_os = "linux");
        let (Some(dir), Some(name), false) = (path.parent(), path.file_name(), short) else {
            return Ok(Self {
                path: path.to_owned(),
                _dir: None,
            });
        };
        let dir = File::open(dir)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&dir);
        let path = Path::new("/proc/self/fd")
            .join(number.to_string())
            .join(name);
        Ok(Self {
            path,
            _dir: Some(dir),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_long_path_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(90)).join("e".repeat(90));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join("serve.sock");
        let _listener = UnixListener::bind(Address::of(&path).unwrap().path()).unwrap();
        assert!(path.exists());
        UnixStream::connect(Address::of(&path).unwrap().path()).unwrap();
    }
}
