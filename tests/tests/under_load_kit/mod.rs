//! What the test of switches under load is made of: visitors of several kinds, and what they have seen. It
//! must not know how releases are made.

pub(crate) mod hey;
pub(crate) mod visitor;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) kind: &'static str,
    pub(crate) asked: Instant,
    /// The release that it tells, or what went wrong.
    pub(crate) answer: Result<String, String>,
}

/// What all visitors have seen, and whether they are to go on.
#[derive(Default)]
pub(crate) struct Diary {
    seen: Mutex<Vec<Seen>>,
    over: AtomicBool,
}

impl Diary {
    pub(crate) fn note(&self, kind: &'static str, asked: Instant, answer: Result<String, String>) {
        self.seen.lock().unwrap().push(Seen {
            kind,
            asked,
            answer,
        });
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many of those who asked after an instant have been answered.
    pub(crate) fn since(&self, from: Instant) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.asked > from).count()
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}
