//! `webhooks` and its verbs. A URL may hold a secret, so that only its host is shown.

pub mod add;
pub mod deliveries;
pub mod list;
pub mod remove;

use slugline_core::webhook::WebhookId;

/// As much of a name as is shown.
fn short(id: &WebhookId) -> &str {
    id.as_str().get(..8).unwrap_or_default()
}

/// The address of a webhook as it may be shown: without path and query.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default();
    match end == rest.len() {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}/…"),
    }
}
