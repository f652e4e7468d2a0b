//! The port to the compiler: source into slug.

use crate::app::AppName;
use crate::config::ConfigVars;
use crate::slug::{Commit, Slug, SourceId};

use super::Cause;

/// What is to be compiled.
#[derive(Clone, Debug)]
pub struct CompileRequest<'a> {
    /// The app, whose build cache is used.
    pub app: &'a AppName,
    /// Source that is in the store.
    pub source: &'a SourceId,
    /// The commit it came from.
    pub commit: &'a Commit,
    /// The config vars that the app will run with. A build sees those that its buildpack declares.
    pub config: &'a ConfigVars,
}

/// Why there is no slug (S29). None of them holds a config value.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// No buildpack knows what this is.
    #[error("no buildpack recognises this app; there are: {0}")]
    NotDetected(String),
    /// The buildpack refused the app; its output has been shown.
    #[error("the {buildpack} buildpack failed ({status}); nothing has been changed")]
    Failed {
        /// The buildpack.
        buildpack: String,
        /// How it ended, such as `exit status 1`.
        status: String,
    },
    /// The Procfile cannot be understood.
    #[error("Procfile line {line}: {why}")]
    Procfile {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The app or its slug has a path that would leave its folder.
    #[error("{path:?} {why}")]
    Path {
        /// The path inside the app.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody wants it any more.
    #[error("the build was cancelled; nothing has been changed")]
    Cancelled,
    /// The source is not in the store.
    #[error("the source {0} is no longer in the store")]
    NoSource(SourceId),
    /// The disk failed, or is full.
    #[error("the slug cannot be made: {what}")]
    Storage {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        cause: Cause,
    },
}

/// Compiles source into slugs.
///
/// Guarantees: the same source with the same buildpack, stack and visible config vars is the same
/// slug, answered from the store without a build (S23). A failed build leaves nothing behind but
/// its cache.
pub trait Compiler {
    /// Compiles, or finds what was compiled before. `line` is called with each line of output.
    ///
    /// # Errors
    /// [`CompileError`].
    fn compile(
        &self,
        request: &CompileRequest<'_>,
        line: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError>;
}
