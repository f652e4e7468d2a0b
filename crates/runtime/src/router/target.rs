//! One web process as the router sees it: the connections to it, and the count of requests that it
//! still has in flight. It must not know which route leads to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::pool::Pool;

/// Where a web process answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Its name, such as `web.1`.
    pub(crate) process: String,
    /// Its port on this machine.
    pub(crate) port: u16,
}

/// One web process, with the connections to it.
pub(crate) struct Target {
    destination: Destination,
    pool: Arc<Pool>,
    in_flight: AtomicUsize,
    /// How many requests it has left without an answer.
    left: AtomicUsize,
    /// The turn in which it took its latest request.
    latest: AtomicU64,
    idle: Notify,
}

/// One request in flight, from before it is sent until its answer has gone; a connection that was
/// upgraded, until it is closed.
pub(crate) struct InFlight(Arc<Target>);

impl Target {
    pub(super) fn new(destination: &Destination) -> Self {
        Self {
            destination: destination.clone(),
            pool: Pool::new(destination.port),
            in_flight: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            latest: AtomicU64::new(0),
            idle: Notify::new(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.destination.port
    }

    pub(super) fn process(&self) -> &str {
        &self.destination.process
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn is(&self, destination: &Destination) -> bool {
        self.destination == *destination
    }

    /// How many requests are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Notes that it has left a request without an answer. Whether that one was alone: then it may well be
    /// what the process died of.
    pub(super) fn left_alone(&self) -> bool {
        let others = self.left.fetch_add(1, Ordering::Relaxed) + self.in_flight();
        others == 0
    }

    /// The turn in which it took its latest request; see [`InFlight::new`].
    pub(super) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Relaxed)
    }

    /// Waits until no request is in flight. More may come as long as a route leads here.
    pub(crate) async fn drained(&self) {
        loop {
            // It hears of what happens from here on, so nothing is missed after the look.
            let idle = self.idle.notified();
            if self.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl InFlight {
    /// Counts a request in. Turns rise from one request of a route to the next.
    pub(super) fn new(target: &Arc<Target>, turn: u64) -> Self {
        target.in_flight.fetch_add(1, Ordering::Relaxed);
        target.latest.store(turn, Ordering::Relaxed);
        Self(Arc::clone(target))
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::Release) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
