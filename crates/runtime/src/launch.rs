//! Starting units from a spec, and the supervisor's view of each. It must not know when a unit is
//! started, nor when it is told to end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slugline_core::app::AppName;
use slugline_core::release::Version;
use slugline_core::time::Timestamp;
use slugline_isolation::{Isolation, Limits as Use};
use tokio::sync::{mpsc, watch};

use crate::command::{Machine, Recipe, limits};
use crate::control::protocol::{ProcessState, ProcessStatus};
use crate::desired::Desired;
use crate::health::{Boot, Check};
use crate::limits::Limits;
use crate::logs::Logs;
use crate::oneoff::OneOffs;
use crate::quota::Gauge;
use crate::router::routes::Routes;
use crate::spec::{AppSpec, RELEASE, ServerSpec, WEB};
use crate::supervisor::Event;
use crate::unit::{
    self, After, Once, Plan, PortPlan, Progress, UnitChange, UnitId, UnitRequest, Wires,
};
use crate::written::Phases;

/// What all apps share.
pub(crate) struct Context {
    pub(crate) machine: Machine,
    pub(crate) limits: Arc<Limits>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) desired: Arc<dyn Desired>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    /// Ports of servers: no web process gets one, even while its server is down.
    pub(crate) reserved: Mutex<BTreeSet<u16>>,
    pub(crate) units: AtomicU64,
    pub(crate) one_offs: OneOffs,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) isolation: Arc<Isolation>,
    /// What release phases write.
    pub(crate) phases: Arc<Phases>,
}

/// A unit as the supervisor sees it.
pub(crate) struct Handle {
    pub(crate) id: UnitId,
    /// `web.1`, or a server's name.
    pub(crate) label: String,
    /// It was told to stop, and gets no requests any more.
    pub(crate) leaving: bool,
    pub(crate) state: ProcessState,
    pub(crate) port: Option<u16>,
    /// The wait before the next start, while it is crashed.
    pub(crate) again: Duration,
    /// It is gone, and will never come back.
    pub(crate) ended: bool,
    pub(crate) requests: mpsc::UnboundedSender<UnitRequest>,
    pub(crate) progress: watch::Receiver<Progress>,
    boot: watch::Sender<Boot>,
    /// What it may use.
    allowed: watch::Sender<Use>,
    server: bool,
    version: Version,
    shown: String,
    since: Timestamp,
    starts: u32,
    pid: Option<u32>,
}

impl Context {
    /// Starts one process of a type.
    pub(crate) fn process(
        self: &Arc<Self>,
        spec: &Arc<AppSpec>,
        kind: &str,
        number: u32,
        adopted: bool,
        after: Vec<After>,
    ) -> Handle {
        let label = format!("{kind}.{number}");
        let command = spec.processes.get(kind).cloned().unwrap_or_default();
        let port = if kind == WEB {
            let context = Arc::clone(self);
            PortPlan::Fresh(Box::new(move || crate::ports::free(&context.reserved())))
        } else {
            PortPlan::None
        };
        let (context, of, name) = (Arc::clone(self), Arc::clone(spec), label.clone());
        let shown = command.clone();
        let recipe = move |port| context.machine.process(&of, &name, &command, port);
        let plan = Plan {
            shown,
            port,
            adopted,
            after,
            output: format!("app[{label}]"),
            ..self.plan(spec, &label, recipe)
        };
        self.start(spec, plan, label, false)
    }

    /// Starts the process that runs once before the others of its release.
    pub(crate) fn release_phase(
        self: &Arc<Self>,
        spec: &Arc<AppSpec>,
        command: &str,
        once: Once,
    ) -> Handle {
        let label = format!("{RELEASE}.1");
        let (context, of, name) = (Arc::clone(self), Arc::clone(spec), label.clone());
        let (shown, command) = (command.to_owned(), command.to_owned());
        let recipe = move |port| context.machine.process(&of, &name, &command, port);
        let plan = Plan {
            shown,
            output: format!("app[{label}]"),
            once: Some(once),
            ..self.plan(spec, &label, recipe)
        };
        self.start(spec, plan, label, false)
    }

    /// Starts a server, after the end of the one whose place it takes.
    pub(crate) fn server(
        self: &Arc<Self>,
        spec: &Arc<AppSpec>,
        server: &ServerSpec,
        adopted: bool,
        after: Option<After>,
    ) -> Handle {
        let (context, app, of) = (Arc::clone(self), spec.app.clone(), server.clone());
        if let Some(port) = server.port {
            self.reserved
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(port);
        }
        let recipe = move |_| context.machine.server(&app, &of);
        let plan = Plan {
            // The arguments may be secret.
            shown: server.command.first().cloned().unwrap_or_default(),
            port: server.port.map_or(PortPlan::None, PortPlan::Fixed),
            adopted,
            after: after.into_iter().collect(),
            output: format!("addon[{}]", server.name),
            ..self.plan(spec, &server.name, recipe)
        };
        self.start(spec, plan, server.name.clone(), true)
    }

    fn reserved(&self) -> BTreeSet<u16> {
        self.reserved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What the plans of all units of an app have in common.
    fn plan(
        &self,
        spec: &AppSpec,
        label: &str,
        recipe: impl Fn(Option<u16>) -> Recipe + Send + Sync + 'static,
    ) -> Plan {
        Plan {
            recipe: Box::new(recipe),
            shown: String::new(),
            port: PortPlan::None,
            grace: Duration::from_millis(spec.stop_grace_ms),
            adopted: false,
            after: Vec::new(),
            log: self.logs.app(&spec.app),
            output: String::new(),
            events: format!("slugline[{label}]"),
            gauge: Arc::clone(&self.gauge),
            isolation: Arc::clone(&self.isolation),
            limits: Arc::clone(&self.limits),
            once: None,
        }
    }

    fn start(&self, spec: &AppSpec, plan: Plan, label: String, server: bool) -> Handle {
        let id = UnitId(self.units.fetch_add(1, Ordering::Relaxed));
        let (requests, receiver) = mpsc::unbounded_channel();
        let (sender, progress) = watch::channel(Progress::Begun);
        let (events, app) = (self.events.clone(), spec.app.clone());
        let handle = Handle {
            id,
            label,
            leaving: false,
            state: ProcessState::Starting,
            port: None,
            again: Duration::ZERO,
            ended: false,
            requests,
            progress,
            boot: watch::Sender::new(boot_of(spec, server)),
            allowed: watch::Sender::new(Use::default()),
            server,
            version: spec.version,
            shown: plan.shown.clone(),
            since: now(),
            starts: 0,
            pid: None,
        };
        let wires = Wires {
            requests: receiver,
            boot: handle.boot.subscribe(),
            allowed: handle.allowed.subscribe(),
            changes: Box::new(move |change| tell(&events, &app, id, change)),
            progress: sender,
        };
        handle.configure(spec);
        tokio::spawn(unit::run(plan, wires));
        handle
    }
}

/// When a process of a release, or a server, counts as up.
fn boot_of(spec: &AppSpec, server: bool) -> Boot {
    let default = Duration::from_millis(spec.boot_limit_ms);
    if server {
        let (limit, check) = (default, None);
        return Boot { limit, check };
    }
    let set = spec.settings.boot_seconds.map(u64::from);
    Boot {
        limit: set.map_or(default, Duration::from_secs),
        check: Check::of(&spec.app, &spec.settings),
    }
}

fn tell(events: &mpsc::UnboundedSender<Event>, app: &AppName, id: UnitId, change: UnitChange) {
    // It fails when the supervisor has ended, and nobody wants to know any more.
    let _ = events.send(Event::App(app.clone(), crate::app::Input::Unit(id, change)));
}

impl Handle {
    pub(crate) fn tell(&self, request: UnitRequest) {
        // It fails when the unit has ended, which it may at any time.
        let _ = self.requests.send(request);
    }

    /// From its next start on it counts as up when these settings say, and from now on it may hold
    /// use as much as they say.
    pub(crate) fn configure(&self, spec: &AppSpec) {
        self.boot.send_replace(boot_of(spec, self.server));
        let set = self.kind().map(|(kind, _)| spec.settings.of_type(kind));
        let allowed = set.map(|set| limits(&set)).unwrap_or_default();
        self.allowed.send_if_modified(|old| {
            let is_new = *old != allowed;
            *old = allowed;
            is_new
        });
    }

    /// Whether requests may be sent to it.
    pub(crate) fn is_web(&self) -> bool {
        self.kind().is_some_and(|(kind, _)| kind == WEB)
    }

    /// Its type and number; `None` of a server.
    pub(crate) fn kind(&self) -> Option<(&str, u32)> {
        let (kind, number) = self.label.rsplit_once('.').filter(|_| !self.server)?;
        Some((kind, number.parse().ok()?))
    }

    /// Takes note of a change.
    pub(crate) fn note(&mut self, change: &UnitChange) {
        self.state = match change {
            UnitChange::Starting { pid, port } => {
                self.starts += 1;
                (self.pid, self.port) = (Some(*pid), *port);
                ProcessState::Starting
            }
            UnitChange::Up => ProcessState::Up,
            UnitChange::Died { again, .. } => {
                (self.pid, self.again) = (None, *again);
                ProcessState::Crashed
            }
            UnitChange::Ended => {
                (self.pid, self.ended) = (None, true);
                ProcessState::Stopped
            }
        };
        self.since = now();
    }

    pub(crate) fn status(&self) -> ProcessStatus {
        ProcessStatus {
            name: self.label.clone(),
            server: self.server,
            state: self.state,
            since: self.since,
            command: self.shown.clone(),
            version: self.version,
            restarts: self.starts.saturating_sub(1),
            pid: self.pid,
            port: self.port,
            memory: None,
            memory_limit: self.allowed.borrow().memory,
        }
    }

    /// How it is once it has been stopped.
    pub(crate) fn stopped_status(&self) -> ProcessStatus {
        let state = ProcessState::Stopped;
        ProcessStatus {
            state,
            since: now(),
            pid: None,
            port: None,
            ..self.status()
        }
    }
}

/// The time of this machine.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
