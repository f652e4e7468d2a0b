//! Slugs that were compiled elsewhere, as they come and go: a tarball that holds the app in `./app`. What comes
//! is its own source: compiled again, it is itself. It must not know who brings it, nor for which app.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use slugline_core::port::CompileError;
use slugline_core::slug::{Commit, ProcessType, Slug, SlugId};
use tar::{Archive, Builder, EntryType, Header};

use crate::extract::ExtractError;
use crate::procfile;
use crate::slugignore::Slugignore;
use crate::source::SourceError;
use crate::store::{SlugStore, StoreError};

/// The folder in a tarball that holds the app.
const APP: &str = "app";

/// What compiled a slug, where nobody says it.
const UNKNOWN: &str = "Slug";

/// Why a slug cannot be brought. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// What was sent, or the store.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such folder in it.
    #[error("it holds no folder ./app")]
    NoApp,
    /// The process types cannot be understood.
    #[error("{0}")]
    Processes(String),
}

impl From<StoreError> for BringError {
    fn from(error: StoreError) -> Self {
        Self::Source(error.into())
    }
}

/// What is said of a slug that is brought.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims<'a> {
    /// Process types with their commands, in place of those of its Procfile.
    pub processes: Option<&'a BTreeMap<ProcessType, String>>,
    /// The commit that it is of; else it is named by its digest.
    pub commit: Option<&'a Commit>,
    /// What compiled it.
    pub buildpack: Option<&'a str>,
}

impl SlugStore {
    /// Adds a slug from a tarball that holds the app in `./app`, within the limits of source.
    ///
    /// # Errors
    /// [`BringError`].
    pub fn bring(&self, tarball: impl Read, claims: Claims<'_>) -> Result<Slug, BringError> {
        let (_scratch, tree) = self.unpack_tar(tarball)?;
        let app = tree.join(APP);
        if !fs::symlink_metadata(&app).is_ok_and(|found| found.is_dir()) {
            return Err(BringError::NoApp);
        }
        if let Some(processes) = claims.processes {
            declare(&app, processes)?;
        }
        let processes = declared(&app)?;
        // Its source is all that came: no other source has that name by chance.
        let nothing = Slugignore::nothing();
        let (source, _) = self.add_source(&tree, &nothing)?;
        let (id, size) = self.add_slug(&app)?;
        let own = Commit::new(&source.as_str()[..40]);
        let commit = claims.commit.cloned().map_or(own, Ok);
        let slug = Slug {
            id,
            size,
            commit: commit.map_err(|error| BringError::Processes(error.to_string()))?,
            source,
            buildpack: claims.buildpack.unwrap_or(UNKNOWN).to_owned(),
            processes,
            default_env: BTreeMap::new(),
        };
        self.remember(slug.source.as_str(), &slug)?;
        Ok(slug)
    }

    /// Writes a slug as a tarball, compressed with gzip, that holds the app in `./app`: the same bytes for
    /// the same slug.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub fn hand_out(&self, id: &SlugId, to: impl Write) -> Result<(), StoreError> {
        let path = self.slug_path(id);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing(path));
            }
            other => other.map_err(StoreError::io("read", &path))?,
        };
        rewritten(file, to).map_err(StoreError::io("read", &path))
    }
}

/// Puts the process types into the Procfile.
fn declare(app: &Path, processes: &BTreeMap<ProcessType, String>) -> Result<(), BringError> {
    let mut text = String::new();
    for (name, command) in processes {
        text.extend([name, ": ", command, "\n"]);
    }
    let understood = procfile::parse(text.as_bytes());
    let understood = understood.map_err(|error| BringError::Processes(error.why))?;
    if understood != *processes {
        let why = "the command of a process type is one line, without blanks around it";
        return Err(BringError::Processes(why.to_owned()));
    }
    let path = app.join(procfile::FILE);
    let failed = |error| BringError::from(StoreError::io("write", &path)(error));
    // What is there may be a link.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    File::create_new(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)
}

fn declared(app: &Path) -> Result<BTreeMap<ProcessType, String>, BringError> {
    let read = crate::compile::read_procfile(app);
    read.map_err(|error| match error {
        error @ CompileError::Procfile { .. } => BringError::Processes(error.to_string()),
        error => BringError::Processes(format!("the Procfile cannot be read: {error}")),
    })
}

/// The entries of a packed slug, each below `./app`.
fn rewritten(from: File, to: impl Write) -> io::Result<()> {
    let from = zstd::Decoder::with_buffer(BufReader::with_capacity(128 * 1024, from))?;
    let mut archive = Archive::new(from);
    let mut out = Builder::new(GzEncoder::new(to, Compression::fast()));
    let mut root = Header::new_gnu();
    root.set_entry_type(EntryType::Directory);
    root.set_mode(0o755);
    root.set_size(0);
    out.append_data(&mut root, format!("./{APP}/"), io::empty())?;
    for entry in archive.entries()? {
        let entry = entry?;
        let path: PathBuf = [Path::new("."), Path::new(APP), &entry.path()?]
            .iter()
            .collect();
        let mut header = entry.header().clone();
        match entry.link_name()? {
            Some(target) if header.entry_type() == EntryType::Symlink => {
                out.append_link(&mut header, path, target)?;
            }
            _ => out.append_data(&mut header, path, entry)?,
        }
    }
    out.into_inner()?.finish()?.flush()
}

impl From<ExtractError> for BringError {
    fn from(error: ExtractError) -> Self {
        Self::Source(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tarball(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, contents) in entries {
            let mut header = Header::new_gnu();
            header.set_size(contents.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, contents.as_bytes())
                .unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn files(home: &Path) -> usize {
        let folders = ["slugs", "sources", "builds", "build"];
        let count = |name| fs::read_dir(home.join(name)).unwrap().count();
        folders.into_iter().map(count).sum()
    }

    #[test]
    fn what_is_brought_is_handed_out_again_and_compiles_to_itself() {
        let home = tempfile::tempdir().unwrap();
        let store = SlugStore::open(home.path()).unwrap();
        let processes = BTreeMap::from([("web".to_owned(), "./serve $PORT".to_owned())]);
        let claims = Claims {
            processes: Some(&processes),
            ..Claims::default()
        };
        let sent = tarball(&[("./app/serve", "#!"), ("./app/Procfile", "worker: old\n")]);
        let slug = store.bring(&sent[..], claims).unwrap();
        assert_eq!(slug.processes, processes);
        assert_eq!(slug.commit.as_str(), &slug.source.as_str()[..40]);
        assert_eq!(store.recall(slug.source.as_str()).as_ref(), Some(&slug));
        let mut out = Vec::new();
        store.hand_out(&slug.id, &mut out).unwrap();
        let again = store.bring(&out[..], Claims::default()).unwrap();
        assert_eq!((&again.id, &again.processes), (&slug.id, &slug.processes));
        let mut twice = Vec::new();
        store.hand_out(&slug.id, &mut twice).unwrap();
        assert_eq!(out, twice);
        let dir = home.path().join("out");
        store.extract(&slug.id, &dir).unwrap();
        let procfile = fs::read_to_string(dir.join("Procfile")).unwrap();
        assert_eq!(procfile, "web: ./serve $PORT\n");
        assert!(store.source_path(&slug.source).is_file());
    }

    #[test]
    fn what_cannot_be_a_slug_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = SlugStore::open(home.path()).unwrap();
        let check = |sent: &[u8], processes: &[(&str, &str)], expected: &str| {
            let owned =
                |(name, command): &(&str, &str)| ((*name).to_owned(), (*command).to_owned());
            let processes: BTreeMap<_, _> = processes.iter().map(owned).collect();
            let claims = Claims {
                processes: (!processes.is_empty()).then_some(&processes),
                ..Claims::default()
            };
            let error = store.bring(sent, claims).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(files(home.path()), 0, "{expected}");
        };
        let good = tarball(&[("./app/x", "")]);
        check(b"", &[], "the archive cannot be read");
        check(&good[..good.len() / 2], &[], "the archive cannot be read");
        check(&tarball(&[("x", "")]), &[], "no folder ./app");
        check(&tarball(&[("app", "")]), &[], "no folder ./app");
        check(&tarball(&[("app/Procfile", "web")]), &[], "Procfile line 1");
        check(&good, &[("web", "a\nb: c")], "is one line");
        check(&good, &[("web", "")], "web has no command");
        check(&good, &[("we b", "x")], "is not a process type");
        check(&good, &[("web", " x")], "is one line");
        let missing = SlugId::new(&"a".repeat(64)).unwrap();
        let none = store.hand_out(&missing, Vec::new()).unwrap_err();
        assert!(matches!(none, StoreError::Missing(_)));
    }
}
