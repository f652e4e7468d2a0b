//! What follows from the state of an app, whichever transition led there: its route, what it
//! shows, what is finished when its last process has ended. It must not change what runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::App;
use crate::control::protocol::{AppStatus, ProcessState};
use crate::drain::{Retiring, Then};
use crate::launch::{Context, Handle};
use crate::router::target::Way;
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
                // Both fail when the client is gone.
                Then::Fail(reply, why) => drop(reply.send(Err(why))),
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

    /// Brings the route to where the current release's web process is.
    pub(super) fn set_route(&self) {
        let web = self
            .current
            .as_ref()
            .and_then(|it| it.units.iter().find(|unit| unit.is_web()));
        match web.map(|web| (web.state, web.port)) {
            Some((ProcessState::Up, Some(port))) => self.route.open(port),
            Some((ProcessState::Starting, _)) => self.route.set(Way::Soon),
            Some((ProcessState::Crashed, _)) if web.is_some_and(|web| web.again <= SOON) => {
                self.route.set(Way::Soon);
            }
            Some((ProcessState::Crashed, _)) => {
                let why = "its web process has crashed, and will be started again";
                self.route.set(Way::Closed(why.into()));
            }
            Some(_) => self
                .route
                .set(Way::Closed("its web process is stopped".into())),
            None if self.current.is_some() => {
                self.route
                    .set(Way::Closed(format!("it has no {WEB} process")));
            }
            None => self.route.set(Way::Closed("it is not running".into())),
        }
    }

    pub(crate) fn status(&self) -> AppStatus {
        let stopped = self.stopped.as_ref();
        let spec = self.current.as_ref().map(|current| &current.spec);
        let servers = self.servers.units();
        let units = self
            .current
            .iter()
            .flat_map(|current| &current.units)
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
        let launched = self.phase.into_candidate().map(|it| it.running);
        let units = launched
            .into_iter()
            .chain(self.current)
            .flat_map(|running| running.units);
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
