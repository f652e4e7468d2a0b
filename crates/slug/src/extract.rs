//! An archive as a folder, whoever made the archive. Nothing is ever written outside the folder: a
//! path cannot climb, be absolute or go through a link; nothing is written twice; links stay
//! inside; sizes and numbers are limited. Times, owners and modes other than the executable bit are
//! not taken over. It must not know compression, digests or the store.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use tar::{Archive, EntryType};

use crate::links::Links;
use crate::walk::NO_FILE;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files, folders and links together.
    pub entries: u64,
}

impl Limits {
    /// What an app may be: 2 GiB in half a million files, folders and links.
    pub const APP: Self = Self {
        bytes: 2 << 30,
        entries: 500_000,
    };
}

/// As much may stand between the contents of two files: headers, long names, padding.
const HEADERS: u64 = 1 << 20;

/// Why an archive is not extracted. What was written by then has been removed.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// An entry that could lead outside the folder, or that no app can have.
    #[error("{path:?} {why}")]
    Path {
        /// The path as it stands in the archive.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The files are larger together than [`Limits::bytes`].
    #[error("its files are larger than {0} bytes together")]
    TooLarge(u64),
    /// There is more than [`Limits::entries`].
    #[error("it has more than {0} files, folders and links")]
    TooMany(u64),
    /// The archive cannot be read or understood.
    #[error("the archive cannot be read{}", after(.path))]
    Archive {
        /// The entry where it was found, if any.
        path: Option<String>,
        /// What was found.
        source: io::Error,
    },
    /// The folder is not empty, or not a folder.
    #[error("{0:?} is in the way")]
    NotEmpty(PathBuf),
    /// A file or folder cannot be written.
    #[error("cannot write {path:?}")]
    Write {
        /// Inside the folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn after(path: &Option<String>) -> String {
    path.as_ref()
        .map(|path| format!(" at {path:?}"))
        .unwrap_or_default()
}

/// Extracts a plain tar into `root`, which is created, or exists and is empty. On an error it is
/// removed again, itself too.
///
/// # Errors
/// [`ExtractError`].
pub(crate) fn extract<R: Read>(from: R, root: &Path, limits: Limits) -> Result<(), ExtractError> {
    let written = |source| ExtractError::Write {
        path: root.to_owned(),
        source,
    };
    fs::create_dir_all(root).map_err(written)?;
    if fs::read_dir(root).map_err(written)?.next().is_some() {
        return Err(ExtractError::NotEmpty(root.to_owned()));
    }
    let done = Extraction::new(root, limits).run(from);
    if done.is_err() {
        // The error that is on its way says more than one about cleaning up.
        let _ = fs::remove_dir_all(root);
    }
    done
}

/// Unpacks a folder that somebody elsewhere has packed as a plain tar, into a place where nothing is yet. On an
/// error nothing is left.
///
/// # Errors
/// [`ExtractError`], within [`Limits::APP`].
pub fn unpack_folder(from: impl Read, to: &Path) -> Result<(), ExtractError> {
    extract(from, to, Limits::APP)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Folder,
    File,
    Link,
}

struct Extraction<'a> {
    root: &'a Path,
    limits: Limits,
    bytes: u64,
    entries: u64,
    /// All that was written. The folder was empty before, so there is nothing else in it.
    made: BTreeMap<PathBuf, Made>,
    links: Links,
}

impl<'a> Extraction<'a> {
    fn new(root: &'a Path, limits: Limits) -> Self {
        Self {
            root,
            limits,
            bytes: 0,
            entries: 0,
            made: BTreeMap::new(),
            links: Links::default(),
        }
    }

    fn run<R: Read>(mut self, from: R) -> Result<(), ExtractError> {
        let allowance = Rc::new(Cell::new(HEADERS));
        let mut archive = Archive::new(Metered {
            from,
            left: Rc::clone(&allowance),
        });
        let broken = |path: Option<String>| {
            move |source| ExtractError::Archive {
                path: path.clone(),
                source,
            }
        };
        let mut last = None;
        for entry in archive.entries().map_err(broken(None))? {
            let mut entry = entry.map_err(broken(last))?;
            let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            allowance.set(entry.size().saturating_add(HEADERS));
            self.entry(&mut entry, &shown)?;
            allowance.set(HEADERS);
            last = Some(shown);
        }
        // What follows the end is padding; reading it lets a compressor check its sums.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken(None))?;
        self.links.check().map_err(|escape| ExtractError::Path {
            path: escape.path.to_string_lossy().into_owned(),
            why: escape.why,
        })
    }

    fn entry<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        shown: &str,
    ) -> Result<(), ExtractError> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let refused = |why: &str| bad(shown, why);
        let path = inside(&entry.path_bytes()).map_err(refused)?;
        let target = entry.link_name_bytes().map(|bytes| bytes.into_owned());
        match kind {
            EntryType::Directory => self.folder(&path, shown),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.place(&path, shown, Made::File)?;
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
                self.file(&path, executable, entry, shown)
            }
            EntryType::Symlink => {
                let target = target.and_then(|bytes| String::from_utf8(bytes).ok());
                let target = target.filter(|target| !target.is_empty());
                let target = target.ok_or_else(|| refused("is a link without a usable target"))?;
                self.place(&path, shown, Made::Link)?;
                symlink(&target, self.root.join(&path)).map_err(|error| wrote(&path, error))?;
                self.links.insert(path, target.into());
                Ok(())
            }
            EntryType::Link => {
                let original = inside(&target.unwrap_or_default()).map_err(refused)?;
                if self.made.get(&original) != Some(&Made::File) {
                    return Err(refused("is a hard link to what is no file before it"));
                }
                self.place(&path, shown, Made::File)?;
                self.copy(&original, &path, shown)
            }
            _ => Err(refused(NO_FILE)),
        }
    }

    /// Makes a folder that the archive names, the tree's own root included.
    fn folder(&mut self, path: &Path, shown: &str) -> Result<(), ExtractError> {
        if path.as_os_str().is_empty() || self.made.get(path) == Some(&Made::Folder) {
            return Ok(());
        }
        self.place(path, shown, Made::Folder)?;
        self.create_folder(path)
    }

    fn create_folder(&self, path: &Path) -> Result<(), ExtractError> {
        let at = self.root.join(path);
        // Not `create_dir_all`: that would be content with a link to a folder.
        fs::create_dir(&at)
            .and_then(|()| fs::set_permissions(&at, Permissions::from_mode(0o755)))
            .map_err(|error| wrote(path, error))
    }

    /// Claims a path that is still free, and makes the folders above it.
    fn place(&mut self, path: &Path, shown: &str, made: Made) -> Result<(), ExtractError> {
        if path.as_os_str().is_empty() {
            return Err(bad(shown, "has no name"));
        }
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.pop();
        for folder in above.into_iter().rev() {
            match self.made.get(folder) {
                Some(Made::Folder) => {}
                Some(Made::Link) => return Err(bad(shown, "goes through a link")),
                Some(Made::File) => return Err(bad(shown, "is below a file")),
                None => {
                    self.count()?;
                    self.create_folder(folder)?;
                    self.made.insert(folder.to_owned(), Made::Folder);
                }
            }
        }
        self.count()?;
        match self.made.insert(path.to_owned(), made) {
            None => Ok(()),
            Some(_) => Err(bad(shown, "is there twice")),
        }
    }

    fn count(&mut self) -> Result<(), ExtractError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ExtractError::TooMany(self.limits.entries));
        }
        Ok(())
    }

    fn copy(&mut self, original: &Path, path: &Path, shown: &str) -> Result<(), ExtractError> {
        let opened = File::open(self.root.join(original))
            .and_then(|file| file.metadata().map(|found| (file, found)));
        let (mut file, found) = opened.map_err(|error| wrote(path, error))?;
        let executable = found.permissions().mode() & 0o100 != 0;
        self.file(path, executable, &mut file, shown)
    }

    fn file(
        &mut self,
        path: &Path,
        executable: bool,
        from: &mut dyn Read,
        shown: &str,
    ) -> Result<(), ExtractError> {
        let at = self.root.join(path);
        let made = OpenOptions::new().write(true).create_new(true).open(&at);
        let mut file = made.map_err(|error| wrote(path, error))?;
        let mut buffer = [0; 64 * 1024];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let path = Some(shown.to_owned());
                    return Err(ExtractError::Archive { path, source });
                }
            };
            self.bytes += read as u64;
            if self.bytes > self.limits.bytes {
                return Err(ExtractError::TooLarge(self.limits.bytes));
            }
            io::Write::write_all(&mut file, &buffer[..read]).map_err(|error| wrote(path, error))?;
        }
        let mode = if executable { 0o755 } else { 0o644 };
        file.set_permissions(Permissions::from_mode(mode))
            .map_err(|error| wrote(path, error))
    }
}

fn bad(shown: &str, why: &str) -> ExtractError {
    ExtractError::Path {
        path: shown.to_owned(),
        why: why.to_owned(),
    }
}

fn wrote(path: &Path, source: io::Error) -> ExtractError {
    let path = path.to_owned();
    ExtractError::Write { path, source }
}

/// The path of an entry without `.` steps, or what is wrong with it.
fn inside(bytes: &[u8]) -> Result<PathBuf, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "has a name that is not UTF-8")?;
    if text.contains('\0') {
        return Err("has a NUL byte in its name");
    }
    let mut path = PathBuf::new();
    for step in Path::new(text).components() {
        match step {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("has a step .. in it, which could leave the app"),
            Component::RootDir | Component::Prefix(_) => return Err("is an absolute path"),
        }
    }
    Ok(path)
}

/// Reads on while there is an allowance, so that a header cannot fill the memory.
struct Metered<R> {
    from: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("its headers are too large"));
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.from.read(&mut buffer[..most])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
