//! Code that comes through the API: slugs that somebody compiled elsewhere and brought, and builds of source.
//! It must not know how it comes, nor how it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::release::Version;
use crate::slug::{ProcessType, Slug, SlugId};
use crate::time::Timestamp;

/// So many of an app's newest builds are kept, and so many of the slugs brought to it.
pub const KEPT: u32 = 50;

/// The name of a build or of a brought slug: 32 hexadecimal digits, random.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BuildId(String);

/// Text that names neither a build nor a brought slug.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is named by 32 hexadecimal digits")]
pub struct InvalidBuildId;

impl BuildId {
    /// Checks a name; dashes between the digits are left out.
    ///
    /// # Errors
    /// [`InvalidBuildId`].
    pub fn new(text: &str) -> Result<Self, InvalidBuildId> {
        let plain: String = text.chars().filter(|c| *c != '-').collect();
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        match plain.len() == 32 && plain.chars().all(hex) {
            true => Ok(Self(plain)),
            false => Err(InvalidBuildId),
        }
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BuildId {
    type Error = InvalidBuildId;

    fn try_from(text: String) -> Result<Self, InvalidBuildId> {
        Self::new(&text)
    }
}

impl From<BuildId> for String {
    fn from(id: BuildId) -> Self {
        id.0
    }
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is said of code by whoever brings it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Process types with their commands, which take the place of those of its Procfile.
    pub processes: Option<BTreeMap<ProcessType, String>>,
    /// The commit or version that it is of.
    pub version: Option<String>,
    /// What there is to say of that.
    pub description: Option<String>,
    /// The SHA-256 of what is sent, 64 hexadecimal digits: where it is said it must be that.
    pub checksum: Option<String>,
    /// What compiled it.
    pub buildpack: Option<String>,
}

/// A slug that was compiled elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Its name.
    pub id: BuildId,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it came, or was announced.
    pub updated_at: Timestamp,
    /// What was said of it.
    pub said: Said,
    /// What it is; `None` until it has come.
    pub slug: Option<Slug>,
}

/// How far a build has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildStatus {
    /// It is waited for.
    Pending,
    /// It made a release that runs.
    Succeeded,
    /// It did not.
    Failed,
}

impl BuildStatus {
    /// The word that names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// What a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Succeeded, Self::Failed];
        all.into_iter().find(|one| one.word() == word)
    }
}

/// A build that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its name.
    pub id: BuildId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended, or was asked for.
    pub updated_at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// What was said of its source.
    pub said: Said,
    /// How far it has come.
    pub status: BuildStatus,
    /// The release that it made, whether that runs or not.
    pub release: Option<Version>,
    /// The slug that it made.
    pub slug: Option<SlugId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_are_read_back() {
        let id = BuildId::new("01234567-89ab-cdef-0123-456789abcdef").unwrap();
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
        for bad in ["", "0123", &"g".repeat(32), &"A".repeat(32)] {
            assert_eq!(BuildId::new(bad), Err(InvalidBuildId));
        }
        for word in ["pending", "succeeded", "failed"] {
            assert_eq!(BuildStatus::of_word(word).unwrap().word(), word);
        }
        assert_eq!(BuildStatus::of_word("done"), None);
    }
}
