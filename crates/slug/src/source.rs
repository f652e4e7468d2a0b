//! Source on its way into the store: from a folder, a tarball or a commit. All three end as the
//! same deterministic archive, so the same tree has the same name whichever way it came.
//! `.slugignore` is applied here. It must not know what becomes of the source.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use slugline_core::port::CompileError;
use slugline_core::slug::{Commit, SourceId};

use crate::extract::{ExtractError, Limits, extract};
use crate::pack::PackError;
use crate::scratch::Scratch;
use crate::slugignore::{Slugignore, SlugignoreError};
use crate::store::{SlugStore, StoreError};

/// Why source is not in the store. Nothing of it is there then.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store, or something in the source.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// git has no such commit, or does not run.
    #[error("git cannot read {commit}: {why}")]
    Git {
        /// The commit.
        commit: Commit,
        /// What git wrote, or why it does not run.
        why: String,
    },
}

impl From<ExtractError> for SourceError {
    fn from(error: ExtractError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SlugignoreError> for SourceError {
    fn from(error: SlugignoreError) -> Self {
        Self::Store(PackError::from(error).into())
    }
}

impl From<SourceError> for CompileError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Store(error) => error.into(),
            SourceError::Git { .. } => Self::Storage {
                what: error.to_string(),
                cause: Box::new(error),
            },
        }
    }
}

impl From<StoreError> for CompileError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Pack(PackError::Path { path, why })
            | StoreError::Extract(ExtractError::Path { path, why }) => Self::Path { path, why },
            other => Self::Storage {
                what: other.to_string(),
                cause: Box::new(other),
            },
        }
    }
}

impl SlugStore {
    /// Adds what is in a folder, without `.git`, and answers its name and packed size in bytes.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub fn add_source_dir(&self, dir: &Path) -> Result<(SourceId, u64), SourceError> {
        let ignored = Slugignore::of(dir)?;
        Ok(self.add_source(dir, &ignored)?)
    }

    /// Adds what is in a tarball: plain, or compressed with gzip or zstd, which is told from its
    /// first bytes.
    ///
    /// # Errors
    /// [`SourceError::Store`], with the path of the entry that is wrong.
    pub fn add_source_tar(&self, tarball: impl Read) -> Result<(SourceId, u64), SourceError> {
        let (_scratch, tree) = self.unpack_tar(tarball)?;
        self.add_source_dir(&tree)
    }

    /// What is in a tarball of any of these kinds, in a folder of the build's.
    pub(crate) fn unpack_tar(&self, tarball: impl Read) -> Result<(Scratch, PathBuf), SourceError> {
        let mut tarball = BufReader::with_capacity(128 * 1024, tarball);
        let failed = |source| ExtractError::Archive { path: None, source };
        let mut first = Vec::new();
        (&mut tarball)
            .take(4)
            .read_to_end(&mut first)
            .map_err(failed)?;
        let all = first.as_slice().chain(tarball);
        if first.starts_with(&[0x1f, 0x8b]) {
            self.unpack_plain(flate2::read::MultiGzDecoder::new(all))
        } else if first == [0x28, 0xb5, 0x2f, 0xfd] {
            self.unpack_plain(zstd::Decoder::new(all).map_err(failed)?)
        } else {
            self.unpack_plain(all)
        }
    }

    /// Adds the tree of a commit, as `git archive` gives it, without submodules. `env` is the
    /// calling environment: its `GIT_*` variables let git see what a push has not yet brought into
    /// the repository; PATH and HOME are passed on too, and nothing else.
    /// What the attributes `export-ignore` and `export-subst` say is heeded, as git does.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn add_source_git(
        &self,
        repo: &Path,
        commit: &Commit,
        env: &BTreeMap<String, String>,
    ) -> Result<(SourceId, u64), SourceError> {
        let failed = |why: String| SourceError::Git {
            commit: commit.clone(),
            why,
        };
        let scratch = self.scratch()?;
        let errors = scratch.path().join("errors");
        let tree = scratch.path().join("source");
        let run = || -> io::Result<(Child, ChildStdout)> {
            let mut git = git_archive(repo, commit, env)
                .stderr(File::create(&errors)?)
                .spawn()?;
            let output = git.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
            Ok((git, output))
        };
        let (mut git, output) = run().map_err(|error| failed(error.to_string()))?;
        let extracted = extract(NotEmpty::new(output), &tree, Limits::APP);
        // Reading has ended, so git has ended, or ends now that nobody reads on.
        let ended = git.wait().map_err(|error| failed(error.to_string()))?;
        if matches!(ended.code(), Some(code) if code != 0) {
            let said = fs::read(&errors).unwrap_or_default();
            return Err(failed(String::from_utf8_lossy(&said).trim().to_owned()));
        }
        extracted?;
        self.add_source_dir(&tree)
    }

    fn unpack_plain(&self, tar: impl Read) -> Result<(Scratch, PathBuf), SourceError> {
        let scratch = self.scratch()?;
        let tree = scratch.path().join("source");
        extract(NotEmpty::new(tar), &tree, Limits::APP)?;
        Ok((scratch, tree))
    }
}

fn git_archive(repo: &Path, commit: &Commit, env: &BTreeMap<String, String>) -> Command {
    // These name the repository, which we do ourselves.
    let ours = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"];
    let passed = env.iter().filter(|(key, _)| {
        let git = key.starts_with("GIT_") && !ours.contains(&key.as_str());
        git || *key == "PATH" || *key == "HOME"
    });
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(repo)
        .args(["archive", "--format=tar", commit.as_str()])
        .env_clear()
        .envs(passed)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    git
}

/// Refuses an archive without a single byte, which tar alone would take for an empty tree.
struct NotEmpty<R> {
    from: R,
    seen: bool,
}

impl<R> NotEmpty<R> {
    fn new(from: R) -> Self {
        Self { from, seen: false }
    }
}

impl<R: Read> Read for NotEmpty<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if read == 0 && !self.seen && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
        }
        self.seen |= read > 0;
        Ok(read)
    }
}
