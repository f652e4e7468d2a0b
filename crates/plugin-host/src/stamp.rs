//! What the plugins of a home, and what is approved of them, look like from outside: enough to see that somebody has touched them since. It
//! must not know what is in their files.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::install::{DEPTH, LOCK};

/// Equal to another one where no file of a plugin, no settings and no approval changed between them. A
/// file's time of change is set by the kernel, so that none is changed unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(BTreeMap<PathBuf, Seen>);

/// The device, inode, length and time of change of a file.
type Seen = (u64, u64, u64, i64, i64);

impl Stamp {
    /// Of the plugins in `home/plugins` and of their approvals, as they are now.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn of(home: &Path) -> io::Result<Self> {
        let mut all = BTreeMap::new();
        add(&home.join(LOCK), DEPTH, &mut all)?;
        add(&home.join("plugins"), DEPTH + 1, &mut all)?;
        Ok(Self(all))
    }
}

fn add(path: &Path, deep: usize, all: &mut BTreeMap<PathBuf, Seen>) -> io::Result<()> {
    // A plugin's folder may be a link, and what is in it may not.
    let about = match deep {
        DEPTH.. => fs::metadata(path),
        _ => fs::symlink_metadata(path),
    };
    let about = match about {
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;

    #[test]
    fn whatever_is_touched_is_seen() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &str| home.path().join(path);
        let mut before = Stamp::of(home.path()).unwrap();
        let mut changed = |what: &str| {
            let now = Stamp::of(home.path()).unwrap();
            assert_ne!(now, before, "{what}");
            assert_eq!(now, Stamp::of(home.path()).unwrap(), "{what}");
            before = now;
        };
        fs::create_dir_all(at("plugins/one/lib")).unwrap();
        fs::write(at("plugins/one/lib/a.lua"), "a").unwrap();
        changed("a plugin");
        fs::write(at("plugins/one/lib/a.lua"), "bc").unwrap();
        changed("a file of it");
        fs::write(at("plugins/one/settings.yaml"), "a: 1").unwrap();
        changed("its settings");
        fs::write(at("plugins.lock"), "{}").unwrap();
        changed("an approval");
        fs::write(elsewhere.path().join("init.lua"), "a").unwrap();
        symlink(elsewhere.path(), at("plugins/two")).unwrap();
        changed("a plugin that is a link");
        fs::write(elsewhere.path().join("init.lua"), "bc").unwrap();
        changed("a file behind the link");
        fs::remove_dir_all(at("plugins/one")).unwrap();
        changed("the end of a plugin");
    }
}
