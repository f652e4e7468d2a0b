//! One app as a state machine: what runs, what is being launched beside it, what is on its way
//! out. All its transitions are in [`App::handle`]. It must not know where inputs come from.
//!
//! ```text
//!            Launch            servers up         web up            Switch
//!  Settled ─────────▶ Starting ─────────▶ Booting ───────▶ Healthy ───────▶ Settled
//!     ▲                  │ died, Abandon     │ died, Abandon  │ Abandon        ▲
//!     └──────────────────┴───────────────────┘                ▼    current     │
//!     ▲───────────────────────── not current ────────────── Asking ────────────┘
//! ```

mod after;
mod candidate;
mod formation;
mod opinion;
mod strategy;
mod watch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use slugline_core::app::AppName;
use slugline_core::settings::Settings;
use tokio::sync::{mpsc, oneshot};

use self::candidate::{Candidate, Generation, Lasting, Phase, boot, processes, release};
use self::formation::bring;
use self::strategy::Strategy;
use self::watch::{Watch, Watching};
use crate::control::protocol::ProcessStatus;
use crate::drain::{Retiring, Then, Unhealthy};
use crate::launch::{Context, Handle};
use crate::router::route::Route;
use crate::servers::{Servers, Started};
use crate::spec::AppSpec;
use crate::supervisor::Event;
use crate::unit::{After, Heard, UnitChange, UnitId, UnitRequest};

/// Names one launch for the life of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CandidateId(pub(crate) u64);

/// A release that is to be started beside the one that runs.
pub(crate) struct Launch {
    pub(crate) id: CandidateId,
    pub(crate) spec: Arc<AppSpec>,
    /// Who hears its release phase.
    pub(crate) said: mpsc::Sender<Heard>,
    pub(crate) reply: oneshot::Sender<Result<(), Unhealthy>>,
}

/// What happens to an app.
pub(crate) enum Input {
    Launch(Launch),
    Unit(UnitId, UnitChange),
    /// The processes of a candidate without `web` have had their time to fail.
    Lasted(CandidateId),
    /// Answered with whether there was such a candidate.
    Switch(CandidateId, oneshot::Sender<bool>),
    Abandon(CandidateId),
    /// Whether the ledger says that a candidate is current.
    Current(CandidateId, bool),
    Run(Arc<AppSpec>, oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
    Configure(Box<Settings>, oneshot::Sender<()>),
    /// Stop a process, or all of a type; answered with how many those are.
    StopSome(String, oneshot::Sender<usize>),
    /// The same with new ones in their place.
    RestartSome(String, oneshot::Sender<usize>),
    /// What happens while a release is watched.
    Watch(CandidateId, Watching),
}

/// One app.
pub(crate) struct App {
    name: AppName,
    route: Route,
    phase: Phase,
    current: Option<Generation>,
    /// What ran until it was stopped; never beside `current`.
    stopped: Option<(Arc<AppSpec>, Vec<ProcessStatus>)>,
    servers: Servers,
    retiring: Vec<Retiring>,
    /// Launches that wait for the one under way to be settled.
    waiting: VecDeque<Launch>,
    /// The watch over what runs, while there is one.
    watch: Option<Watch>,
    /// What has gone bad, while whoever knows what is current deals with it.
    undoing: Option<CandidateId>,
}

impl App {
    pub(crate) fn new(name: AppName, cx: &Context) -> Self {
        Self {
            route: cx.routes.add(&name),
            name,
            phase: Phase::Settled,
            current: None,
            stopped: None,
            servers: Servers::default(),
            retiring: Vec::new(),
            waiting: VecDeque::new(),
            watch: None,
            undoing: None,
        }
    }

    /// Takes one input, and does what follows from it.
    pub(crate) fn handle(&mut self, input: Input, cx: &Arc<Context>) {
        let phase = std::mem::take(&mut self.phase);
        self.phase = match (phase, input) {
            (Phase::Settled, Input::Launch(launch)) => self.begin(launch, cx),
            (phase, Input::Launch(launch)) => {
                self.waiting.push_back(launch);
                phase
            }
            (phase, Input::Unit(id, change)) => self.unit_changed(phase, id, &change, cx),
            (Phase::Booting(mut it), Input::Lasted(id)) if it.id == id => {
                it.lasting = Lasting::Over;
                it.ready()
            }
            (Phase::Healthy(it), Input::Switch(id, reply)) if it.id == id => {
                let settled = self.switch(it, cx);
                // It fails when the client is gone, and the switch is made all the same.
                let _ = reply.send(true);
                settled
            }
            (Phase::Healthy(it), Input::Abandon(id)) if it.id == id => self.ask(it, cx),
            (Phase::Asking(it), Input::Current(id, true)) if it.id == id => self.switch(it, cx),
            (Phase::Asking(it), Input::Current(id, false)) if it.id == id => {
                self.end(it, Then::Nothing, cx)
            }
            (
                Phase::Starting(it) | Phase::Releasing(it) | Phase::Booting(it),
                Input::Abandon(id),
            ) if it.id == id => self.end(it, Then::Nothing, cx),
            (phase, Input::Abandon(id)) => {
                self.waiting.retain(|launch| launch.id != id);
                phase
            }
            (phase, Input::Run(spec, reply)) => {
                self.give_up(phase, "it was replaced by another release", cx);
                self.run(spec, cx);
                let _ = reply.send(());
                Phase::Settled
            }
            (phase, Input::Stop(reply)) => {
                self.give_up(phase, "the app was stopped", cx);
                self.stop(reply, cx);
                Phase::Settled
            }
            (mut phase, Input::Configure(settings, reply)) => {
                self.configure(&mut phase, &settings, cx);
                let _ = reply.send(());
                phase
            }
            (phase, Input::StopSome(which, reply)) => {
                let _ = reply.send(self.stop_some(&which, cx));
                phase
            }
            (phase, Input::RestartSome(which, reply)) => {
                let _ = reply.send(self.restart_some(&which, cx));
                phase
            }
            (phase, Input::Watch(id, input)) => {
                self.watching(id, input, cx);
                phase
            }
            (phase, Input::Switch(_, reply)) => {
                let _ = reply.send(false);
                phase
            }
            (phase, Input::Lasted(_) | Input::Current(..)) => phase,
        };
        while let Some(launch) = self.next_launch() {
            self.phase = self.begin(launch, cx);
        }
        self.set_route();
        self.set_visitors(cx);
        self.set_drains(cx);
        self.finish_retiring(cx);
    }

    /// Whatever runs, is launched, waits or is stopped has these settings from now on.
    fn configure(&mut self, phase: &mut Phase, settings: &Settings, cx: &Arc<Context>) {
        // What has ended to make room for a candidate stays ended.
        let roomy = phase.candidate().is_some_and(|it| it.strategy.makes_room())
            && self.current.as_ref().is_some_and(|it| it.units.is_empty());
        let set = |spec: &mut Arc<AppSpec>| Arc::make_mut(spec).settings = settings.clone();
        let candidate = phase.candidate_mut().map(|it| &mut it.running);
        for running in candidate.into_iter().chain(&mut self.current) {
            set(&mut running.spec);
            for unit in &running.units {
                unit.configure(&running.spec);
            }
        }
        if let Some((spec, _)) = &mut self.stopped {
            set(spec);
        }
        if !roomy {
            self.scale(cx);
        }
        if let Phase::Booting(it) | Phase::Healthy(it) | Phase::Asking(it) = phase {
            let surplus = bring(&mut it.running, false, cx);
            self.retire(surplus, Then::Nothing, cx);
        }
        for launch in &mut self.waiting {
            set(&mut launch.spec);
        }
    }

    fn next_launch(&mut self) -> Option<Launch> {
        let settled = matches!(self.phase, Phase::Settled);
        if settled {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Starts a candidate's servers, and its processes if there is nothing to wait for.
    fn begin(&mut self, launch: Launch, cx: &Arc<Context>) -> Phase {
        let Launch {
            id,
            spec,
            said,
            reply,
        } = launch;
        let Started { fresh, replaced } = self.servers.start(&spec, false, cx);
        self.retire(replaced, Then::Nothing, cx);
        let running = Generation {
            spec,
            units: Vec::new(),
        };
        let it = Candidate {
            id,
            strategy: Strategy::of(&running.spec.settings),
            running,
            fresh,
            lasting: Lasting::Waiting,
            said: Some(said),
            phase: None,
            reply: Some(reply),
        };
        if it.fresh.is_empty() {
            release(self, it, cx)
        } else {
            Phase::Starting(it)
        }
    }

    fn unit_changed(
        &mut self,
        mut phase: Phase,
        id: UnitId,
        change: &UnitChange,
        cx: &Arc<Context>,
    ) -> Phase {
        let launched = phase.candidate_mut();
        let of_launch = launched.as_ref().is_some_and(|it| it.concerns(id));
        let units = launched
            .into_iter()
            .flat_map(|it| it.running.units.iter_mut().chain(&mut it.phase));
        let units = units.chain(
            self.current
                .iter_mut()
                .flat_map(|running| &mut running.units),
        );
        let units = units.chain(self.servers.units_mut());
        let units = units.chain(
            self.retiring
                .iter_mut()
                .flat_map(|retiring| &mut retiring.units),
        );
        let Some(unit) = units.into_iter().find(|unit| unit.id == id) else {
            return phase;
        };
        unit.note(change);
        let label = unit.label.clone();
        if let UnitChange::Died { ending, .. } = change {
            self.died(id, &format!("{label} {ending}"), cx);
        }
        match (phase, change) {
            (Phase::Releasing(mut it), UnitChange::Died { ending, .. })
                if it.is_phase(id) && ending.is_success() =>
            {
                it.phase = None;
                boot(self, it, cx)
            }
            (
                Phase::Starting(it) | Phase::Releasing(it) | Phase::Booting(it),
                UnitChange::Died { ending, last, .. },
            ) if of_launch => {
                let release_phase = it.is_phase(id);
                self.fail(
                    it,
                    Unhealthy {
                        reason: format!("{label} {ending}"),
                        log: last.clone(),
                        release_phase,
                    },
                    cx,
                )
            }
            (Phase::Starting(it), UnitChange::Up) if self.servers.are_up(&it.fresh) => {
                release(self, it, cx)
            }
            (Phase::Booting(it), UnitChange::Up) if of_launch => it.came_up(cx),
            (phase, _) => phase,
        }
    }

    /// Sends the requests to a candidate, and what ran before on its way.
    fn switch(&mut self, it: Candidate, cx: &Arc<Context>) -> Phase {
        for unit in &it.running.units {
            unit.tell(UnitRequest::Adopt);
        }
        // What is restarted is not judged anew, unless that goes on.
        let version = |it: &Generation| it.spec.version;
        let same = self.current.as_ref().map(version) == Some(it.running.spec.version);
        let watched = !same || self.watch.is_some();
        let id = it.id;
        self.replace(it.running, cx);
        if watched {
            self.begin_watch(id, cx);
        }
        Phase::Settled
    }

    /// Runs a release without asking whether it is healthy. Its processes wait until its servers
    /// have been tried, so that they need not crash only because they were faster.
    fn run(&mut self, spec: Arc<AppSpec>, cx: &Arc<Context>) {
        let Started { replaced, .. } = self.servers.start(&spec, true, cx);
        self.retire(replaced, Then::Nothing, cx);
        let servers: Vec<_> = spec
            .servers
            .iter()
            .filter_map(|server| self.servers.get(&server.resource))
            .map(|unit| unit.progress.clone())
            .collect();
        let after = || servers.iter().cloned().map(After::Attempt).collect();
        let units = processes(&spec, true, &after, cx);
        // No launch has this number.
        let id = u64::MAX - cx.units.fetch_add(1, Ordering::Relaxed);
        let (watched, id) = (spec.watch, CandidateId(id));
        self.replace(Generation { spec, units }, cx);
        if watched {
            self.begin_watch(id, cx);
        }
    }

    fn replace(&mut self, running: Generation, cx: &Arc<Context>) {
        let before = self.route.targets();
        let spec = Arc::clone(&running.spec);
        self.watch = None;
        let old = self.current.replace(running);
        let stopped = self.stopped.take().map(|(spec, _)| Generation {
            spec,
            units: Vec::new(),
        });
        self.set_route();
        let mut units = self.servers.take_absent(Some(&spec));
        for server in self.servers.units() {
            server.tell(UnitRequest::Adopt);
        }
        let mut then = Then::Nothing;
        if let Some(old) = old.or(stopped) {
            units.extend(old.units);
            then = Then::Retire(old.spec.version, old.spec.dir.clone());
        }
        self.retiring
            .push(Retiring::begin(units, then, &before, cx.limits.drain));
    }

    /// Ends everything that runs.
    fn stop(&mut self, reply: oneshot::Sender<()>, cx: &Arc<Context>) {
        self.watch = None;
        if let Some(current) = &self.current {
            let units = current.units.iter().chain(self.servers.units());
            let statuses = units.map(Handle::stopped_status).collect();
            self.stopped = Some((Arc::clone(&current.spec), statuses));
        }
        let mut units = self.servers.take_absent(None);
        units.extend(
            self.current
                .take()
                .into_iter()
                .flat_map(|current| current.units),
        );
        self.retire(units, Then::Stopped(reply), cx);
    }

    /// Asks the ledger whether a candidate that lost its client is current.
    fn ask(&self, it: Candidate, cx: &Arc<Context>) -> Phase {
        let (app, id, version) = (self.name.clone(), it.id, it.running.spec.version);
        let (desired, events) = (Arc::clone(&cx.desired), cx.events.clone());
        tokio::task::spawn_blocking(move || {
            // Where it cannot be told, what runs is what is left running.
            let current = desired.current(&app).ok().flatten();
            let is = current.is_some_and(|spec| spec.version == version);
            let _ = events.send(Event::App(app, Input::Current(id, is)));
        });
        Phase::Asking(it)
    }

    fn fail(&mut self, mut it: Candidate, why: Unhealthy, cx: &Arc<Context>) -> Phase {
        let reply = it.reply.take();
        let then = reply.map_or(Then::Nothing, |reply| Then::Fail(reply, why, Vec::new()));
        self.end(it, then, cx)
    }

    /// Ends a candidate, and brings back what was before it.
    fn end(&mut self, it: Candidate, mut then: Then, cx: &Arc<Context>) -> Phase {
        let again = it.strategy.give_back(self, &it, cx);
        if let Then::Fail(_, _, first) = &mut then {
            *first = again;
        }
        let spec = self
            .current
            .as_ref()
            .map(|current| Arc::clone(&current.spec));
        let mut units = self.servers.take_absent(spec.as_deref());
        if let Some(spec) = spec {
            units.extend(self.servers.start(&spec, true, cx).replaced);
        }
        units.extend(it.running.units);
        units.extend(it.phase);
        self.retire(units, then, cx);
        Phase::Settled
    }

    fn give_up(&mut self, phase: Phase, why: &str, cx: &Arc<Context>) {
        if let Some(it) = phase.into_candidate() {
            let why = Unhealthy {
                reason: why.to_owned(),
                log: Vec::new(),
                release_phase: false,
            };
            self.fail(it, why, cx);
        }
    }

    fn retire(&mut self, units: Vec<Handle>, then: Then, cx: &Context) {
        self.retiring
            .push(Retiring::begin(units, then, &[], cx.limits.drain));
    }
}
