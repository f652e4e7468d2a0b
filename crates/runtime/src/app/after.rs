//! What follows from the state of an app, whichever transition led there: its route, what it
//! shows, what is finished when its last process has ended. It must not change what runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::App;
use super::candidate::Generation;
use crate::control::protocol::{AppStatus, ProcessState};
use crate::drain::{Retiring, Then, answer};
use crate::launch::{Context, Handle};
use crate::router::route::Closed;
use crate::router::target::Destination;
use crate::spec::WEB;
use crate::unit::{Progress, UnitRequest};

/// A web process that is started again within this time is waited for by requests.
const SOON: Duration = Duration::from_secs(1);

impl App {
    /// Does what was to be done once the last of some units had ended.
    pub(super) fn finish_retiring(&mut self, cx: &Arc<Context>) {
        let over: Vec<_> = self
            .retiring
            .extract_if(.., |retiring| retiring.is_over())
            .collect();
        for retiring in over {
            match retiring.then {
                Then::Nothing | Then::Retire(_, None) => {}
                Then::Retire(version, Some(dir)) => {
                    if !self.uses(&dir) {
                        let (desired, app) = (Arc::clone(&cx.desired), self.name.clone());
                        tokio::task::spawn_blocking(move || desired.retired(&app, version, &dir));
                    }
                }
                Then::Fail(reply, why, first) => answer(reply, why, first),
                // It fails when the client is gone.
                Then::Stopped(reply) => drop(reply.send(())),
            }
        }
    }

    /// Whether anything but what has ended runs in this folder, or may do so soon.
    fn uses(&self, dir: &Path) -> bool {
        let launched = self.phase.candidate();
        let specs = launched.into_iter().map(|it| &it.running.spec);
        let specs = specs.chain(self.current.iter().map(|current| &current.spec));
        let specs = specs.chain(self.stopped.iter().map(|(spec, _)| spec));
        let mut specs = specs.chain(self.waiting.iter().map(|launch| &launch.spec));
        let leaving = |retiring: &Retiring| match &retiring.then {
            Then::Retire(_, other) => other.as_deref() == Some(dir),
            _ => false,
        };
        specs.any(|spec| spec.dir.as_deref() == Some(dir)) || self.retiring.iter().any(leaving)
    }

    /// Brings the route to where the current release's web processes are: to those that are up,
    /// all in one step.
    pub(super) fn set_route(&self) {
        let Some(current) = &self.current else {
            return self.route.close(Closed::NotRunning);
        };
        let web: Vec<_> = current.units.iter().filter(|it| it.is_web()).collect();
        let up: Vec<_> = web.iter().filter_map(|unit| destination(unit)).collect();
        let is = |state| web.iter().any(|unit| unit.state == state);
        // One that is watched is started again, or undone, before long (S30).
        let held = self.watch.is_some() || self.undoing.is_some();
        let soon = |unit: &Handle| unit.again <= SOON || held;
        let again = |unit: &&Handle| unit.state == ProcessState::Crashed && soon(unit);
        if !up.is_empty() {
            self.route.open(&up);
        } else if is(ProcessState::Starting) || web.iter().any(again) || self.makes_room_for_web() {
            self.route.soon();
        } else if is(ProcessState::Crashed) {
            self.route.close(Closed::Crashed);
        } else if !web.is_empty() {
            self.route.close(Closed::Stopped);
        } else if current.spec.dir.is_none() {
            self.route.close(Closed::Blank);
        } else {
            self.route.close(Closed::NoWeb);
        }
    }

    /// Whether what runs has ended for what is being launched to begin.
    fn makes_room(&self) -> bool {
        let current = self.current.as_ref();
        let ended = |it: &Generation| it.units.is_empty() && it.spec.formation().count() > 0;
        let empty = current.is_some_and(ended);
        empty && self.phase.candidate().is_some()
    }

    /// Whether web processes are to come where what runs has ended for them: nobody waits for those of
    /// an app that is scaled to none.
    fn makes_room_for_web(&self) -> bool {
        let mut formation = self.phase.candidate().map(|it| it.running.spec.formation());
        let web = formation
            .as_mut()
            .is_some_and(|it| it.any(|(kind, _)| kind == WEB));
        web && self.makes_room()
    }

    /// Tells the router under which hosts the app answers, and whether it is under maintenance.
    pub(super) fn set_visitors(&self, cx: &Context) {
        let stopped = self.stopped.as_ref().map(|(spec, _)| spec);
        let spec = self.current.as_ref().map(|it| &it.spec).or(stopped);
        if let Some(spec) = spec {
            self.route.maintain(spec.settings.maintenance);
            cx.routes.set_domains(&self.name, &spec.settings.domains);
        }
    }

    /// Sends the log where it is to be sent; from the first launch on, so that its lines are there.
    pub(super) fn set_drains(&self, cx: &Context) {
        let launched = self.phase.candidate().map(|it| &it.running);
        let stopped = self.stopped.as_ref().map(|(spec, _)| spec);
        let running = self.current.as_ref().or(launched);
        if let Some(spec) = running.map(|it| &it.spec).or(stopped) {
            cx.logs.app(&self.name).drain_to(&spec.settings.drains);
        }
    }

    pub(crate) fn status(&self) -> AppStatus {
        let stopped = self.stopped.as_ref();
        let spec = self.current.as_ref().map(|current| &current.spec);
        let servers = self.servers.units();
        let launched = self.phase.candidate().filter(|_| self.makes_room());
        let units = self
            .current
            .iter()
            .chain(launched.map(|it| &it.running))
            .flat_map(|running| &running.units)
            .chain(self.phase.candidate().and_then(|it| it.phase.as_ref()))
            .chain(servers);
        let processes = match stopped {
            Some((_, statuses)) => statuses.clone(),
            None => units.map(Handle::status).collect(),
        };
        AppStatus {
            app: self.name.clone(),
            version: spec
                .or(stopped.map(|(spec, _)| spec))
                .map(|spec| spec.version),
            processes,
        }
    }

    /// Tells every unit to end, and answers what ends when each has.
    pub(crate) fn end_all(self) -> Vec<watch::Receiver<Progress>> {
        let (launched, phase) = match self.phase.into_candidate() {
            Some(it) => (Some(it.running), it.phase),
            None => (None, None),
        };
        let units = launched
            .into_iter()
            .chain(self.current)
            .flat_map(|running| running.units)
            .chain(phase);
        let units = units.chain(self.servers.into_units());
        let units = units.chain(
            self.retiring
                .into_iter()
                .flat_map(|retiring| retiring.units),
        );
        let told = units.map(|unit| {
            unit.tell(UnitRequest::Stop);
            unit.progress
        });
        told.collect()
    }
}

/// Where a web process that is up takes requests.
fn destination(unit: &Handle) -> Option<Destination> {
    let takes = unit.state == ProcessState::Up && !unit.leaving;
    let port = unit.port.filter(|_| takes)?;
    let process = unit.label.clone();
    Some(Destination { process, port })
}
