//! Why a command failed, as the person sees it: what is wrong, why, what to do next, and the exit
//! status. The words come from where the error arose; this only joins them.

use slugline_core::corridor::Failure;
use slugline_core::port::LedgerError;
use slugline_core::refusal::Refusal;
use slugline_core::suggest::nearest;

use crate::exit::Status;

/// A command that failed.
#[derive(Debug)]
pub struct CommandError {
    /// The exit status.
    pub status: Status,
    /// What is wrong and why, with what to do next; may have several lines.
    pub text: String,
}

impl CommandError {
    /// Refused or failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Self {
            status: Status::Failed,
            text: text.into(),
        }
    }

    /// Not understood.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            text: text.into(),
        }
    }

    /// An error with all that caused it, in one line.
    pub fn because(error: &dyn std::error::Error) -> Self {
        Self::failed(chain(error))
    }

    /// The same error with one more line.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.text = format!("{}\n{hint}", self.text);
        self
    }
}

/// An error and its causes, joined by colons, a cause that was named already left out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

fn refusals(refusals: &[Refusal]) -> String {
    let whole = |refusal: &Refusal| match &refusal.hint {
        Some(hint) => format!("{}\n{hint}", refusal.text),
        None => refusal.text.clone(),
    };
    refusals.iter().map(whole).collect::<Vec<_>>().join("\n")
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(all) => Self::failed(refusals(&all)),
            Failure::Unhealthy {
                version,
                reason,
                log,
                current,
            } => {
                let log: String = log.iter().map(|line| format!("\n  {line}")).collect();
                let runs = match current.number() {
                    0 => "Nothing runs.".to_owned(),
                    _ => format!("{current} runs on, unchanged."),
                };
                Self::failed(format!("{version} failed: {reason}{log}\n{runs}"))
            }
            Failure::Ledger(error) => error.into(),
            other => Self::because(&other),
        }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        let hint = match &error {
            LedgerError::NoApp(_) => "`slugline apps` lists those there are.",
            LedgerError::TooNew { .. } => "Install a newer Slugline.",
            LedgerError::NotPrivate { path, .. } => {
                return Self::because(&error).hint(&format!("Mend it: chmod 700 {path}"));
            }
            _ => return Self::because(&error),
        };
        Self::because(&error).hint(hint)
    }
}

/// The error of an app that does not exist, with the nearest that does.
pub fn no_app(name: &str, known: &[String]) -> CommandError {
    let error = CommandError::failed(format!("there is no app {name}"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => error.hint(&format!("Did you mean {meant}?")),
        None if known.is_empty() => error.hint("There are no apps yet: slugline apps:create"),
        None => error.hint("`slugline apps` lists those there are."),
    }
}

impl From<slugline_core::port::LaunchError> for CommandError {
    fn from(error: slugline_core::port::LaunchError) -> Self {
        Self::because(&error)
    }
}

macro_rules! invalid {
    ($($type:ty),* $(,)?) => {$(
        impl From<$type> for CommandError {
            fn from(error: $type) -> Self {
                Self::because(&error)
            }
        }
    )*};
}

invalid! {
    slugline_core::actor::InvalidActor,
    slugline_core::app::InvalidAppName,
    slugline_core::config::InvalidConfig,
    slugline_core::release::InvalidVersion,
    slugline_core::slug::InvalidDigest,
    slugline_plugin_host::HostError,
    slugline_plugin_host::install::InstallError,
    slugline_runtime::ControlError,
    slugline_slug::StoreError,
    serde_json::Error,
}
