//! A `plugin.yaml` for a vendor's add-on manifest. It must not know where either is kept.

use std::fmt::Write as _;

use super::manifest::{AddonManifest, Wrong};

/// What is wrong with an add-on manifest: a line, from 1, and what. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {what}")]
pub struct DraftError {
    /// From 1.
    pub line: usize,
    /// What is wrong, in one line.
    pub what: String,
}

/// A `plugin.yaml` for the plugin `name`, whose add-on has the same name, beside an add-on manifest
/// in the file `entry`. It has one plan, `test`, for an add-on manifest names neither plans nor prices.
///
/// # Errors
/// [`DraftError`]: the add-on manifest is wrong.
pub fn draft(name: &str, entry: &str, text: &str) -> Result<String, DraftError> {
    let read = AddonManifest::read(text);
    let manifest = read.map_err(|Wrong { line, what }| DraftError { line, what })?;
    let production = &manifest.production;
    let host = match (production.url.starts_with("https:"), production.port) {
        (true, 443) | (false, 80) => production.host.clone(),
        (_, port) => format!("{}:{port}", production.host),
    };
    let mut yaml = format!(
        "name: {name}\nversion: 1.0.0\napi: 1\nsummary: The add-on {} of a Heroku partner.\n\
         entry: {entry}\npermissions:\n  http: [\"{host}\"]\naddons:\n  {name}:\n    default: test\n",
        manifest.id
    );
    let _ = writeln!(yaml, "    config: [{}]", manifest.config_vars.join(", "));
    yaml.push_str(
        "    plans: # the names that your service knows, each with its price: free, $20/mo, ..\n      \
         test: { price: free }\n",
    );
    Ok(yaml)
}
