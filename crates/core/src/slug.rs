//! Slugs: compiled apps, named by digest. It must not know how one is compiled, packed or kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! hex_name {
    ($(#[$doc:meta])* $name:ident, $least:literal..=$most:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts lower-case hexadecimal digits of the length that the type's description
            /// gives.
            ///
            /// # Errors
            /// [`InvalidDigest`] for anything else.
            pub fn new(text: &str) -> Result<Self, InvalidDigest> {
                let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                if ($least..=$most).contains(&text.len()) && text.chars().all(hex) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidDigest($what, $least, $most))
                }
            }

            /// All its digits.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidDigest;

            fn try_from(text: String) -> Result<Self, InvalidDigest> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A text that is no digest of the kind wanted.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is written as {1} to {2} lower-case hexadecimal digits")]
pub struct InvalidDigest(&'static str, usize, usize);

hex_name! {
    /// The SHA-256 of a packed slug: 64 hexadecimal digits.
    SlugId, 64..=64, "a slug"
}

hex_name! {
    /// The SHA-256 of packed source, as it was pushed: 64 hexadecimal digits.
    SourceId, 64..=64, "a source"
}

hex_name! {
    /// The commit that source came from: 7 to 64 hexadecimal digits. Source that came from no
    /// commit is named by the first 40 digits of its digest.
    Commit, 7..=64, "a commit"
}

impl Commit {
    /// The first seven digits, as the history shows them (S4).
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

/// The name of a process type in a Procfile, such as `web`.
pub type ProcessType = String;

/// A compiled app: all that is needed to run it, with where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slug {
    /// Its digest and name in the slug store.
    pub id: SlugId,
    /// Packed size in bytes.
    pub size: u64,
    /// The commit that it was compiled from.
    pub commit: Commit,
    /// The source that it was compiled from, to compile it again (S22).
    pub source: SourceId,
    /// The buildpack that compiled it, by the name it answered to `bin/detect`.
    pub buildpack: String,
    /// Process types with their commands: those of the Procfile over the buildpack's defaults.
    pub processes: BTreeMap<ProcessType, String>,
    /// Environment that the buildpack sets where no config var does.
    pub default_env: BTreeMap<String, String>,
}
