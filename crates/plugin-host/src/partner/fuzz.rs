//! What the fuzz targets call here: a vendor's words in every form. It must not know how inputs are
//! made.

use slugline_plugin_api::protocol::PluginSettings;

use super::exchange::{Answer, understood};
use super::manifest::AddonManifest;
use super::operator::Operator;
use super::{desk, message};

/// Its manifest: what is refused is told without the password.
pub(crate) fn manifest(text: &str) {
    match AddonManifest::read(text) {
        Ok(manifest) => assert!(!manifest.id.is_empty()),
        Err(wrong) => assert!(wrong.line > 0 && !wrong.what.is_empty()),
    }
}

/// Its answer to a request.
pub(crate) fn answer(status: u16, body: &[u8]) {
    if let Ok(Answer::Done { json, .. }) = understood(status, body) {
        let _ = desk::vars(&json["config"]);
        if let Some(id) = message::id(&json) {
            assert!(!id.contains(char::is_control));
        }
    }
}

/// What the operator has set for it.
pub(crate) fn settings(settings: PluginSettings) {
    if let Ok(operator) = Operator::of(settings) {
        assert!(!operator.wait.is_zero());
    }
}
