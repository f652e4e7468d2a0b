//! Reads a `plugin.yaml`: its keys first, then its types, then what only the engine knows to be
//! legal. Each error names line and column and shows them. It must not know where the text is from.

mod error;
mod keys;
mod locate;
mod rules;

use serde::Deserialize;
use slugline_plugin_api::API_VERSION;
use slugline_plugin_api::manifest::{Manifest, SHAPE};

pub use error::ManifestError;

use keys::Keys;
use locate::Place;

/// Reads a manifest. `file` is what it is called in errors.
///
/// # Errors
/// [`ManifestError`], the first there is: a text that is no YAML, an API version that this host
/// does not know, a key that is unknown or there twice, a value of the wrong type, one that is
/// missing, and names, prices, hosts and config vars that are not legal.
pub fn check_manifest(text: &str, file: &str) -> Result<Manifest, ManifestError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let from_yaml = |error| ManifestError::from_yaml(&error, text, file);
    check_version(text, file)?;
    keys::check(Keys::new(SHAPE), text).map_err(from_yaml)?;
    let manifest: Manifest = serde_yaml::from_str(text).map_err(from_yaml)?;
    rules::check(&manifest).map_err(|broken| {
        let at = locate::find(text, &broken.place);
        ManifestError::at(at, broken.what, text, file)
    })?;
    Ok(manifest)
}

/// Where a plugin that does not keep its manifest breaks it: at the part that is named in what is
/// wrong, or at the entry.
pub(crate) fn place_of(what: &str, manifest: &Manifest, text: &str, file: &str) -> ManifestError {
    let names = |name: &str| {
        let mut words = what.split([' ', ',', ';', ':', '"', '(', ')']);
        words.any(|word| word == name)
    };
    let hook = manifest.hooks.iter().position(|hook| names(hook.name()));
    let addon = manifest.addons.keys().find(|name| names(name));
    let tier = manifest.tiers.keys().find(|name| names(name));
    let place = match (hook, addon, tier) {
        (Some(index), ..) => Place::value(["hooks"]).item(index),
        (_, Some(name), _) => Place::key(["addons", name]),
        (_, _, Some(name)) => Place::key(["tiers", name]),
        _ => Place::value(["entry"]),
    };
    ManifestError::at(locate::find(text, &place), what.to_owned(), text, file)
}

/// The version is looked at before anything else, since a later one may have other keys.
fn check_version(text: &str, file: &str) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct OnlyVersion {
        api: u64,
    }
    // Whatever else is wrong is told by what follows.
    let Ok(OnlyVersion { api }) = serde_yaml::from_str(text) else {
        return Ok(());
    };
    if api == API_VERSION {
        return Ok(());
    }
    let what = format!(
        "this Slugline speaks version {API_VERSION} of the plugin API, and the plugin wants {api}"
    );
    let at = locate::find(text, &Place::value(["api"]));
    Err(ManifestError::at(at, what, text, file))
}
