//! Who uses the store, and who clears it. Whoever has it open holds its lock with others; whoever
//! clears it holds it alone, so that no deploy is between its source and its release then, and what
//! is half written belongs to nobody. The kernel frees the lock when its holder is gone. It must
//! not know what is in the store.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use fs4::{FileExt, TryLockError};

/// The name of the lock in the home. It is never removed: whoever opened it before would lock
/// another.
pub(crate) const LOCK: &str = "store.lock";

/// The lock, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    _file: File,
}

impl Hold {
    /// Together with others who use the store; waits while somebody clears it.
    pub(crate) fn shared(home: &Path) -> io::Result<Self> {
        let file = open(home)?;
        loop {
            match FileExt::lock_shared(&file) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map(|()| Self { _file: file }),
            }
        }
    }

    /// Alone; `None` while somebody uses the store.
    pub(crate) fn alone(home: &Path) -> io::Result<Option<Self>> {
        let file = open(home)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(home: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false);
    how.mode(0o600).open(home.join(LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_use_the_store_and_one_clears_it() {
        let home = tempfile::tempdir().unwrap();
        let first = Hold::shared(home.path()).unwrap();
        let second = Hold::shared(home.path()).unwrap();
        assert!(Hold::alone(home.path()).unwrap().is_none());
        drop(first);
        assert!(Hold::alone(home.path()).unwrap().is_none());
        drop(second);
        let alone = Hold::alone(home.path()).unwrap();
        assert!(alone.is_some());
        assert!(Hold::alone(home.path()).unwrap().is_none());
        drop(alone);
        assert!(Hold::shared(home.path()).is_ok());
    }
}
