//! What a vendor can know of a plugin before anybody installs it: [`check`] reads it without side
//! effects, [`run`] puts it through all that may happen to it. Neither sees a home, a ledger or an
//! app. They must not know how their findings are shown.

mod addon;
mod finding;
mod hooks;
mod own;
mod sample;
mod session;
mod sink;

use std::path::Path;
use std::rc::Rc;

use serde::Serialize;

use crate::host::{PluginHost, PluginInfo};
use crate::settings::Settings;

pub use finding::Finding;

use sample::Samples;
use session::Session;
use sink::Sinks;

/// The name of the file with sample options for the suite, beside the manifest.
pub const SAMPLES: &str = "test.yaml";

/// How one check of the suite came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was looked at, in one line.
    pub check: String,
    /// What was found.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "snake_case")]
pub enum Outcome {
    /// All is well.
    Passed,
    /// It could not be looked at here; one line says why.
    Skipped(String),
    /// One line.
    Failed(String),
}

/// Reads a plugin: its manifest, and its entry in a process that can do nothing. No hook is called.
///
/// # Errors
/// [`Finding`]: the first that is wrong, with its place.
pub fn check(folder: &Path, settings: &Settings) -> Result<PluginInfo, Finding> {
    let host = PluginHost::of_folder(folder, settings.clone());
    let host = host.map_err(|error| Finding::of_host(error, folder))?;
    let plugin = &host.plugins[0];
    let deadline = host.deadline(slugline_plugin_api::hook::Hook::TierKeep);
    // Whether a tier keeps something is known once the plugin is loaded; which tier does not matter.
    match plugin.keeps("", &deadline, &host.settings) {
        Ok(_) => Ok(host.plugins().remove(0)),
        Err(fault) => Err(Finding::of_fault(&fault, plugin, folder)),
    }
}

/// Puts a plugin through the suite, and says of each check how it came out, as it does. Whatever the
/// plugin keeps is kept in memory; what it posts to the samples' receiver and what it mails goes
/// nowhere. Its answers must not depend on what the suite does to it.
///
/// # Errors
/// [`Finding`]: it does not even pass [`check`], or its samples cannot be read.
pub fn run(
    folder: &Path,
    settings: &Settings,
    say: &mut dyn FnMut(&Verdict),
) -> Result<(), Finding> {
    check(folder, settings)?;
    say(&Verdict {
        check: "plugin.yaml and the entry agree".to_owned(),
        outcome: Outcome::Passed,
    });
    let sinks = Sinks::open().map_err(|error| Finding::of_file(folder, SAMPLES, &error))?;
    let samples = Samples::read(folder, &sinks)?;
    let session = Rc::new(Session::new(folder, settings, &sinks, samples)?);
    let mut report = Report { say };
    addon::run(&session, &mut report);
    hooks::run(&session, &mut report);
    own::run(&session, folder, &mut report);
    Ok(())
}

/// Where verdicts go.
struct Report<'a> {
    say: &'a mut dyn FnMut(&Verdict),
}

impl Report<'_> {
    /// Says how a check came out; the answer is what it found, if it passed.
    fn check<T>(&mut self, check: impl Into<String>, found: Result<T, String>) -> Option<T> {
        let (found, outcome) = match found {
            Ok(found) => (Some(found), Outcome::Passed),
            Err(why) => (None, Outcome::Failed(why)),
        };
        let check = check.into();
        (self.say)(&Verdict { check, outcome });
        found
    }

    fn skip(&mut self, check: impl Into<String>, why: impl Into<String>) {
        let (check, outcome) = (check.into(), Outcome::Skipped(why.into()));
        (self.say)(&Verdict { check, outcome });
    }
}
