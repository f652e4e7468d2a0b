//! `.slugignore`: what of the source is left behind. Its lines are patterns as in `.gitignore`,
//! except that none can begin with `!`. It is applied to source on its way into the store, so
//! before a build; what a build makes is never ignored. It must not know how source is packed.

use std::fs;
use std::io;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The file's name, at the root of the app.
pub(crate) const FILE: &str = ".slugignore";

/// Why the patterns of a `.slugignore` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SlugignoreError {
    /// A line is no pattern.
    #[error(".slugignore line {line}: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be read.
    #[error("cannot read .slugignore")]
    Read(#[source] io::Error),
}

/// The patterns of one app.
#[derive(Debug)]
pub(crate) struct Slugignore(Gitignore);

impl Slugignore {
    /// Patterns that match nothing.
    pub(crate) fn nothing() -> Self {
        Self(Gitignore::empty())
    }

    /// Reads the file of the app in `root`; none is no error. A link is not followed.
    pub(crate) fn of(root: &Path) -> Result<Self, SlugignoreError> {
        let file = root.join(FILE);
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Ok(Self::nothing()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::nothing()),
            Err(error) => return Err(SlugignoreError::Read(error)),
        }
        Self::parse(&fs::read_to_string(file).map_err(SlugignoreError::Read)?)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, SlugignoreError> {
        let mut builder = GitignoreBuilder::new("");
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let bad = |why: String| SlugignoreError::Line {
                line: index + 1,
                why,
            };
            if line.starts_with('!') {
                return Err(bad("a pattern cannot begin with !".to_owned()));
            }
            builder
                .add_line(None, line)
                .map_err(|error| bad(error.to_string()))?;
        }
        let built = builder.build().map_err(|error| SlugignoreError::Line {
            line: 1,
            why: error.to_string(),
        })?;
        Ok(Self(built))
    }

    /// Whether this path of the app is left behind. What lies below it is too.
    pub(crate) fn matches(&self, path: &Path, folder: bool) -> bool {
        self.0.matched(path, folder).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &str, path: &str, folder: bool, expected: bool) {
        let ignore = Slugignore::parse(patterns).unwrap();
        let matched = ignore.matches(Path::new(path), folder);
        assert_eq!(matched, expected, "{patterns:?} on {path}");
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        check("*.psd\n", "design/logo.psd", false, true);
        check("# *.psd\n\n", "logo.psd", false, false);
        check("/spec", "spec", true, true);
        check("/spec", "lib/spec", true, false);
        check("docs/", "docs", false, false);
        check("docs/", "docs", true, true);
        check("a/**/z", "a/b/c/z", false, true);
        check("*.log\r\n/tmp\r\n", "tmp", true, true);
        check("\u{feff}*.log", "a.log", false, true);
        check("\\!important", "!important", false, true);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_line() {
        let error = Slugignore::parse("*.psd\n!keep.psd\n").unwrap_err();
        let text = ".slugignore line 2: a pattern cannot begin with !";
        assert_eq!(error.to_string(), text);
        let error = Slugignore::parse("ok\n\n[z-a]").unwrap_err();
        assert!(
            error.to_string().starts_with(".slugignore line 3: "),
            "{error}"
        );
    }
}
