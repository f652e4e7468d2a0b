//! What the operator sees of a plugin before it is installed or approved, and the question.

use std::path::PathBuf;

use slugline_plugin_host::PluginInfo;
use slugline_plugin_host::conformance;
use slugline_plugin_host::install::Package;

use crate::clock::random;
use crate::context::Context;
use crate::error::CommandError;
use crate::wire;

/// What it is, and what it may do.
pub fn show(context: &Context, info: &PluginInfo, digest: &str) {
    let none = || vec!["none".to_owned()];
    let permissions = match info.permissions.is_empty() {
        true => none(),
        false => info.permissions.clone(),
    };
    let ui = context.ui;
    ui.status(format_args!(
        "=== {} {}\n{}",
        info.name, info.version, info.summary
    ));
    let parts = [
        ("Add-ons:", info.services.clone()),
        ("Tiers:", info.tiers.clone()),
        ("Hooks:", info.hooks.clone()),
        ("Permissions:", permissions),
        ("Digest:", vec![digest.to_owned()]),
    ];
    for (label, parts) in parts.into_iter().filter(|(_, parts)| !parts.is_empty()) {
        ui.status(format_args!("{label:<12} {}", parts.join(", ")));
    }
}

/// Asks, unless it was answered by `--yes`.
///
/// # Errors
/// Where the answer is no, or nobody is there to answer.
pub fn agreed(
    context: &Context,
    yes: bool,
    permissions: &[String],
    question: &str,
) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    match context.ui.ask(&format!("{question} [y/N] ")) {
        Some(answer) if ["y", "yes"].contains(&answer.to_lowercase().as_str()) => Ok(()),
        Some(_) => Err(CommandError::failed("Nothing has been changed.")),
        None => {
            let what = match permissions {
                [] => "Nobody is there to answer.".to_owned(),
                all => format!("Nobody is there to grant {}.", all.join(", ")),
            };
            Err(CommandError::failed(what).hint("--yes agrees. Nothing has been changed."))
        }
    }
}

/// Whether it loads, tried as it would be installed.
///
/// # Errors
/// Where it does not.
pub fn loads(context: &Context, package: &Package) -> Result<(), CommandError> {
    let digits: [u8; 8] = random();
    let name = format!("slugline-{:016x}", u64::from_be_bytes(digits));
    let folder = Scratch(std::env::temp_dir().join(name));
    package.write(&folder.0)?;
    let found = conformance::check(&folder.0, &wire::plugin_settings(context)?);
    found.map(|_| ()).map_err(|mut finding| {
        // Its place in the package is what helps.
        let inner = format!("{}/", folder.0.display());
        finding.file = finding.file.replace(&inner, "");
        CommandError::failed(finding.to_string())
    })
}

/// A folder that is gone in the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
