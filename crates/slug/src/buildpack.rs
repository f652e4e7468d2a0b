//! Buildpacks: which there are, what their builds may read, and where their programs lie. A
//! buildpack is a folder with a `buildpack.yaml` and the three programs of the classic API,
//! `bin/detect BUILD`, `bin/compile BUILD CACHE ENV` and `bin/release BUILD`. It must not know how
//! they are run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::digest::{hex, part};

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/buildpacks");

/// The buildpacks that ship with Slugline, in the order in which they are asked.
pub const BUILDPACKS: [&str; 4] = ["python", "node", "static", "procfile"];

const MANIFEST: &str = "buildpack.yaml";

/// Why buildpacks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BuildpackError {
    /// There is no `buildpack.yaml`.
    #[error("the buildpack {0} has no buildpack.yaml")]
    NoManifest(String),
    /// The `buildpack.yaml` is wrong.
    #[error("the buildpack.yaml of {name} cannot be understood")]
    Manifest {
        /// The buildpack.
        name: String,
        /// What is wrong, with line and column.
        source: serde_yaml::Error,
    },
    /// A file cannot be read, or not be unpacked.
    #[error("cannot read or unpack {path:?}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BuildpackError {
    move |source| BuildpackError::Io {
        path: path.to_owned(),
        source,
    }
}

/// What a `buildpack.yaml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buildpack {
    /// Its short name, which is its folder's too.
    pub name: String,
    /// One line that says what it builds.
    pub summary: String,
    /// The config vars that its builds may read; a build sees no other (S23).
    #[serde(default)]
    pub env: Vec<String>,
}

#[derive(Clone, Debug)]
enum Origin {
    Shipped,
    Folder(PathBuf),
}

/// Several buildpacks in the order in which they are asked whether an app is theirs.
#[derive(Clone, Debug)]
pub struct Buildpacks {
    all: Vec<Buildpack>,
    digest: String,
    origin: Origin,
}

/// All files of a buildpack or of several, by path, sorted.
type Files = BTreeMap<String, Vec<u8>>;

impl Buildpacks {
    /// Those that ship with Slugline.
    ///
    /// # Errors
    /// [`BuildpackError`], which the tests of this crate rule out.
    pub fn shipped() -> Result<Self, BuildpackError> {
        let mut files = Files::new();
        embedded_files(&EMBEDDED, &mut files);
        Self::new(&BUILDPACKS, &files, Origin::Shipped)
    }

    /// Those of a team's own: folders in `folder`, asked in the order of `names`. They are used
    /// where they are; changing one while it is in use is the team's risk.
    ///
    /// # Errors
    /// [`BuildpackError`].
    pub fn in_folder(folder: &Path, names: &[&str]) -> Result<Self, BuildpackError> {
        let mut files = Files::new();
        for name in names {
            folder_files(&folder.join(name), name, &mut files)?;
        }
        Self::new(names, &files, Origin::Folder(folder.to_owned()))
    }

    fn new(names: &[&str], files: &Files, origin: Origin) -> Result<Self, BuildpackError> {
        let all = names.iter().map(|name| manifest(name, files));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        let mut hasher = Sha256::new();
        for name in names {
            part(&mut hasher, name.as_bytes());
        }
        for (path, bytes) in files {
            part(&mut hasher, path.as_bytes());
            part(&mut hasher, bytes);
        }
        Ok(Self {
            all,
            digest: hex(hasher),
            origin,
        })
    }

    /// The buildpacks, in the order in which they are asked.
    #[must_use]
    pub fn all(&self) -> &[Buildpack] {
        &self.all
    }

    /// A digest of all their files and their order: while it is the same, so are their builds.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The folder that holds one folder for each; the shipped ones are unpacked below `unpacked`
    /// first, unless that has been done.
    pub(crate) fn folder(&self, unpacked: &Path) -> Result<PathBuf, BuildpackError> {
        match &self.origin {
            Origin::Folder(folder) => Ok(folder.clone()),
            Origin::Shipped => self.unpack(unpacked),
        }
    }

    fn unpack(&self, unpacked: &Path) -> Result<PathBuf, BuildpackError> {
        let folder = unpacked.join(&self.digest);
        if folder.is_dir() {
            return Ok(folder);
        }
        let scratch = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(unpacked)
            .map_err(failed(unpacked))?;
        let whole = scratch.path().join("buildpacks");
        let mut files = Files::new();
        embedded_files(&EMBEDDED, &mut files);
        for (path, bytes) in &files {
            let at = whole.join(path);
            write(&at, bytes).map_err(failed(&at))?;
        }
        match fs::rename(&whole, &folder) {
            // Another process was faster, and its files are the same.
            Err(_) if folder.is_dir() => Ok(folder),
            Err(error) => Err(failed(&folder)(error)),
            Ok(()) => Ok(folder),
        }
    }
}

fn manifest(name: &str, files: &Files) -> Result<Buildpack, BuildpackError> {
    let bytes = files
        .get(&format!("{name}/{MANIFEST}"))
        .ok_or_else(|| BuildpackError::NoManifest(name.to_owned()))?;
    serde_yaml::from_slice(bytes).map_err(|source| BuildpackError::Manifest {
        name: name.to_owned(),
        source,
    })
}

/// Writes one file of a buildpack; those in a folder `bin` are programs.
fn write(at: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = at.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    fs::write(at, bytes)?;
    let mode = if folder.ends_with("bin") {
        0o755
    } else {
        0o644
    };
    fs::set_permissions(at, fs::Permissions::from_mode(mode))
}

fn embedded_files(dir: &Dir<'_>, files: &mut Files) {
    for file in dir.files() {
        let path = file.path().to_string_lossy().into_owned();
        files.insert(path, file.contents().to_vec());
    }
    dir.dirs().for_each(|below| embedded_files(below, files));
}

fn folder_files(folder: &Path, inside: &str, files: &mut Files) -> Result<(), BuildpackError> {
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let inside = format!("{inside}/{name}");
        if path.is_dir() {
            folder_files(&path, &inside, files)?;
        } else {
            files.insert(inside, fs::read(&path).map_err(failed(&path))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_ones_are_whole() {
        let shipped = Buildpacks::shipped().unwrap();
        let names: Vec<&str> = shipped
            .all()
            .iter()
            .map(|pack| pack.name.as_str())
            .collect();
        assert_eq!(names, BUILDPACKS);
        let dir = tempfile::tempdir().unwrap();
        let folder = shipped.folder(dir.path()).unwrap();
        assert_eq!(folder, dir.path().join(shipped.digest()));
        for name in BUILDPACKS {
            for program in ["detect", "compile", "release"] {
                let found = fs::metadata(folder.join(name).join("bin").join(program)).unwrap();
                assert_eq!(
                    found.permissions().mode() & 0o777,
                    0o755,
                    "{name} {program}"
                );
            }
        }
        assert_eq!(shipped.folder(dir.path()).unwrap(), folder);
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the unpacked folder");
    }

    #[test]
    fn the_digest_follows_every_file_and_the_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let text = format!("name: {name}\nsummary: x\n");
            write(&dir.path().join(name).join(MANIFEST), text.as_bytes()).unwrap();
        }
        let digest = |names: &[&str]| Buildpacks::in_folder(dir.path(), names).unwrap().digest;
        let first = digest(&["a", "b"]);
        assert_ne!(digest(&["b", "a"]), first);
        assert_eq!(digest(&["a", "b"]), first);
        write(&dir.path().join("b/bin/detect"), b"").unwrap();
        assert_ne!(digest(&["a", "b"]), first);
    }

    #[test]
    fn a_manifest_with_a_typo_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let text = b"name: a\nsummary: x\nenvy: [A]\n";
        write(&dir.path().join("a").join(MANIFEST), text).unwrap();
        let error = Buildpacks::in_folder(dir.path(), &["a"]).unwrap_err();
        let BuildpackError::Manifest { name, source } = error else {
            panic!("{error}");
        };
        assert_eq!(name, "a");
        assert!(source.to_string().contains("line 3"), "{source}");
    }
}
