//! What an operator sets of an app that is no part of a release: how many processes of each type run
//! and what they may use, how releases are switched and watched, under which hosts the app answers,
//! where its log goes. A rollback leaves all of it as it is. It must not know how any of it is done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// All settings of one app. What was never set is as in [`Settings::default`], also in what an
/// older Slugline has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// By process type; one that is not named is as in [`Formation::default`].
    pub formation: BTreeMap<String, Formation>,
    /// Whether the new processes start beside the old ones; else the old ones end first.
    pub preboot: bool,
    /// The path that answers 2xx or 3xx where `web` is healthy; `None`: an open port is enough.
    pub health: Option<HealthPath>,
    /// How long a release is watched after it was switched to (S30), in seconds; 0: it is not.
    pub watch_seconds: u32,
    /// How long `web` may take to become healthy, in seconds; `None`: as the daemon does by default.
    pub boot_seconds: Option<u32>,
    /// Names under which the app answers, beside its own.
    pub domains: BTreeSet<Host>,
    /// Whether visitors see that the app is under maintenance.
    pub maintenance: bool,
    /// Where log lines are sent, in the order in which they were added.
    pub drains: Vec<Drain>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            formation: BTreeMap::new(),
            preboot: true,
            health: None,
            watch_seconds: 60,
            boot_seconds: None,
            domains: BTreeSet::new(),
            maintenance: false,
            drains: Vec::new(),
        }
    }
}

impl Settings {
    /// What is set of a process type.
    #[must_use]
    pub fn of_type(&self, kind: &str) -> Formation {
        self.formation.get(kind).cloned().unwrap_or_default()
    }
}

/// What is set of one process type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Formation {
    /// How many processes run, at most [`Formation::MAX_COUNT`]; 1 unless it is set.
    pub count: u32,
    /// Memory of one process with its children, in MiB; `None`: as much as there is.
    pub memory_mb: Option<u32>,
    /// Percent of one core for one process with its children; `None`: as much as there is.
    pub cpu_percent: Option<u32>,
    /// Files that one process may hold open; `None`: as many as the daemon may.
    pub open_files: Option<u32>,
}

impl Formation {
    /// The most processes of one type.
    pub const MAX_COUNT: u32 = 100;
}

impl Default for Formation {
    fn default() -> Self {
        Self {
            count: 1,
            memory_mb: None,
            cpu_percent: None,
            open_files: None,
        }
    }
}

/// A text that is none of what was asked for; with what it must be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is no {what}")]
pub struct InvalidSetting {
    text: String,
    what: &'static str,
}

fn invalid(text: &str, what: &'static str) -> InvalidSetting {
    let text = text.chars().take(60).collect();
    InvalidSetting { text, what }
}

/// A path on an app, such as `/healthz`: it begins with a slash and holds visible ASCII only, at most
/// 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HealthPath(String);

impl HealthPath {
    /// Accepts a path.
    ///
    /// # Errors
    /// [`InvalidSetting`].
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if text.starts_with('/') && text.len() <= 200 && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid(text, "path: it begins with / and has no spaces"))
        }
    }

    /// The path as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a host, in lower case: at most 253 characters, labels of letters, digits and dashes, at
/// least two of them. `*.example.com` stands for every name one label longer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

impl Host {
    /// Accepts a name; capitals become small.
    ///
    /// # Errors
    /// [`InvalidSetting`], for addresses and names with a port too.
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        let name = text.to_ascii_lowercase();
        let labels: Vec<&str> = name
            .strip_prefix("*.")
            .unwrap_or(&name)
            .split('.')
            .collect();
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &&str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(legal)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_address = labels
            .last()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() <= 253 && labels.len() >= 2 && labels.iter().all(label) && !is_address {
            Ok(Self(name))
        } else {
            Err(invalid(text, "host name such as www.example.com"))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where log lines are sent. Its address may hold a password, so that its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Its name for commands.
    pub id: String,
    /// Its address, of a form that who sends has checked.
    pub url: String,
}

impl std::fmt::Debug for Drain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Drain({})", self.id)
    }
}

macro_rules! as_text {
    ($($kind:ident),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = InvalidSetting;

            fn try_from(text: String) -> Result<Self, InvalidSetting> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $kind {
            type Err = InvalidSetting;

            fn from_str(text: &str) -> Result<Self, InvalidSetting> {
                Self::new(text)
            }
        }

        impl From<$kind> for String {
            fn from(name: $kind) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

as_text!(HealthPath, Host);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_in_lower_case() {
        let check = |text: &str, host: Option<&str>| {
            let made = Host::new(text).ok();
            assert_eq!(made.as_ref().map(Host::as_str), host, "{text}");
        };
        check("WWW.Example.com", Some("www.example.com"));
        check("*.example.com", Some("*.example.com"));
        check("a-1.b2.example", Some("a-1.b2.example"));
        for text in [
            "",
            "localhost",
            "*",
            "*.com*",
            "a..b",
            ".a.b",
            "a.b.",
            "-a.b",
            "a-.b",
            "a b.c",
            "a.b:80",
            "http://a.b",
            "127.0.0.1",
            "ä.example",
            "a_b.example",
            "*.*.example.com",
        ] {
            check(text, None);
        }
        check(&format!("{}.example", "a".repeat(64)), None);
        check(&vec!["abcdefg"; 33].join("."), None);
    }

    #[test]
    fn a_path_cannot_hold_what_ends_a_line() {
        assert!(HealthPath::new("/healthz?full=1").is_ok());
        for text in ["", "healthz", "/a b", "/a\r\nHost: b", "/ä", "/a#b"] {
            assert!(HealthPath::new(text).is_err(), "{text}");
        }
        assert!(HealthPath::new(&format!("/{}", "a".repeat(200))).is_err());
    }

    #[test]
    fn no_address_of_a_drain_is_shown_by_chance() {
        let drain = Drain {
            id: "d1".into(),
            url: "https://user:hunter2@logs.example".into(),
        };
        assert_eq!(format!("{drain:?}"), "Drain(d1)");
    }
}
