//! The lock file `HOME/plugins.lock`: which plugins the operator has approved, as they were. It must
//! not know what they are now.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::PluginInfo;

use super::InstallError;

/// Its name in the home.
pub(crate) const FILE: &str = "plugins.lock";
/// The version of the file's form.
const VERSION: u32 = 1;

/// All that was approved, by the name of the folder in `HOME/plugins`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By name.
    pub plugins: BTreeMap<String, Approval>,
}

/// One plugin that was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Its own version.
    pub version: String,
    /// Its files: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// What it may do, as [`PluginInfo::permissions`].
    pub permissions: Vec<String>,
    /// Its services, and its tiers as `releases:NAME`.
    pub provides: Vec<String>,
    /// The digest that was approved before; only while an update is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            version: VERSION,
            plugins: BTreeMap::new(),
        }
    }
}

impl Approval {
    pub(super) fn of(info: &PluginInfo, digest: &str) -> Self {
        Self {
            version: info.version.clone(),
            digest: digest.to_owned(),
            permissions: info.permissions.clone(),
            provides: info.services.iter().chain(&info.tiers).cloned().collect(),
            before: None,
        }
    }

    /// Whether this is what was approved.
    #[must_use]
    pub fn covers(&self, digest: &str) -> bool {
        self.digest == digest || self.before.as_deref() == Some(digest)
    }

    /// Those permissions that were not granted.
    #[must_use]
    pub fn lacks(&self, permissions: &[String]) -> Vec<String> {
        let new = |it: &&String| !self.permissions.contains(it);
        permissions.iter().filter(new).cloned().collect()
    }
}

impl Lock {
    /// Reads it; nothing is approved where there is none.
    ///
    /// # Errors
    /// [`InstallError`]: it cannot be read, or is no lock file.
    pub fn read(home: &Path) -> Result<Self, InstallError> {
        let path = home.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(InstallError::file(&path))?,
        };
        Self::parse(&text).map_err(|what| InstallError::Lock { path, what })
    }

    /// What the text of one says, or what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match lock.version {
            VERSION => Ok(lock),
            other => Err(format!("its version {other} is not known here")),
        }
    }

    /// Writes it, at once and whole.
    pub(super) fn write(&self, home: &Path) -> Result<(), InstallError> {
        let (path, new) = (home.join(FILE), home.join(".plugins.lock.new"));
        let written = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            serde_json::to_writer_pretty(&file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(home)?.sync_all()
        };
        written().map_err(InstallError::file(&path))
    }
}
