//! What the plugins of a home look like from outside: enough to see that somebody has touched them since. It
//! must not know what is in their files.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders are looked into so deep, as in [`crate::install`].
const DEPTH: usize = 16;

/// Equal to another one where no file of a plugin, no settings and no approval changed between them. A
/// file's time of change is set by the kernel, so that none is changed unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(BTreeMap<PathBuf, Seen>);

/// The device, inode, length and time of change of a file.
type Seen = (u64, u64, u64, i64, i64);

impl Stamp {
    /// Of the plugins in `home/plugins`, as they are now.
    ///
    /// # Errors
    /// Where that folder cannot be read.
    pub fn of(home: &Path) -> io::Result<Self> {
        let mut all = BTreeMap::new();
        add(&home.join("plugins"), DEPTH, &mut all)?;
        Ok(Self(all))
    }
}

fn add(path: &Path, deep: usize, all: &mut BTreeMap<PathBuf, Seen>) -> io::Result<()> {
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if about.is_dir() && deep > 0 {
        for entry in fs::read_dir(path)? {
            add(&entry?.path(), deep - 1, all)?;
        }
    }
    all.insert(path.to_owned(), seen(&about));
    Ok(())
}

fn seen(about: &Metadata) -> Seen {
    (
        about.dev(),
        about.ino(),
        about.len(),
        about.ctime(),
        about.ctime_nsec(),
    )
}
