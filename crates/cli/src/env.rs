//! The environment, read once at the start; and the folder that holds everything. Nothing else in
//! the program reads a variable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::CommandError;

/// The variables that this process was given.
#[derive(Clone)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// This process's own.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// A variable's text; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(std::ffi::OsStr::new(name))?;
        value
            .to_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// All variables that are text.
    pub fn all(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&OsString, &OsString)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        };
        self.0.iter().filter_map(text).collect()
    }

    /// Refuses our own variables where they are no text: not to heed one would be to work in the
    /// wrong home, or on the wrong app.
    pub fn check(&self) -> Result<(), CommandError> {
        let ours = |name: &OsString| name.to_string_lossy().starts_with("SLUGLINE_");

        let broken =
            |(name, value): &(&OsString, &OsString)| ours(name) && value.to_str().is_none();
        match self.0.iter().find(broken) {
            Some((name, _)) => Err(CommandError::usage(format!(
                "{} is not UTF-8.",
                name.to_string_lossy()
            ))),
            None => Ok(()),
        }
    }

    /// `SLUGLINE_HOME`, or the XDG data folder's `slugline`.
    pub fn home(&self) -> Result<PathBuf, CommandError> {
        let absolute = |path: String| std::path::absolute(path).ok();
        let xdg = || {
            self.get("XDG_DATA_HOME")
                .map(|data| format!("{data}/slugline"))
        };
        let default = || {
            self.get("HOME")
                .map(|home| format!("{home}/.local/share/slugline"))
        };
        let found = self.get("SLUGLINE_HOME").or_else(xdg).or_else(default);
        found.and_then(absolute).ok_or_else(|| {
            CommandError::usage("There is nowhere to keep things: set SLUGLINE_HOME to a folder.")
        })
    }

    /// The port of the router: `SLUGLINE_PORT`, or 8080; 0 picks a free one.
    pub fn port(&self) -> Result<u16, CommandError> {
        let Some(text) = self.get("SLUGLINE_PORT") else {
            return Ok(8080);
        };
        text.parse().map_err(|_| {
            CommandError::usage(format!(
                "SLUGLINE_PORT={text} is not a port: use 0 to 65535"
            ))
        })
    }
}
