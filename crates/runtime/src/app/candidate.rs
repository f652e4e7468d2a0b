//! A release that is being launched, and how far it has come. It must not know what runs beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{App, CandidateId, Input, strategy::Strategy};
use crate::control::protocol::ProcessState;
use crate::drain::Unhealthy;
use crate::launch::{Context, Handle};
use crate::spec::{AppSpec, RELEASE};
use crate::supervisor::Event;
use crate::unit::{After, Heard, Once, UnitId};

/// How far a launch has come.
#[derive(Default)]
pub(super) enum Phase {
    #[default]
    Settled,
    /// Its servers are being started.
    Starting(Candidate),
    /// Its release phase runs.
    Releasing(Candidate),
    /// Its processes are.
    Booting(Candidate),
    /// It waits for the switch.
    Healthy(Candidate),
    /// Whoever launched it is gone: the ledger is asked.
    Asking(Candidate),
}

pub(super) struct Candidate {
    pub(super) id: CandidateId,
    pub(super) running: Generation,
    /// The servers that were started for it.
    pub(super) fresh: Vec<UnitId>,
    /// How it takes the place of what runs.
    pub(super) strategy: Strategy,
    pub(super) lasting: Lasting,
    /// Who hears its release phase, until that begins.
    pub(super) said: Option<mpsc::Sender<Heard>>,
    /// The process of its release phase.
    pub(super) phase: Option<Handle>,
    pub(super) reply: Option<oneshot::Sender<Result<(), Unhealthy>>>,
}

/// Whether a candidate's processes other than `web` have lasted long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasting {
    /// Not all of them run yet.
    Waiting,
    /// Their time has begun.
    Counting,
    /// It is over; so from the beginning where there are none.
    Over,
}

/// The processes of one release.
pub(super) struct Generation {
    pub(super) spec: Arc<AppSpec>,
    pub(super) units: Vec<Handle>,
}

/// Runs a candidate's release phase, if it is to have one, and else starts its processes.
pub(super) fn release(app: &mut App, mut it: Candidate, cx: &Arc<Context>) -> Phase {
    let spec = &it.running.spec;
    let limit = spec.release_limit_ms.map(Duration::from_millis);
    let (Some(limit), Some(command)) = (limit, spec.processes.get(RELEASE)) else {
        return boot(app, it, cx);
    };
    let Some(heard) = it.said.take() else {
        return boot(app, it, cx);
    };
    let once = Once {
        limit,
        heard,
        writing: cx.phases.begin(&spec.app, spec.version),
    };
    it.phase = Some(cx.release_phase(spec, command, once));
    Phase::Releasing(it)
}

/// Starts a candidate's processes. It is healthy once `web`, if it has one, has opened its port, and
/// its other processes, if it has any, have lasted a while; at once where it has no processes.
pub(super) fn boot(app: &mut App, mut it: Candidate, cx: &Arc<Context>) -> Phase {
    let after = it.strategy.make_room(app, cx);
    it.running.units = processes(&it.running.spec, false, &*after, cx);
    if it.running.units.is_empty() {
        return it.healthy();
    }
    if it.running.units.iter().all(Handle::is_web) {
        it.lasting = Lasting::Over;
    }
    Phase::Booting(it)
}

/// Starts the processes of a release, each after what it has to wait for.
pub(super) fn processes(
    spec: &Arc<AppSpec>,
    adopted: bool,
    after: &dyn Fn() -> Vec<After>,
    cx: &Arc<Context>,
) -> Vec<Handle> {
    let start = |(kind, number)| cx.process(spec, kind, number, adopted, after());
    spec.formation().map(start).collect()
}

impl Candidate {
    pub(super) fn concerns(&self, id: UnitId) -> bool {
        let mut own = self.running.units.iter().chain(&self.phase);
        self.fresh.contains(&id) || own.any(|unit| unit.id == id)
    }

    /// Whether this is the process of its release phase.
    pub(super) fn is_phase(&self, id: UnitId) -> bool {
        self.phase.as_ref().is_some_and(|unit| unit.id == id)
    }

    /// One more of its processes is up.
    pub(super) fn came_up(mut self, cx: &Context) -> Phase {
        let mut others = self.running.units.iter().filter(|unit| !unit.is_web());
        let run = others.all(|unit| unit.state == ProcessState::Up);
        if self.lasting == Lasting::Waiting && run {
            self.lasting = Lasting::Counting;
            let (events, app) = (cx.events.clone(), self.running.spec.app.clone());
            let (id, settle) = (self.id, cx.limits.settle);
            tokio::spawn(async move {
                tokio::time::sleep(settle).await;
                let _ = events.send(Event::App(app, Input::Lasted(id)));
            });
        }
        self.ready()
    }

    /// Healthy, if nothing is missing any more.
    pub(super) fn ready(self) -> Phase {
        let mut web = self.running.units.iter().filter(|unit| unit.is_web());
        let answers = web.all(|unit| unit.state == ProcessState::Up);
        if self.lasting == Lasting::Over && answers {
            self.healthy()
        } else {
            Phase::Booting(self)
        }
    }

    fn healthy(mut self) -> Phase {
        if let Some(reply) = self.reply.take() {
            // It fails when the client is gone; its connection abandons the candidate then.
            let _ = reply.send(Ok(()));
        }
        Phase::Healthy(self)
    }
}

impl Phase {
    pub(super) fn candidate_mut(&mut self) -> Option<&mut Candidate> {
        match self {
            Self::Settled => None,
            Self::Starting(it)
            | Self::Releasing(it)
            | Self::Booting(it)
            | Self::Healthy(it)
            | Self::Asking(it) => Some(it),
        }
    }

    pub(super) fn candidate(&self) -> Option<&Candidate> {
        match self {
            Self::Settled => None,
            Self::Starting(it)
            | Self::Releasing(it)
            | Self::Booting(it)
            | Self::Healthy(it)
            | Self::Asking(it) => Some(it),
        }
    }

    pub(super) fn into_candidate(self) -> Option<Candidate> {
        match self {
            Self::Settled => None,
            Self::Starting(it)
            | Self::Releasing(it)
            | Self::Booting(it)
            | Self::Healthy(it)
            | Self::Asking(it) => Some(it),
        }
    }
}
