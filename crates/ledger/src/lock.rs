//! The locks of an app: files that the kernel unlocks when their holder is gone. It must not know
//! what is done while one is held.
//!
//! A lock file is never deleted: whoever waits has it open, and would hold the lock of a file that
//! the next one does not find. What is written in it says who holds it, to those who wait; after
//! the holder has gone it means nothing.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use fs4::{FileExt, TryLockError};
use slugline_core::app::AppName;
use slugline_core::port::{AppLock, Holder, LedgerError, Lock};
use slugline_core::time::Timestamp;

use crate::fault::Result;

/// The longest description of a holder, in bytes; more is not read.
const DESCRIPTION: u64 = 1024;

/// A file that is locked. Closing it unlocks it.
struct Held {
    _file: File,
}

impl AppLock for Held {}

/// See [`slugline_core::port::Ledger::lock`].
pub(crate) fn take(
    locks: &Path,
    app: &AppName,
    lock: Lock,
    holder: &Holder,
    waiting: &mut dyn FnMut(&Holder) -> bool,
) -> Result<Box<dyn AppLock>> {
    let mut file = open(locks, app, lock)?;
    match FileExt::try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let other = describe(&mut file);
            if !waiting(&other) {
                return Err(LedgerError::Held(other.what).into());
            }
            wait(&file)?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    let since = holder.since.map_or(String::new(), |at| at.0.to_string());
    file.write_all(format!("{since} {}", holder.what).as_bytes())?;
    Ok(Box::new(Held { _file: file }))
}

fn open(locks: &Path, app: &AppName, lock: Lock) -> Result<File> {
    let kind = match lock {
        Lock::Change => "change",
        Lock::Outbox => "outbox",
    };
    let path = locks.join(format!("{app}.{kind}"));
    let mut how = OpenOptions::new();
    how.read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    match how.open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(locks)?;
            Ok(how.open(&path)?)
        }
        other => Ok(other?),
    }
}

/// Who holds the lock. Between taking it and saying so a holder has no description yet.
fn describe(file: &mut File) -> Holder {
    let mut bytes = Vec::new();
    let read = file.take(DESCRIPTION).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    match (read, text.split_once(' ')) {
        (Ok(_), Some((since, what))) if !what.is_empty() => Holder {
            what: what.to_owned(),
            since: since.parse().ok().map(Timestamp),
        },
        _ => Holder {
            what: "another process".to_owned(),
            since: None,
        },
    }
}

fn wait(file: &File) -> std::io::Result<()> {
    loop {
        match FileExt::lock(file) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
