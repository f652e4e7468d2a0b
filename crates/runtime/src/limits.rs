//! The daemon's limits in time and size, and the back-off of restarts. It must not know what is
//! restarted.

use std::time::Duration;

use crate::router::RouterLimits;

/// Limits of the daemon. [`Limits::default`] is what people run; tests use smaller ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The wait before the second restart in a row; it doubles from there. The first is at once.
    pub backoff_first: Duration,
    /// The longest wait before a restart.
    pub backoff_most: Duration,
    /// A process that lived that long starts over with the back-off when it dies.
    pub steady_after: Duration,
    /// How long requests to the old release may take to finish after a switch.
    pub drain: Duration,
    /// How long processes other than `web` must live to be healthy.
    pub settle: Duration,
    /// How long the output of an ended process is waited for, where a process that it left behind
    /// keeps its pipe open.
    pub last_words: Duration,
    /// The limits of the router.
    pub router: RouterLimits,
    /// The pause between two looks at a release that is watched after it took over.
    pub watch_every: Duration,
    /// The pause between two questions to others what they think of it.
    pub opinion_every: Duration,
    /// How long a request waits for a web process that is being started.
    pub hold: Duration,
    /// How often it is looked how much memory processes hold that have a limit.
    pub memory_every: Duration,
    /// The size in bytes at which a log file is rotated.
    pub log_bytes: u64,
    /// How many full log files of an app are kept.
    pub log_files: usize,
    /// How many bytes may wait for a log drain before the oldest lines are dropped.
    pub drain_bytes: usize,
    /// How long a log drain may take to connect and to take what is sent at once.
    pub drain_patience: Duration,
    /// The longest line in bytes; what is longer is split.
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(30),
            steady_after: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            settle: Duration::from_millis(300),
            last_words: Duration::from_secs(1),
            router: RouterLimits::default(),
            watch_every: Duration::from_secs(1),
            opinion_every: Duration::from_secs(5),
            hold: Duration::from_secs(10),
            memory_every: Duration::from_secs(1),
            log_bytes: 10 * 1024 * 1024,
            log_files: 2,
            drain_bytes: 4 * 1024 * 1024,
            drain_patience: Duration::from_secs(20),
            line_bytes: 10_000,
        }
    }
}

/// How often a process has died in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// The wait before the next start, after a life of `lived`: 0, 1 s, 2 s, 4 s … 30 s by default.
    pub(crate) fn after(&mut self, lived: Duration, limits: &Limits) -> Duration {
        if lived >= limits.steady_after {
            self.deaths = 0;
        }
        let deaths = self.deaths;
        self.deaths = deaths.saturating_add(1);
        match deaths.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => limits
                .backoff_first
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(limits.backoff_most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_its_limit_and_starts_over_after_a_steady_life() {
        let limits = Limits::default();
        let mut backoff = Backoff::default();
        let mut waits = |lived: u64, count: usize| {
            let lived = Duration::from_secs(lived);
            (0..count)
                .map(|_| backoff.after(lived, &limits).as_secs())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(59, 8), [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(waits(60, 1), [0]);
        assert_eq!(waits(0, 40)[39], 30);
    }
}
