//! Ending what was replaced: requests in flight finish first, for a bounded time. It must not know
//! what replaced it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slugline_core::release::Version;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::launch::Handle;
use crate::router::target::Target;
use crate::unit::{Progress, UnitRequest};

/// Why a launch failed.
#[derive(Debug)]
pub(crate) struct Unhealthy {
    pub(crate) reason: String,
    pub(crate) log: Vec<String>,
    /// Whether it was its release phase.
    pub(crate) release_phase: bool,
}

/// Units that are on their way out.
pub(crate) struct Retiring {
    pub(crate) units: Vec<Handle>,
    pub(crate) then: Then,
}

/// What happens once the last of them has ended.
pub(crate) enum Then {
    Nothing,
    /// The folder of a release that was replaced may be removed.
    Retire(Version, Option<PathBuf>),
    /// A launch is answered, once these have been tried.
    Fail(
        oneshot::Sender<Result<(), Unhealthy>>,
        Unhealthy,
        Vec<watch::Receiver<Progress>>,
    ),
    /// A stop is answered.
    Stopped(oneshot::Sender<()>),
}

impl Retiring {
    /// Tells the units to end; a web process that one of the `targets` belongs to, once its requests
    /// have finished or `limit` is over.
    pub(crate) fn begin(
        units: Vec<Handle>,
        then: Then,
        targets: &[Arc<Target>],
        limit: Duration,
    ) -> Self {
        for unit in &units {
            tell_to_end(unit, targets, limit);
        }
        Self { units, then }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.units.iter().all(|unit| unit.ended)
    }
}

/// Answers a launch that failed, once these units have been tried or have ended.
pub(crate) fn answer(
    reply: oneshot::Sender<Result<(), Unhealthy>>,
    why: Unhealthy,
    first: Vec<watch::Receiver<Progress>>,
) {
    tokio::spawn(async move {
        for mut unit in first {
            let _ = unit.wait_for(|reached| *reached == Progress::Tried).await;
        }
        // It fails when the client is gone.
        let _ = reply.send(Err(why));
    });
}

/// Tells a unit to end, as [`Retiring::begin`] does.
pub(crate) fn tell_to_end(unit: &Handle, targets: &[Arc<Target>], limit: Duration) {
    let mine = |target: &&Arc<Target>| unit.is_web() && unit.port == Some(target.port());
    match targets.iter().find(mine) {
        Some(target) => drain(Arc::clone(target), limit, unit.requests.clone()),
        None => unit.tell(UnitRequest::Stop),
    }
}

fn drain(target: Arc<Target>, limit: Duration, unit: mpsc::UnboundedSender<UnitRequest>) {
    tokio::spawn(async move {
        // What has not finished by now is cut off.
        let _ = timeout(limit, target.drained()).await;
        // It fails when the process ended by itself.
        let _ = unit.send(UnitRequest::Stop);
    });
}
