//! What the ledger is given as text, and what it reads back as JSON, under fuzzing: they answer or refuse, whatever
//! the bytes are. Compiled for `fuzz/` and for tests only. It must not know how inputs are made.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use slugline_core::change::Change;
use slugline_core::event::Event;
use slugline_core::journal::Effect;
use slugline_core::slug::Slug;

use crate::keys;

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("ledger_key", ledger_key),
    ("messages", messages),
    ("import", import),
];

/// A `ledger.key`, or what `SLUGLINE_KEY` holds.
pub fn ledger_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for master in keys::of_file(text).into_iter().flatten() {
        let again = keys::of_file(&keys::hex(master.bytes()));
        assert!(again.is_some_and(|all| all == [master]));
    }
}

/// What the ledger keeps as JSON.
pub fn messages(data: &[u8]) {
    json::<Change>(data);
    json::<Event>(data);
    json::<Slug>(data);
    if let Ok(effect) = serde_json::from_slice::<Effect>(data) {
        assert!(serde_json::to_string(&effect).is_ok());
    }
    if let Ok(change) = serde_json::from_slice::<Change>(data) {
        assert!(!change.to_string().is_empty());
    }
}

/// What `import` is given. What is refused says nothing that is secret, which its own tests show.
pub fn import(data: &[u8]) {
    match crate::Document::parse(data) {
        Ok(document) => {
            let releases = u64::try_from(document.kept() + document.pruned());
            assert_eq!(releases.ok(), Some(document.last().number()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let again = serde_json::to_vec(&value).ok();
        let again = again.and_then(|json| serde_json::from_slice(&json).ok());
        assert_eq!(again, Some(value));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
