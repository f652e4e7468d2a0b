//! A folder as one file: tar, compressed with zstd, the same bytes for the same tree. Entries are
//! sorted; they have no times, owners or names; their modes are 0755 or 0644 by the owner's
//! executable bit; hard links are files of their own. It must not know where the file goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::slugignore::{Slugignore, SlugignoreError};
use crate::walk::{Entry, Kind, walk};

/// The level of compression: six times as fast as gzip's default, and a quarter smaller.
const LEVEL: i32 = 3;

/// Threads that compress. Their number does not change the bytes, only that there are any.
const THREADS: u32 = 2;

/// Why a folder cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something in the folder cannot be in a slug.
    #[error("{path:?} {why}")]
    Path {
        /// Inside the folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The patterns of what to leave out are wrong.
    #[error(transparent)]
    Slugignore(#[from] SlugignoreError),
    /// Something in the folder cannot be read.
    #[error("cannot read {path:?}")]
    Read {
        /// Inside the folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The packed bytes cannot be written.
    #[error("cannot write the packed file")]
    Write(#[source] io::Error),
}

impl PackError {
    pub(crate) fn path(path: &Path, why: impl Into<String>) -> Self {
        Self::Path {
            path: path.to_string_lossy().into_owned(),
            why: why.into(),
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_string_lossy().into_owned();
        Self::Read { path, source }
    }
}

/// Packs what is below `root` into `to`, without `.git` and without what `ignored` matches.
///
/// # Errors
/// [`PackError`]; `to` holds a part of the bytes then.
pub(crate) fn pack<W: Write>(root: &Path, ignored: &Slugignore, to: W) -> Result<W, PackError> {
    let encoder = || {
        let mut encoder = zstd::Encoder::new(to, LEVEL)?;
        encoder.multithread(THREADS)?;
        encoder.include_checksum(true)?;
        Ok(encoder)
    };
    let packed = write(root, ignored, || encoder().map_err(PackError::Write))?;
    packed.finish().map_err(PackError::Write)
}

/// The same as a plain tar, for whoever makes a source of it elsewhere. Answers the writer.
///
/// # Errors
/// As `pack`.
pub fn pack_folder<W: Write>(root: &Path, to: W) -> Result<W, PackError> {
    write(root, &Slugignore::of(root)?, || Ok(to))
}

/// The files of a folder as a plain tar: those at its top alone, and what links lead to as if it were there.
/// Answers the writer.
///
/// # Errors
/// [`PackError`].
pub fn pack_files<W: Write>(root: &Path, to: W) -> Result<W, PackError> {
    let failed = |source| PackError::read(Path::new("."), source);
    let names = std::fs::read_dir(root).map_err(failed)?;
    let names = names.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    names.sort();
    let mut tar = Builder::new(to);
    for path in names.into_iter().map(PathBuf::from) {
        // A link to nowhere is nothing.
        if std::fs::metadata(root.join(&path)).is_ok_and(|known| known.is_file()) {
            let executable = false;
            let kind = Kind::File { executable };
            append(&mut tar, root, &Entry { path, kind })?;
        }
    }
    tar.into_inner().map_err(PackError::Write)
}

fn write<W: Write>(
    root: &Path,
    ignored: &Slugignore,
    to: impl FnOnce() -> Result<W, PackError>,
) -> Result<W, PackError> {
    let entries = walk(root, ignored)?;
    let mut tar = Builder::new(to()?);
    for entry in &entries {
        append(&mut tar, root, entry)?;
    }
    tar.into_inner().map_err(PackError::Write)
}

fn append<W: Write>(tar: &mut Builder<W>, root: &Path, entry: &Entry) -> Result<(), PackError> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mode(0o755);
    let path = &entry.path;
    let done = match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, path, io::empty())
        }
        Kind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, path, target)
        }
        Kind::File { executable } => {
            let failed = |source| PackError::read(path, source);
            let file = File::open(root.join(path)).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(size);
            let mut exactly = Exactly::new(file, size);
            let done = tar.append_data(&mut header, path, &mut exactly);
            if let Some(source) = exactly.failed {
                return Err(PackError::read(path, source));
            }
            done
        }
    };
    done.map_err(PackError::Write)
}

/// Reads as many bytes as the header promised, however the file changes meanwhile, and keeps its
/// own errors apart from those of the writer.
struct Exactly<R> {
    from: R,
    left: u64,
    failed: Option<io::Error>,
}

impl<R> Exactly<R> {
    fn new(from: R, left: u64) -> Self {
        let failed = None;
        Self { from, left, failed }
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let read = match self.from.read(&mut buffer[..most]) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter while it was packed",
            )),
            other => other,
        };
        match read {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the file cannot be read"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn packed(root: &Path) -> Result<Vec<u8>, PackError> {
        pack(root, &Slugignore::nothing(), Vec::new())
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        let mut tar = tar::Archive::new(zstd::Decoder::new(bytes).unwrap());
        tar.entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
                let path = entry.path().unwrap().display().to_string();
                format!("{path} {:o}", header.mode().unwrap())
            })
            .collect()
    }

    #[test]
    fn a_tree_is_packed_sorted_and_without_git() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in ["b/.git", "empty", ".git", "a"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("b/.git/x"), "").unwrap();
        fs::write(root.join("run"), "").unwrap();
        fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o4711)).unwrap();
        fs::write(root.join("a/file"), "").unwrap();
        fs::set_permissions(root.join("a/file"), fs::Permissions::from_mode(0o606)).unwrap();
        fs::hard_link(root.join("a/file"), root.join("a/twin")).unwrap();
        symlink("a", root.join("link")).unwrap();
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
        fs::create_dir(root.join("d".repeat(120))).unwrap();
        fs::write(root.join(&long), "x").unwrap();
        let expected = [
            "a 755",
            "a/file 644",
            "a/twin 644",
            "b 755",
            &format!("{} 755", "d".repeat(120)),
            &format!("{long} 644"),
            "empty 755",
            "link 755",
            "run 755",
        ];
        assert_eq!(names(&packed(root).unwrap()), expected);
    }

    #[test]
    fn the_bytes_do_not_depend_on_how_they_are_fed() {
        let dir = tempfile::tempdir().unwrap();
        // Several jobs of the compressor, of a size that is no multiple of theirs.
        let numbers = (0..2_500_001_u32).flat_map(u32::to_le_bytes);
        fs::write(dir.path().join("numbers"), numbers.collect::<Vec<_>>()).unwrap();
        let first = packed(dir.path()).unwrap();
        for _ in 0..3 {
            assert!(packed(dir.path()).unwrap() == first);
        }
        let plain = zstd::decode_all(first.as_slice()).unwrap();
        for chunk in [1000, 70_000, 9_000_000] {
            let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).unwrap();
            encoder.multithread(1).unwrap();
            encoder.include_checksum(true).unwrap();
            plain
                .chunks(chunk)
                .for_each(|chunk| encoder.write_all(chunk).unwrap());
            assert!(encoder.finish().unwrap() == first, "chunks of {chunk}");
        }
    }

    #[test]
    fn what_cannot_be_in_a_slug_is_refused_by_path() {
        let check = |make: &dyn Fn(&Path), expected: &str| {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("sub")).unwrap();
            make(dir.path());
            let error = packed(dir.path()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            &|root| symlink("/etc", root.join("lib")).unwrap(),
            "\"lib\" is a link to /etc, which is outside the app",
        );
        check(
            &|root| symlink("../../x", root.join("sub/up")).unwrap(),
            "\"sub/up\" is a link to ../../x, which is outside the app",
        );
        check(
            &|root| drop(std::os::unix::net::UnixListener::bind(root.join("s")).unwrap()),
            "\"s\" is neither a file, a folder nor a link",
        );
        check(
            &|root| {
                use std::os::unix::ffi::OsStrExt as _;
                let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
                fs::write(root.join("sub").join(name), "").unwrap();
            },
            "\"sub/caf\u{fffd}\" has a name that is not UTF-8",
        );
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut() {
        let mut shrinks = Exactly::new(&b"abc"[..], 4);
        assert!(io::copy(&mut shrinks, &mut io::sink()).is_err());
        assert!(shrinks.failed.is_some());
        let mut grows = Exactly::new(&b"abcdef"[..], 4);
        assert_eq!(io::copy(&mut grows, &mut io::sink()).unwrap(), 4);
    }
}
