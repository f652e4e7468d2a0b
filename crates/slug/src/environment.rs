//! The environment of a build: what of the caller's it sees, and which config vars are laid out for
//! it. It must not know what a buildpack does with them, nor read the process's own environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use slugline_core::config::ConfigVars;

/// Variables of the calling environment that builds see, by name.
const NAMES: [&str; 6] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "NODE_EXTRA_CA_CERTS",
];

/// The same, by beginning: settings of package managers and certificates, so that builds work
/// behind the proxies and mirrors that the operator's own shell works with.
const BEGINNINGS: [&str; 5] = [
    "PIP_",
    "npm_config_",
    "NPM_CONFIG_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
];

const ENDINGS: [&str; 2] = ["_proxy", "_PROXY"];

/// Where programs are when the caller has no PATH.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Whether a build sees this variable of the calling environment.
#[must_use]
pub fn is_for_builds(key: &str) -> bool {
    NAMES.contains(&key)
        || BEGINNINGS.iter().any(|text| key.starts_with(text))
        || ENDINGS.iter().any(|text| key.ends_with(text))
}

/// What of the calling environment a build sees, with `STACK` and a `TMPDIR` of its own.
pub(crate) fn of_build(
    calling: &BTreeMap<String, String>,
    stack: &str,
    temporary: &Path,
) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = calling
        .iter()
        .filter(|(key, _)| is_for_builds(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    env.entry("PATH".to_owned())
        .or_insert_with(|| PATH.to_owned());
    env.entry("LANG".to_owned())
        .or_insert_with(|| "C.UTF-8".to_owned());
    env.insert("STACK".to_owned(), stack.to_owned());
    env.insert("TMPDIR".to_owned(), temporary.display().to_string());
    env
}

/// The config vars that a build may read: those that its buildpack declares.
pub(crate) fn visible<'a>(
    config: &'a ConfigVars,
    declared: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    config
        .iter()
        .filter(|(key, _)| declared.iter().any(|name| name == key.as_str()))
        .map(|(key, var)| (key.as_str(), var.value.reveal()))
}

/// Writes config vars as the buildpack API has them: one file each, named by key, holding the
/// value.
pub(crate) fn lay_out<'a>(
    folder: &Path,
    vars: impl Iterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (key, value) in vars {
        fs::write(folder.join(key), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::config::{ConfigKey, ConfigValue, ConfigVar, Owner};

    #[test]
    fn a_build_sees_what_package_managers_need_and_no_more() {
        let calling = [
            ("PATH", "/p"),
            ("TZ", "UTC"),
            ("TMPDIR", "/mine"),
            ("PIP_INDEX_URL", "x"),
            ("npm_config_registry", "x"),
            ("https_proxy", "x"),
            ("NO_PROXY", "x"),
            ("SSL_CERT_FILE", "x"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("PYTHONPATH", "/x"),
            ("GIT_DIR", "."),
            ("NODE_ENV", "x"),
        ];
        let calling = calling.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let env = of_build(&calling.into(), "s", Path::new("/t"));
        let keys: Vec<&str> = env.keys().map(String::as_str).collect();
        let expected = [
            "LANG",
            "NO_PROXY",
            "PATH",
            "PIP_INDEX_URL",
            "SSL_CERT_FILE",
            "STACK",
            "TMPDIR",
            "TZ",
            "https_proxy",
            "npm_config_registry",
        ];
        assert_eq!(keys, expected);
        assert_eq!((env["PATH"].as_str(), env["TMPDIR"].as_str()), ("/p", "/t"));
    }

    #[test]
    fn only_declared_config_vars_are_laid_out() {
        let var = |key: &str, value: &str| {
            let key = ConfigKey::new(key).unwrap();
            let value = ConfigValue::new(&key, value).unwrap();
            let owner = Owner::User;
            (key, ConfigVar { value, owner })
        };
        let config = ConfigVars::from_iter([var("A", "1\n2"), var("SECRET", "hush")]);
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("env");
        lay_out(&folder, visible(&config, &["A".to_owned(), "B".to_owned()])).unwrap();
        let names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["A"]);
        assert_eq!(fs::read(folder.join("A")).unwrap(), b"1\n2");
    }
}
