//! The control socket's protocol under fuzzing: whatever a line holds, it is understood or refused,
//! and what is understood is one line again. Compiled for `fuzz/` and for tests only. It must not
//! know how inputs are made.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::control::protocol::{Hello, Reply, Request};

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("control", control)];

/// A line of either side.
pub fn control(data: &[u8]) {
    line::<Hello>(data);
    line::<Request>(data);
    line::<Reply>(data);
}

fn line<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let json = serde_json::to_string(&message).unwrap_or_default();
    assert!(!json.is_empty() && !json.contains('\n'));
    let again = serde_json::from_str::<T>(&json).map(|message| serde_json::to_string(&message));
    assert!(matches!(again, Ok(Ok(again)) if again == json));
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
