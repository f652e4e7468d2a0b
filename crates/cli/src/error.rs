//! Why a command failed, as the person sees it: what is wrong, why, what to do next, and the exit
//! status. The words come from where the error arose; this only joins them.

use slugline_core::corridor::Failure;
use slugline_core::port::{LedgerError, ProviderError};
use slugline_core::refusal::Refusal;
use slugline_core::suggest;
use slugline_ledger::Outcome;

use crate::exit::Status;

/// A command that failed.
#[derive(Debug)]
pub struct CommandError {
    /// The exit status.
    pub status: Status,
    /// What is wrong and why, with what to do next; may have several lines.
    pub text: String,
    /// Whether it was begun.
    pub outcome: Outcome,
    /// What the audit says of it, where its own words may hold what is secret.
    pub public: Option<String>,
}

impl CommandError {
    /// Refused.
    pub fn failed(text: impl Into<String>) -> Self {
        Self {
            status: Status::Failed,
            text: text.into(),
            outcome: Outcome::Refused,
            public: None,
        }
    }

    /// The same error of something that had been begun.
    #[must_use]
    fn begun(self) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..self
        }
    }

    /// What the audit says of it, in one line.
    pub fn for_audit(&self) -> &str {
        let first = self.text.lines().next().unwrap_or_default();
        self.public.as_deref().unwrap_or(first)
    }

    /// Not understood.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            ..Self::failed(text)
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
                Self::failed(format!("{version} failed: {reason}{log}\n{runs}")).begun()
            }
            Failure::Ledger(error) => error.into(),
            Failure::Provider(error) => error.into(),
            other => Self::because(&other).begun(),
        }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        let hint = match &error {
            LedgerError::NoApp(_) => "`slugline apps` lists those there are.",
            LedgerError::TooNew { .. } => "Install a newer Slugline.",
            LedgerError::Held(_) => "Without --no-wait it is waited for.",
            LedgerError::NotPrivate { path, .. } => {
                return Self::because(&error).hint(&format!("Mend it: chmod 700 {path}"));
            }
            LedgerError::Unsure(_) => {
                let hint =
                    "Once the disk works, `slugline releases` and `slugline audit` say what is.";
                return Self::because(&error).begun().hint(hint);
            }
            LedgerError::Storage(_)
            | LedgerError::Corrupt(_)
            | LedgerError::Busy(_)
            | LedgerError::Full => return Self::because(&error).begun(),
            _ => return Self::because(&error),
        };
        Self::because(&error).hint(hint)
    }
}

impl From<ProviderError> for CommandError {
    fn from(error: ProviderError) -> Self {
        // A plugin's words may hold what it was told: an option, or a value that it lends.
        let public = match &error {
            ProviderError::Refused { plugin, .. } => Some(format!("the plugin {plugin} refused")),
            ProviderError::Broken { plugin, hook, .. } => {
                Some(format!("the plugin {plugin} failed in {hook}"))
            }
            ProviderError::Gone(_) => None,
        };
        let refused = matches!(error, ProviderError::Refused { .. });
        let error = Self::because(&error);
        let error = if refused { error } else { error.begun() };
        Self { public, ..error }
    }
}

/// The error of an app that does not exist, with the nearest that does.
pub fn no_app(name: &str, known: &[String]) -> CommandError {
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    CommandError::failed(suggest::no_app(name, &known))
}

impl From<slugline_core::port::LaunchError> for CommandError {
    fn from(error: slugline_core::port::LaunchError) -> Self {
        Self::because(&error).begun()
    }
}

impl From<slugline_ledger::ExportError> for CommandError {
    fn from(error: slugline_ledger::ExportError) -> Self {
        match error {
            slugline_ledger::ExportError::Ledger(error) => error.into(),
            error @ slugline_ledger::ExportError::Write(_) => Self::because(&error),
        }
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
    slugline_core::settings::InvalidSetting,
    slugline_core::slug::InvalidDigest,
    slugline_plugin_host::HostError,
    slugline_plugin_host::install::InstallError,
    slugline_runtime::ControlError,
    slugline_slug::StoreError,
    slugline_slug::backup::BackupError,
    serde_json::Error,
}
