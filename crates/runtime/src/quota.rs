//! How much memory processes hold, and whether one holds more than it may. It must not know what is
//! done about that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slugline_isolation::Limits;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::process::memory;

const MB: u64 = 1024 * 1024;

/// What each holds, in bytes, by the leader of its group or session.
type Held = Arc<BTreeMap<u32, u64>>;

/// What processes hold, looked up for all of them at once and at most so often.
pub(crate) struct Gauge {
    every: Duration,
    known: Mutex<Option<(Instant, Held)>>,
}

/// A process holds more than it may. Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    held: u64,
    quota: u64,
}

impl Gauge {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            known: Mutex::default(),
        }
    }

    /// What each holds now.
    pub(crate) fn held(&self) -> Held {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, held)) if at.elapsed() < self.every / 2 => Arc::clone(held),
            _ => {
                let held = Arc::new(memory());
                *known = Some((Instant::now(), Arc::clone(&held)));
                held
            }
        }
    }

    /// Returns once a process and its children hold more than the quota, which may change meanwhile.
    pub(crate) async fn exceeded(
        &self,
        leader: u32,
        mut limits: watch::Receiver<Limits>,
    ) -> Excess {
        loop {
            let set = limits.borrow_and_update().memory;
            let Some(quota) = set else {
                if limits.changed().await.is_err() {
                    // Nobody sets it any more.
                    std::future::pending::<()>().await;
                }
                continue;
            };
            let held = self.held().get(&leader).copied().unwrap_or_default();
            if held > quota {
                return Excess { held, quota };
            }
            sleep(self.every).await;
        }
    }
}

impl Excess {
    /// The kernel ended a process at twice what it may hold.
    pub(crate) fn ended_by_kernel(quota: u64) -> Self {
        let held = quota.saturating_mul(2).saturating_add(1);
        Self { held, quota }
    }

    /// Whether it is more than twice what it may be: then there is no time for a friendly end.
    pub(crate) fn is_vast(self) -> bool {
        self.held > self.quota.saturating_mul(2)
    }

    /// The figures, and the error by the name that people know.
    pub(crate) fn lines(self) -> [String; 2] {
        let Self { held, quota } = self;
        let percent = held.saturating_mul(100) / quota.max(1);
        let (code, words) = match self.is_vast() {
            true => ("R15", "Memory quota vastly exceeded"),
            false => ("R14", "Memory quota exceeded"),
        };
        [
            format!(
                "Process running mem={}M ({percent}% of {}M)",
                held / MB,
                quota / MB
            ),
            format!("Error {code} ({words})"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_has_its_figures_and_its_name() {
        let check = |held: u64, expected: [&str; 2]| {
            let excess = Excess {
                held: held * MB,
                quota: 512 * MB,
            };
            assert_eq!(excess.lines(), expected);
        };
        let exceeded = "Error R14 (Memory quota exceeded)";
        check(600, ["Process running mem=600M (117% of 512M)", exceeded]);
        check(1024, ["Process running mem=1024M (200% of 512M)", exceeded]);
        let vastly = "Error R15 (Memory quota vastly exceeded)";
        check(1025, ["Process running mem=1025M (200% of 512M)", vastly]);
    }
}
