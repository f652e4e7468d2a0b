//! `drains` and its verbs: where the lines of an app's log are sent. An address may hold a password, so
//! that it is never shown whole.

pub mod add;
pub mod list;
pub mod remove;

use slugline_core::settings::Drain;
use slugline_runtime::DrainAddress;

/// The address of a drain as it may be shown.
pub fn shown(drain: &Drain) -> String {
    // Only what an address is gets in; nothing of another is shown.
    DrainAddress::parse(&drain.url).map_or_else(|error| error.to_string(), |it| it.to_string())
}
