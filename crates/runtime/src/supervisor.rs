//! The dispatcher: takes one event after the other and gives it to the app that it concerns, so
//! that everybody sees one order of things. It must not know what an app makes of an event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slugline_core::app::AppName;
use slugline_core::settings::Settings;
use tokio::sync::{mpsc, oneshot};

use crate::app::{App, CandidateId, Input, Launch};
use crate::control::protocol::AppStatus;
use crate::drain::Unhealthy;
use crate::launch::Context;
use crate::spec::AppSpec;
use crate::unit::Heard;

/// How many batches of lines a release phase may be ahead of whoever launches.
const BATCHES: usize = 16;

/// Something that happened, or is asked for.
pub(crate) enum Event {
    App(AppName, Input),
    Status(oneshot::Sender<Vec<AppStatus>>),
    /// Every process is to end, and the supervisor with them.
    End,
}

/// Owns all apps.
pub(crate) struct Supervisor {
    cx: Arc<Context>,
    events: mpsc::UnboundedReceiver<Event>,
    apps: BTreeMap<AppName, App>,
}

/// Asks the supervisor. Every answer is `None` when it has ended.
#[derive(Clone)]
pub(crate) struct Asking {
    events: mpsc::UnboundedSender<Event>,
    candidates: Arc<AtomicU64>,
}

impl Supervisor {
    pub(crate) fn new(cx: Arc<Context>, events: mpsc::UnboundedReceiver<Event>) -> Self {
        Self {
            cx,
            events,
            apps: BTreeMap::new(),
        }
    }

    /// Takes events until [`Event::End`], and returns when every process has ended.
    pub(crate) async fn run(mut self) {
        while let Some(event) = self.events.recv().await {
            match event {
                Event::App(name, input) => self.app(name, input),
                Event::Status(reply) => {
                    // It fails when the client is gone.
                    let _ = reply.send(self.apps.values().map(App::status).collect());
                }
                Event::End => break,
            }
        }
        let ends: Vec<_> = self.apps.into_values().flat_map(App::end_all).collect();
        for mut end in ends {
            // A unit's progress goes with its task, when its process is no more.
            while end.changed().await.is_ok() {}
        }
    }

    fn app(&mut self, name: AppName, input: Input) {
        let cx = &self.cx;
        let app = match input {
            Input::Launch(_) | Input::Run(..) => {
                let new = || App::new(name.clone(), cx);
                Some(self.apps.entry(name.clone()).or_insert_with(new))
            }
            _ => self.apps.get_mut(&name),
        };
        match (app, input) {
            (Some(app), input) => app.handle(input, cx),
            // An app that never ran is stopped, and has its settings when it is.
            (None, Input::Stop(reply) | Input::Configure(_, reply)) => drop(reply.send(())),
            (None, Input::StopSome(_, reply) | Input::RestartSome(_, reply)) => {
                let _ = reply.send(0);
            }
            // All others are answered by being dropped.
            (None, _) => {}
        }
    }
}

impl Asking {
    pub(crate) fn new(events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            events,
            candidates: Arc::default(),
        }
    }

    /// Launches a release. The answer comes when it is healthy, or has failed and ended.
    pub(crate) fn launch(&self, spec: AppSpec) -> Launching {
        let id = CandidateId(self.candidates.fetch_add(1, Ordering::Relaxed));
        let (reply, answer) = oneshot::channel();
        let (said, heard) = mpsc::channel(BATCHES);
        let app = spec.app.clone();
        let launch = Launch {
            id,
            spec: Arc::new(spec),
            said,
            reply,
        };
        self.send(app.clone(), Input::Launch(launch));
        let guard = LaunchGuard {
            asking: self.clone(),
            candidate: Some((app, id)),
        };
        Launching {
            guard,
            heard,
            answer,
        }
    }

    pub(crate) async fn run(&self, spec: AppSpec) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        self.send(spec.app.clone(), Input::Run(Arc::new(spec), reply));
        answer.await.ok()
    }

    pub(crate) async fn stop(&self, app: AppName) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        self.send(app, Input::Stop(reply));
        answer.await.ok()
    }

    pub(crate) async fn configure(&self, app: AppName, settings: Settings) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        self.send(app, Input::Configure(Box::new(settings), reply));
        answer.await.ok()
    }

    /// Stops a process or a type; answers how many processes those are.
    pub(crate) async fn stop_some(&self, app: AppName, which: String) -> Option<usize> {
        let (reply, answer) = oneshot::channel();
        self.send(app, Input::StopSome(which, reply));
        answer.await.ok()
    }

    /// Restarts a process or a type; answers how many processes those are.
    pub(crate) async fn restart_some(&self, app: AppName, which: String) -> Option<usize> {
        let (reply, answer) = oneshot::channel();
        self.send(app, Input::RestartSome(which, reply));
        answer.await.ok()
    }

    pub(crate) async fn status(&self) -> Option<Vec<AppStatus>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.events.send(Event::Status(reply));
        answer.await.ok()
    }

    pub(crate) fn end(&self) {
        let _ = self.events.send(Event::End);
    }

    fn send(&self, app: AppName, input: Input) {
        // It fails when the supervisor has ended: the answer says so then.
        let _ = self.events.send(Event::App(app, input));
    }
}

type Answer<T> = oneshot::Receiver<T>;

/// A launch that goes on.
pub(crate) struct Launching {
    pub(crate) guard: LaunchGuard,
    /// What its release phase writes.
    pub(crate) heard: mpsc::Receiver<Heard>,
    pub(crate) answer: Answer<Result<(), Unhealthy>>,
}

/// A launch that is abandoned when this is dropped, unless it was switched to.
pub(crate) struct LaunchGuard {
    asking: Asking,
    candidate: Option<(AppName, CandidateId)>,
}

impl LaunchGuard {
    /// Switches to the candidate; false when it is no more, `None` when the supervisor has ended.
    pub(crate) async fn switch(mut self) -> Option<bool> {
        let (app, id) = self.candidate.take()?;
        let (reply, answer) = oneshot::channel();
        self.asking.send(app, Input::Switch(id, reply));
        answer.await.ok()
    }
}

impl Drop for LaunchGuard {
    fn drop(&mut self) {
        if let Some((app, id)) = self.candidate.take() {
            self.asking.send(app, Input::Abandon(id));
        }
    }
}
