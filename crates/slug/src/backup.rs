//! A home as one file, and back: tar, compressed with zstd. The last entry is a manifest with the
//! digest of every other file, so that a backup that was cut off or altered is never taken for a
//! whole one. It must not know what the files mean, nor where they go.
//!
//! ```text
//! format.json     {"format":1}: what can be read at all, before anything else
//! …               the files, as they were added
//! manifest.json   [`Manifest`]
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::digest::Hashing;
use crate::extract::{ExtractError, Limits, extract};

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

const FORMAT_FILE: &str = "format.json";
const MANIFEST_FILE: &str = "manifest.json";
const LEVEL: i32 = 3;
const THREADS: u32 = 2;
/// A backup may hold so many files, folders and links.
const ENTRIES: u64 = 10_000_000;
/// So many bytes of the disk stay free whatever a backup holds.
const RESERVE: u64 = 16 << 20;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub slugline: String,
    /// When, in RFC 3339.
    pub made_at: String,
    /// The home that it is of, as an absolute path.
    pub home: String,
    /// Whether the ledger's key is in it.
    pub key: bool,
    /// How many apps there are.
    pub apps: u64,
    /// How many releases they keep.
    pub releases: u64,
    /// All other files but `format.json`, by path.
    pub files: BTreeMap<String, Held>,
}

/// A file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// In bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
}

/// Why a backup is not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It was cut off, altered, or is no backup.
    #[error("it is no whole backup: {0}")]
    Broken(String),
    /// A newer Slugline wrote it.
    #[error("it has the format {0}, and this Slugline reads up to {FORMAT}")]
    TooNew(u32),
    /// An entry that no backup has, or an archive that cannot be read.
    #[error("it is no whole backup")]
    Extract(#[from] ExtractError),
    /// A file or folder cannot be read or written.
    #[error("cannot {what} {path:?}")]
    Io {
        /// A verb.
        what: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The backup itself cannot be written.
    #[error("the backup cannot be written")]
    Write(#[source] io::Error),
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { what, path, source }
}

/// A backup that is being written. One that is dropped before it is finished lacks its manifest.
pub struct Backup<W: Write> {
    tar: tar::Builder<zstd::Encoder<'static, W>>,
    files: BTreeMap<String, Held>,
}

impl<W: Write> Backup<W> {
    /// Begins one.
    ///
    /// # Errors
    /// [`BackupError::Write`].
    pub fn begin(to: W) -> Result<Self, BackupError> {
        let begun = || {
            let mut encoder = zstd::Encoder::new(to, LEVEL)?;
            encoder.multithread(THREADS)?;
            encoder.include_checksum(true)?;
            Ok(encoder)
        };
        let encoder = begun().map_err(BackupError::Write)?;
        let mut backup = Self {
            tar: tar::Builder::new(encoder),
            files: BTreeMap::new(),
        };
        let format = serde_json::json!(Format { format: FORMAT }).to_string();
        backup.append(FORMAT_FILE, format.as_bytes(), format.len() as u64, false)?;
        Ok(backup)
    }

    /// Adds a file under a path of its own: steps joined by `/`, none of them `..`.
    ///
    /// # Errors
    /// [`BackupError::Io`] where it cannot be read, [`BackupError::Write`].
    pub fn add(&mut self, path: &str, from: &Path) -> Result<(), BackupError> {
        let opened = File::open(from).and_then(|file| file.metadata().map(|found| (file, found)));
        let (file, found) = opened.map_err(failed("read", from))?;
        let executable = found.permissions().mode() & 0o100 != 0;
        let mut file = Hashing::new(BufReader::new(file).take(found.len()));
        self.append(path, &mut file, found.len(), executable)?;
        let (_, sha256, size) = file.finish();
        if size != found.len() {
            let changed = io::Error::other("it became shorter while it was read");
            return Err(failed("read", from)(changed));
        }
        self.files.insert(path.to_owned(), Held { size, sha256 });
        Ok(())
    }

    fn append(
        &mut self,
        path: &str,
        from: impl Read,
        size: u64,
        executable: bool,
    ) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(if executable { 0o700 } else { 0o600 });
        header.set_mtime(0);
        self.tar
            .append_data(&mut header, path, from)
            .map_err(BackupError::Write)
    }

    /// Writes the manifest, with the files that were added, and the end.
    ///
    /// # Errors
    /// [`BackupError::Write`].
    pub fn finish(mut self, about: Manifest) -> Result<W, BackupError> {
        let manifest = Manifest {
            format: FORMAT,
            files: std::mem::take(&mut self.files),
            ..about
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::other);
        let text = text.map_err(BackupError::Write)?;
        self.append(MANIFEST_FILE, text.as_bytes(), text.len() as u64, false)?;
        let end = || self.tar.into_inner()?.finish();
        end().map_err(BackupError::Write)
    }
}

/// A backup that was unpacked and is whole, in a folder that goes when this is dropped.
#[derive(Debug)]
pub struct Unpacked {
    folder: TempDir,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl Unpacked {
    /// Reads a whole backup into a new folder in `beside`, for its owner alone, and checks every
    /// file in it against its digest.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left behind.
    pub fn read(from: impl Read, beside: &Path) -> Result<Self, BackupError> {
        let folder = tempfile::Builder::new()
            .prefix(".slugline-restore-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(beside)
            .map_err(failed("write in", beside))?;
        let free = fs4::available_space(folder.path()).map_err(failed("measure", beside))?;
        let limits = Limits {
            bytes: free.saturating_sub(RESERVE),
            entries: ENTRIES,
        };
        let broken = |source| ExtractError::Archive { path: None, source };
        let decoder = zstd::Decoder::new(from).map_err(broken)?;
        extract(decoder, folder.path(), limits)?;
        let manifest = check(folder.path())?;
        Ok(Self { folder, manifest })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the folder its name, all at once. An empty folder of that name is replaced.
    ///
    /// # Errors
    /// [`BackupError::Io`]; nothing is left behind.
    pub fn keep(self, home: &Path) -> Result<Manifest, BackupError> {
        fs::rename(self.folder.path(), home).map_err(failed("write", home))?;
        // It is not there any more under the name that would be removed.
        let _ = self.folder.keep();
        let above = home.parent().unwrap_or(home);
        let synced = File::open(above).and_then(|folder| folder.sync_all());
        synced.map_err(failed("write in", above))?;
        Ok(self.manifest)
    }
}

/// Checks that a folder holds the files of its manifest and no others, closes them to others than
/// their owner, and removes the manifest.
fn check(folder: &Path) -> Result<Manifest, BackupError> {
    let lacks = |name: &str| BackupError::Broken(format!("{name} is missing or damaged"));
    let read = |name: &str| fs::read(folder.join(name)).map_err(|_| lacks(name));
    let format: Format =
        serde_json::from_slice(&read(FORMAT_FILE)?).map_err(|_| lacks(FORMAT_FILE))?;
    if format.format > FORMAT {
        return Err(BackupError::TooNew(format.format));
    }
    let manifest = serde_json::from_slice(&read(MANIFEST_FILE)?);
    let manifest: Manifest = manifest.map_err(|_| lacks(MANIFEST_FILE))?;
    for name in [FORMAT_FILE, MANIFEST_FILE] {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    let mut awaited = manifest.files.clone();
    visit(folder, folder, &mut awaited)?;
    match awaited.into_keys().next() {
        None => Ok(manifest),
        Some(missing) => Err(BackupError::Broken(format!("{missing} is missing"))),
    }
}

/// Takes what is found below from what is awaited.
fn visit(
    root: &Path,
    folder: &Path,
    awaited: &mut BTreeMap<String, Held>,
) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        let kind = fs::symlink_metadata(&path).map_err(failed("read", &path))?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        let mode = kind.permissions().mode() & 0o700;
        if kind.is_symlink() {
            return Err(BackupError::Broken(format!("{name} is a link")));
        }
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed("write", &path))?;
        if kind.is_dir() {
            visit(root, &path, awaited)?;
            continue;
        }
        let Some(held) = awaited.remove(&name) else {
            let what = format!("{name} is not in its manifest");
            return Err(BackupError::Broken(what));
        };
        if measure(&path).map_err(failed("read", &path))? != held {
            let what = format!("{name} is not as it was written");
            return Err(BackupError::Broken(what));
        }
    }
    Ok(())
}

fn measure(path: &Path) -> io::Result<Held> {
    let mut file = Hashing::new(File::open(path)?);
    io::copy(&mut file, &mut io::sink())?;
    let (file, sha256, size) = file.finish();
    file.sync_all()?;
    Ok(Held { size, sha256 })
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
