//! Releases and their numbers (S1, S3). It must not know how a release comes to be.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::Change;
use crate::slug::Slug;
use crate::time::Timestamp;

/// The number of a release, from 1; written `v1`. [`Version::NONE`] (0) stands before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(u64);

/// A text that is no release.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a release: write v40 or 40")]
pub struct InvalidVersion(String);

impl Version {
    /// The place before the first release.
    pub const NONE: Self = Self(0);

    /// The release of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number without the `v`.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The number that follows (S1).
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::str::FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let legal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse() {
            Ok(number) if legal && number > 0 && number <= i64::MAX as u64 => Ok(Self(number)),
            _ => Err(InvalidVersion(text.chars().take(40).collect())),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// How far a release has come (S3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Recorded, not yet settled: its operation runs, or died.
    Pending,
    /// It ran, or runs.
    Succeeded,
    /// It never became current; with the reason, in one line.
    Failed(String),
}

impl Status {
    /// The one word that names it: `pending`, `succeeded` or `failed`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

/// One release, without its config vars and add-ons, which are asked for apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its number.
    pub version: Version,
    /// What was asked for.
    pub change: Change,
    /// Who asked.
    pub actor: Actor,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// How far it has come.
    pub status: Status,
    /// Its code; `None` before the first deploy.
    pub slug: Option<Slug>,
    /// Whether it stays, whatever a tier answers (S13).
    pub pinned: bool,
}

/// A plugin that was asked for a release, and exactly which files it was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PluginUsed {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The digest of its files: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// All plugins that took part in a release (S3), sorted by name.
pub type PluginsUsed = BTreeSet<PluginUsed>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_with_and_without_its_letter() {
        for text in ["v40", "V40", "40"] {
            assert_eq!(text.parse::<Version>(), Ok(Version::new(40)));
        }
        for bad in [
            "",
            "v",
            "v0",
            "0",
            "-1",
            "v1.0",
            "+4",
            "v99999999999999999999",
            "latest",
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
        assert_eq!(Version::NONE.next().to_string(), "v1");
    }
}
