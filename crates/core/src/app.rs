//! Apps and their names. It must not know where an app is stored.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The name of an app: 1 to 30 lower-case letters, digits and dashes, beginning with a letter and
/// not ending with a dash, so that it is a host name's label too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

/// A text that cannot name an app.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, \
     beginning with a letter"
)]
pub struct InvalidAppName(String);

impl AppName {
    /// The longest name, in characters.
    pub const MAX: usize = 30;

    /// Accepts a name.
    ///
    /// # Errors
    /// [`InvalidAppName`] when it breaks the rule in the type's description.
    pub fn new(text: &str) -> Result<Self, InvalidAppName> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && !text.ends_with('-') && text.len() <= Self::MAX && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAppName(text.chars().take(60).collect()))
        }
    }

    /// A name such as `quiet-river-4821`, made of random bytes.
    #[must_use]
    pub fn made_up([first, second, high, low]: [u8; 4]) -> Self {
        const FIRST: [&str; 8] = [
            "calm", "clear", "early", "golden", "late", "quiet", "swift", "warm",
        ];
        const SECOND: [&str; 8] = [
            "brook", "field", "harbor", "hill", "lake", "meadow", "river", "wood",
        ];
        let number = u16::from_be_bytes([high, low]) % 10_000;
        let (first, second) = (
            FIRST[usize::from(first % 8)],
            SECOND[usize::from(second % 8)],
        );
        Self(format!("{first}-{second}-{number}"))
    }

    /// The name as it is written.
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AppName {
    type Error = InvalidAppName;

    fn try_from(text: String) -> Result<Self, InvalidAppName> {
        Self::new(&text)
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> Self {
        name.0
    }
}

impl std::str::FromStr for AppName {
    type Err = InvalidAppName;

    fn from_str(text: &str) -> Result<Self, InvalidAppName> {
        Self::new(text)
    }
}

impl std::fmt::Display for AppName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An app as the ledger knows it, without its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Unique among the apps that exist.
    pub name: AppName,
    /// Who created it.
    pub owner: crate::actor::Actor,
    /// When it was created.
    pub created_at: Timestamp,
    /// The branch whose push deploys; `None` for `main` and `master` alike.
    pub branch: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_host_label() {
        for good in ["a", "myapp", "my-app-2", &"a".repeat(30)] {
            assert_eq!(AppName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "2a",
            "My",
            "a_b",
            "a.b",
            "a/b",
            "é",
            &"a".repeat(31),
        ] {
            assert!(AppName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_that_is_made_up_is_one() {
        for bytes in [[0; 4], [255; 4], [3, 200, 39, 16]] {
            let name = AppName::made_up(bytes);
            assert_eq!(AppName::new(name.as_str()), Ok(name));
        }
    }
}
