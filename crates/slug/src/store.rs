//! Where slugs, sources and the results of builds are kept, each under its digest. Files appear
//! whole or not at all: written beside their place, synced, and renamed. It must not know how a
//! build works.
//!
//! ```text
//! HOME/slugs/DIGEST.slug     tar, compressed with zstd
//! HOME/sources/DIGEST.src    the same
//! HOME/builds/KEY.json       the slug that a build with this key made
//! HOME/cache/APP/BUILDPACK/  what a buildpack keeps from one build of an app to the next
//! HOME/buildpacks/DIGEST/    the shipped buildpacks, unpacked
//! HOME/build/                scratch folders, one a build
//! HOME/store.lock            held by whoever uses the store, alone by whoever clears it
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slugline_core::app::AppName;
use slugline_core::slug::{Slug, SlugId, SourceId};
use tempfile::NamedTempFile;

use crate::digest::Hashing;
use crate::extract::{ExtractError, Limits, extract};
use crate::hold::Hold;
use crate::pack::{PackError, pack};
use crate::scratch::Scratch;
use crate::slugignore::Slugignore;
use crate::sweep::{entries, leads_to};

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A packed file cannot be extracted.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// There is no such file in the store.
    #[error("{0:?} is not in the store")]
    Missing(PathBuf),
    /// The bytes of a file are not those that its name promises.
    #[error("{0:?} is damaged: its content does not match its name")]
    Damaged(PathBuf),
    /// The disk failed, or is full.
    #[error("cannot {what} {path:?}")]
    Io {
        /// A verb: `write`, `read`, `remove`, `create`, `lock`.
        what: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The store. Cheap to clone; any number of processes may use one at once. As long as one of them
/// has it open, nothing is cleared from it ([`crate::Sweep`]): what is put into it stays until a
/// release refers to it, or its process is gone.
#[derive(Clone, Debug)]
pub struct SlugStore {
    home: PathBuf,
    _hold: Arc<Hold>,
}

impl SlugStore {
    /// Opens the store in `home`, and creates its folders where they are missing. Waits while it
    /// is cleared.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(home: &Path) -> Result<Self, StoreError> {
        for name in ["slugs", "sources", "builds", "cache", "buildpacks", "build"] {
            let folder = home.join(name);
            fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        }
        let hold = Hold::shared(home).map_err(StoreError::io("lock", home))?;
        let home = home.to_owned();
        Ok(Self {
            home,
            _hold: Arc::new(hold),
        })
    }

    /// Where a slug is, or would be.
    #[must_use]
    pub fn slug_path(&self, id: &SlugId) -> PathBuf {
        self.home.join("slugs").join(format!("{id}.slug"))
    }

    /// Where source is, or would be.
    #[must_use]
    pub fn source_path(&self, id: &SourceId) -> PathBuf {
        self.home.join("sources").join(format!("{id}.src"))
    }

    /// Whether a slug is there.
    #[must_use]
    pub fn has(&self, id: &SlugId) -> bool {
        self.slug_path(id).is_file()
    }

    /// Whether source is there.
    #[must_use]
    pub fn has_source(&self, id: &SourceId) -> bool {
        self.source_path(id).is_file()
    }

    /// The packed size of a slug in bytes; `None` where there is none.
    #[must_use]
    pub fn size(&self, id: &SlugId) -> Option<u64> {
        fs::metadata(self.slug_path(id))
            .ok()
            .map(|found| found.len())
    }

    /// Extracts a slug into `dir`, which must be empty or not exist.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Damaged`], [`StoreError::Extract`]; `dir` has been
    /// removed then, unless something was in it before.
    pub fn extract(&self, id: &SlugId, dir: &Path) -> Result<(), StoreError> {
        unpack(&self.slug_path(id), id.as_str(), dir)
    }

    /// Extracts source into `dir`, like [`SlugStore::extract`].
    ///
    /// # Errors
    /// Those of [`SlugStore::extract`].
    pub fn extract_source(&self, id: &SourceId, dir: &Path) -> Result<(), StoreError> {
        unpack(&self.source_path(id), id.as_str(), dir)
    }

    /// Removes a slug; one that is not there is no error (S15).
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove(&self, id: &SlugId) -> Result<(), StoreError> {
        remove_file(&self.slug_path(id))
    }

    /// Removes source; what is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_source(&self, id: &SourceId) -> Result<(), StoreError> {
        remove_file(&self.source_path(id))
    }

    /// Removes what the builds of an app have kept for later ones.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_cache(&self, app: &AppName) -> Result<(), StoreError> {
        let folder = self.home.join("cache").join(app.as_str());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }

    /// Packs a folder as a slug, and answers its name and packed size in bytes.
    pub(crate) fn add_slug(&self, root: &Path) -> Result<(SlugId, u64), StoreError> {
        let name = |digest: &str| SlugId::new(digest).map(|id| (self.slug_path(&id), id));
        self.add("slugs", root, &Slugignore::nothing(), name)
    }

    /// Packs a folder as source, without what `ignored` matches.
    pub(crate) fn add_source(
        &self,
        root: &Path,
        ignored: &Slugignore,
    ) -> Result<(SourceId, u64), StoreError> {
        let name = |digest: &str| SourceId::new(digest).map(|id| (self.source_path(&id), id));
        self.add("sources", root, ignored, name)
    }

    fn add<Id, E>(
        &self,
        folder: &str,
        root: &Path,
        ignored: &Slugignore,
        name: impl FnOnce(&str) -> Result<(PathBuf, Id), E>,
    ) -> Result<(Id, u64), StoreError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let folder = self.home.join(folder);
        let file = temporary(&folder)?;
        let packed = pack(root, ignored, Hashing::new(file))?;
        let (file, digest, size) = packed.finish();
        let (path, id) = name(&digest)
            .map_err(io::Error::other)
            .map_err(StoreError::io("name", &folder))?;
        if !path.is_file() {
            keep(file, &path)?;
        }
        Ok((id, size))
    }

    /// What a build with this key made, if its slug is still there.
    pub(crate) fn recall(&self, key: &str) -> Option<Slug> {
        let bytes = fs::read(self.build_path(key)).ok()?;
        let slug: Slug = serde_json::from_slice(&bytes).ok()?;
        (self.size(&slug.id) == Some(slug.size)).then_some(slug)
    }

    /// Remembers what a build with this key made.
    pub(crate) fn remember(&self, key: &str, slug: &Slug) -> Result<(), StoreError> {
        let path = self.build_path(key);
        let mut file = temporary(&self.home.join("builds"))?;
        serde_json::to_vec_pretty(slug)
            .map_err(io::Error::other)
            .and_then(|bytes| file.write_all(&bytes))
            .map_err(StoreError::io("write", &path))?;
        keep(file, &path)
    }

    /// The files of the remembered builds that made one of these slugs, sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn builds_of(&self, slugs: &BTreeSet<SlugId>) -> Result<Vec<PathBuf>, StoreError> {
        let mut builds = entries(&self.home.join("builds"))?;
        builds.retain(|path| leads_to(path, slugs));
        builds.sort();
        Ok(builds)
    }

    fn build_path(&self, key: &str) -> PathBuf {
        self.home.join("builds").join(format!("{key}.json"))
    }

    /// A folder for one build, removed when it is dropped.
    pub(crate) fn scratch(&self) -> Result<Scratch, StoreError> {
        let folder = self.home.join("build");
        Scratch::new_in(&folder).map_err(StoreError::io("create", &folder))
    }

    /// The folder that a buildpack keeps for an app, created.
    pub(crate) fn cache(&self, app: &AppName, buildpack: &str) -> Result<PathBuf, StoreError> {
        let folder = self.home.join("cache").join(app.as_str()).join(buildpack);
        fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        Ok(folder)
    }

    /// Where the shipped buildpacks are unpacked.
    pub(crate) fn buildpacks(&self) -> PathBuf {
        self.home.join("buildpacks")
    }
}

fn temporary(folder: &Path) -> Result<NamedTempFile, StoreError> {
    NamedTempFile::with_prefix_in(".new-", folder).map_err(StoreError::io("create", folder))
}

/// Gives a file its name, once all of it is on the disk.
fn keep(file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    let sync = || {
        file.as_file().sync_all()?;
        file.persist(path)?;
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    sync().map_err(StoreError::io("write", path))
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn unpack(path: &Path, digest: &str, dir: &Path) -> Result<(), StoreError> {
    let file = match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Err(error) => Err(error),
    };
    let mut hashing = Hashing::new(file.map_err(StoreError::io("read", path))?);
    let done = zstd::Decoder::with_buffer(BufReader::with_capacity(128 * 1024, &mut hashing))
        .map_err(|source| ExtractError::Archive { path: None, source })
        .and_then(|decoder| extract(decoder, dir, Limits::APP));
    if matches!(
        done,
        Err(ExtractError::NotEmpty(_) | ExtractError::Write { .. })
    ) {
        return Ok(done?);
    }
    // Whatever else is wrong with a damaged file, that it is damaged is the reason.
    rest(&mut hashing).map_err(StoreError::io("read", path))?;
    if hashing.finish().1 != digest {
        if done.is_ok() {
            fs::remove_dir_all(dir).map_err(StoreError::io("remove", dir))?;
        }
        return Err(StoreError::Damaged(path.to_owned()));
    }
    Ok(done?)
}

fn rest(from: &mut impl Read) -> io::Result<u64> {
    io::copy(from, &mut io::sink())
}
