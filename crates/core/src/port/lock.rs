//! The locks of an app, and who holds one. It must not know how a lock is kept.

use crate::time::Timestamp;

/// Two locks an app has; they do not exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Held while an operation changes the app (S33).
    Change,
    /// Held while the app's outbox is delivered.
    Outbox,
}

/// Who holds a lock, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The actor and what is done, in one line: `jim@example.com: Deploy 575bfa8`.
    pub what: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
}

impl Holder {
    /// The holder as people read of it (S33): `jim@example.com: Deploy 575bfa8, 12s`.
    #[must_use]
    pub fn seen_at(&self, now: Timestamp) -> String {
        let what = &self.what;
        match self.since.map(|since| now.seconds_since(since)) {
            None => what.clone(),
            Some(seconds @ 0..60) => format!("{what}, {seconds}s"),
            Some(seconds @ 60..3600) => format!("{what}, {}m", seconds / 60),
            Some(seconds) => format!("{what}, {}h", seconds / 3600),
        }
    }
}

/// A lock that is held. It is released when dropped, and by the kernel when its process dies.
pub trait AppLock {}
