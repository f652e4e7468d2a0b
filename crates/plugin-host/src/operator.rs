//! What the operator has set for one plugin, in its `settings.yaml`: the plugin's own settings, and
//! what becomes of a change when a check of it fails. It must not know where the file is.

use serde_json::Value;
use slugline_plugin_api::protocol::PluginSettings;

use crate::fault::Fault;
use crate::source::SETTINGS;

/// The key that is the host's and never reaches the plugin.
const ON_ERROR: &str = "on_error";

/// What becomes of a change when a check fails, which is not to say that it denies. Failing tiers
/// have no choice: one keeps everything and permits no rollback (S13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It is refused.
    #[default]
    Refuse,
    /// It is made, with a warning.
    Allow,
}

/// What the operator has set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OperatorSettings {
    pub(crate) on_error: OnError,
    /// What the plugin sees.
    pub(crate) own: PluginSettings,
}

impl OperatorSettings {
    /// Reads the text of the file. An error does not repeat it, since there may be a password in it.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut all: serde_json::Map<String, Value> =
            serde_yaml::from_str(text).map_err(|error| {
                let at = error.location().map_or_else(String::new, |at| {
                    format!(" at line {} column {}", at.line(), at.column())
                });
                Fault::Unreadable(format!("{SETTINGS} is no map of names and values{at}"))
            })?;
        let on_error = match all.remove(ON_ERROR) {
            None => OnError::Refuse,
            Some(Value::String(word)) if word == "refuse" => OnError::Refuse,
            Some(Value::String(word)) if word == "allow" => OnError::Allow,
            Some(_) => {
                let what = format!("{ON_ERROR} in {SETTINGS} is refuse or allow");
                return Err(Fault::Unreadable(what));
            }
        };
        let own = PluginSettings(all);
        Ok(Self { on_error, own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_error_is_the_operators_and_the_rest_the_plugins() {
        let check = |text: &str, expected: Result<(OnError, &str), &str>| {
            let read = OperatorSettings::read(text);
            let found = read.map(|it| (it.on_error, serde_json::to_string(&it.own).unwrap()));
            let found = found.map_err(|fault| fault.to_string());
            let expected = expected.map(|(on_error, own)| (on_error, own.to_owned()));
            assert_eq!(found, expected.map_err(str::to_owned), "{text:?}");
        };
        check("", Ok((OnError::Refuse, "{}")));
        check("app: 50", Ok((OnError::Refuse, r#"{"app":50}"#)));
        check("on_error: refuse", Ok((OnError::Refuse, "{}")));
        check(
            "on_error: allow\napp: 50\n",
            Ok((OnError::Allow, r#"{"app":50}"#)),
        );
        for wrong in [
            "on_error: hush",
            "on_error: true",
            "on_error:",
            "on_error: [allow]",
        ] {
            check(wrong, Err("on_error in settings.yaml is refuse or allow"));
        }
        let no_map = "settings.yaml is no map of names and values at line 1 column 1";
        check("- allow", Err(no_map));
    }
}
