//! What `bin/release` of a buildpack answers. It must not know which buildpack it was.

use std::collections::BTreeMap;

use serde::Deserialize;
use slugline_core::config::ConfigKey;
use slugline_core::slug::ProcessType;

use crate::procfile;

/// The answer. Other keys of the classic API, such as `addons`, are accepted and have no meaning
/// here.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Release {
    #[serde(default)]
    pub(crate) default_process_types: BTreeMap<ProcessType, String>,
    #[serde(default)]
    pub(crate) config_vars: BTreeMap<String, String>,
}

/// Understands an answer; an empty one is the default.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn parse(yaml: &str) -> Result<Release, String> {
    let release: Option<Release> =
        serde_yaml::from_str(yaml).map_err(|error| format!("its release is no YAML: {error}"))?;
    let release = release.unwrap_or_default();
    for (name, command) in &release.default_process_types {
        procfile::parse(format!("{name}: {command}").as_bytes())
            .map_err(|error| format!("its release has a bad process type: {}", error.why))?;
    }
    for (key, value) in &release.config_vars {
        ConfigKey::new(key).map_err(|error| error.to_string())?;
        if value.contains('\0') {
            return Err(format!("its release has a NUL byte in {key}"));
        }
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_or_refused() {
        assert_eq!(parse(""), Ok(Release::default()));
        assert_eq!(parse("--- {}\n"), Ok(Release::default()));
        let text =
            "---\naddons: []\nconfig_vars:\n  A: \"1\"\ndefault_process_types:\n  web: run\n";
        let release = parse(text).unwrap();
        assert_eq!(release.config_vars["A"], "1");
        assert_eq!(release.default_process_types["web"], "run");
        for bad in [
            "a: [",
            "config_vars: {1A: x}",
            "config_vars: {A: [x]}",
            "default_process_types: {a b: x}",
            "default_process_types: {web: ''}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
