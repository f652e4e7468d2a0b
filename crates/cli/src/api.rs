//! What the HTTP API is given: the ledger to read from, and the engine to change things with, opened for
//! each request as a command opens them. It must not know any route.

mod along;
mod log;
mod run;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;

use slugline_core::app::{App, AppName};
use slugline_core::corridor::{Engine, Request, Silent};
use slugline_core::port::{Access, Clock, LaunchSpec, Ledger, Webhooks};
use slugline_core::release::Version;
use slugline_core::settings::Drain;
use slugline_core::webhook::Target;
use slugline_ledger::{Note, Origin, Outcome, SqliteLedger};
use slugline_runtime::{Control, ControlError, DrainAddress, Phases, ProcessStatus};
use slugline_server::backend::{
    Attach, Backend, Begun, Caller, ChangeJob, Changing, End, Lines, LogReader, NotDone, Output,
    Process, ReadJob, Reading, Unavailable,
};

use crate::args::Global;
use crate::clock::MachineClock;
use crate::commands::{drains, git};
use crate::context::Context;
use crate::env::{Env, ORIGIN};
use crate::error::CommandError;
use crate::supervisor::Supervisor;
use crate::ui::Ui;
use crate::webhooks::post;
use crate::wire::Wired;

/// How requests are served.
pub struct Api {
    ui: Ui,
    env: Env,
    home: PathBuf,
    /// Where it listens, for the addresses that it tells.
    url: String,
    /// What release phases write while they run.
    phases: Arc<Phases>,
}

thread_local! {
    /// A ledger that the thread has open already, for what only reads.
    static LEDGER: RefCell<Option<SqliteLedger>> = const { RefCell::new(None) };
}

fn unavailable(error: CommandError) -> Unavailable {
    Unavailable(error.text)
}

impl Api {
    /// Serves the home of this context at this address.
    pub fn new(context: &Context, url: String, phases: Arc<Phases>) -> Self {
        Self {
            ui: context.ui,
            env: context.env.clone(),
            home: context.home.clone(),
            url,
            phases,
        }
    }

    fn context(&self) -> Result<Context, CommandError> {
        let context = Context::new(self.ui, self.env.clone(), Global::default())?;
        Ok(context.at_home(self.home.clone()))
    }

    fn open(&self) -> Result<SqliteLedger, Unavailable> {
        let kept = LEDGER.with_borrow_mut(Option::take);
        kept.map_or_else(
            || {
                self.context()
                    .and_then(|context| context.ledger())
                    .map_err(unavailable)
            },
            Ok,
        )
    }
}

impl Backend for Api {
    fn read(&self, job: ReadJob<'_>) {
        let opened = self.open().and_then(|ledger| {
            let clock = MachineClock::new(&self.env).map_err(unavailable)?;
            let supervisor = self.context().map_err(unavailable)?.supervisor();
            Ok(Desk {
                ledger,
                clock,
                supervisor,
                url: &self.url,
                phases: Arc::clone(&self.phases),
            })
        });
        match opened {
            Ok(desk) => {
                job(Ok(&desk));
                LEDGER.set(Some(desk.ledger));
            }
            Err(why) => job(Err(why)),
        }
    }

    fn change(&self, caller: &Caller, job: ChangeJob<'_>) {
        let asked = Rc::new(Asked {
            origin: Origin {
                command: caller.command.clone(),
                place: caller.place.clone(),
            },
            recorded: Cell::new(false),
        });
        let context = match self.context() {
            Ok(context) => context,
            Err(error) => return job(Err(unavailable(error))),
        };
        let wired = context.ledger().and_then(|ledger| {
            let ledger = ledger.from(Rc::clone(&asked));
            Wired::with(&context, ledger)
        });
        let wired = match wired {
            Ok(wired) => wired,
            Err(error) => return job(Err(unavailable(error))),
        };
        let room = Room {
            context,
            wired,
            caller,
            asked,
            changed: RefCell::new(None),
            unchanged: Cell::new(false),
            url: &self.url,
            phases: &self.phases,
        };
        job(Ok(&room));
        // Whoever asked has the answer.
        let changed = room.changed.take();
        if let Some(app) = changed {
            room.context.announce(&room.wired.engine(), &app);
        }
    }

    fn git(&self, app: &AppName, caller: &Caller, pushes: bool) -> Result<Command, Unavailable> {
        let context = self.context().map_err(unavailable)?;
        if !context.repository(app).is_dir() {
            git::repository::create(&context, app).map_err(unavailable)?;
        }
        let mut command = http_backend(&context, caller);
        if pushes {
            // The hook deploys, as whoever pushes (S6).
            command.envs(context.env.of_hook());
            command.env("SLUGLINE_ACTOR", caller.actor.as_str());
            command.env(ORIGIN, &caller.place);
        }
        Ok(command)
    }
}

/// The largest pack that is taken in a push, in bytes.
const LARGEST_PACK: &str = "4g";

/// git's own program for HTTP. It reads no settings but those of the repository, and has nothing of this
/// process's environment but what a fetch needs.
fn http_backend(context: &Context, caller: &Caller) -> Command {
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear();
    for name in ["PATH", "LANG", "TZ"] {
        if let Some(value) = context.env.all().get(name) {
            command.env(name, value);
        }
    }
    command
        .env("GIT_PROJECT_ROOT", context.repositories())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "receive.maxInputSize")
        .env("GIT_CONFIG_VALUE_0", LARGEST_PACK)
        .env("REMOTE_USER", caller.actor.as_str());
    command
}

/// What only reads.
struct Desk<'a> {
    ledger: SqliteLedger,
    clock: MachineClock,
    supervisor: Supervisor,
    url: &'a str,
    phases: Arc<Phases>,
}

/// What reads, for whoever is no client: it says nothing of where the API is.
pub fn desk(context: &Context) -> Result<impl Reading, CommandError> {
    Ok(Desk {
        ledger: context.ledger()?,
        clock: MachineClock::new(&context.env)?,
        supervisor: context.supervisor(),
        url: "",
        phases: Arc::default(),
    })
}

impl Reading for Desk<'_> {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn access(&self) -> &dyn Access {
        &self.ledger
    }

    fn webhooks(&self) -> &dyn Webhooks {
        &self.ledger
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn url(&self, app: &AppName) -> String {
        slugline_core::port::Launcher::url(&self.supervisor, app)
    }

    fn processes(&self, app: &AppName) -> Result<Vec<Process>, Unavailable> {
        processes(&self.supervisor, app)
    }

    fn log(&self, app: &AppName, wanted: Lines) -> Result<Box<dyn LogReader>, Unavailable> {
        log::open(&self.supervisor, app, wanted)
    }

    fn release_output(&self, app: &AppName, version: Version) -> Option<Box<dyn Output>> {
        Some(along::begin(self.phases.of(app, version)?))
    }

    fn git_url(&self, app: &AppName) -> String {
        format!("{}/{app}.git", self.url)
    }

    fn shown(&self, drain: &Drain) -> String {
        drains::shown(drain)
    }
}

fn processes(supervisor: &Supervisor, app: &AppName) -> Result<Vec<Process>, Unavailable> {
    let all = supervisor.processes(app).map_err(unavailable)?;
    let one = |process: ProcessStatus| Process {
        name: process.name,
        server: process.server,
        state: process.state.word(),
        since: process.since,
        command: process.command,
        version: process.version,
    };
    Ok(all.into_iter().map(one).collect())
}

/// What changes something.
struct Room<'a> {
    context: Context,
    wired: Wired,
    caller: &'a Caller,
    asked: Rc<Asked>,
    /// The app whose outbox may have something in it.
    changed: RefCell<Option<AppName>>,
    unchanged: Cell<bool>,
    url: &'a str,
    phases: &'a Phases,
}

/// Where a change comes from, and whether it made a release.
#[derive(Debug)]
struct Asked {
    origin: Origin,
    recorded: Cell<bool>,
}

impl slugline_ledger::Caller for Asked {
    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn recorded(&self) {
        self.recorded.set(true);
    }
}

impl Room<'_> {
    fn control(
        &self,
        ask: impl FnOnce(&Control) -> Result<usize, ControlError>,
    ) -> Result<usize, Unavailable> {
        let control = self.context.supervisor().connect();
        let control = control.map_err(|error| Unavailable(error.to_string()))?;
        ask(&control).map_err(|error| Unavailable(error.to_string()))
    }
}

impl Reading for Room<'_> {
    fn ledger(&self) -> &dyn Ledger {
        self.wired.ledger()
    }

    fn access(&self) -> &dyn Access {
        self.wired.ledger()
    }

    fn webhooks(&self) -> &dyn Webhooks {
        self.wired.ledger()
    }

    fn clock(&self) -> &dyn Clock {
        self.wired.engine().clock
    }

    fn url(&self, app: &AppName) -> String {
        self.wired.engine().launcher.url(app)
    }

    fn processes(&self, app: &AppName) -> Result<Vec<Process>, Unavailable> {
        processes(&self.context.supervisor(), app)
    }

    fn log(&self, app: &AppName, wanted: Lines) -> Result<Box<dyn LogReader>, Unavailable> {
        log::open(&self.context.supervisor(), app, wanted)
    }

    fn release_output(&self, app: &AppName, version: Version) -> Option<Box<dyn Output>> {
        Some(along::begin(self.phases.of(app, version)?))
    }

    fn git_url(&self, app: &AppName) -> String {
        format!("{}/{app}.git", self.url)
    }

    fn shown(&self, drain: &Drain) -> String {
        drains::shown(drain)
    }
}

impl Changing for Room<'_> {
    fn engine(&self) -> Engine<'_> {
        self.wired.engine()
    }

    fn reading(&self) -> &dyn Reading {
        self
    }

    fn create_app(&self, request: &Request<'_>) -> Result<(), NotDone> {
        let engine = self.wired.engine();
        engine.create_app(request)?;
        if let Err(error) = git::repository::create(&self.context, request.app) {
            let gone = engine.ledger.destroy_app(request.app, engine.clock.now());
            gone.map_err(slugline_core::corridor::Failure::from)?;
            return Err(unavailable(error).into());
        }
        Ok(())
    }

    fn destroy_app(&self, request: &Request<'_>) -> Result<Vec<String>, NotDone> {
        let left = self.wired.engine().destroy_app(request, &mut Silent)?;
        self.wired.forget(request.app).map_err(unavailable)?;
        git::repository::remove(&self.context, request.app).map_err(unavailable)?;
        Ok(left)
    }

    fn restart_some(&self, app: &App, which: &str) -> Result<usize, Unavailable> {
        self.control(|control| control.restart_some(&app.name, which))
    }

    fn stop_some(&self, app: &App, which: &str) -> Result<usize, Unavailable> {
        self.control(|control| control.stop_some(&app.name, which))
    }

    fn run_once(
        &self,
        launch: &LaunchSpec,
        command: &str,
        attach: Attach,
    ) -> Result<Begun, Unavailable> {
        run::begin(&self.context, launch, command, attach)
    }

    fn may_post(&self, target: &Target) -> Result<(), String> {
        let allowed = post::Allowed::of(&self.context.env).map_err(|error| error.text)?;
        post::acceptable(target, allowed)
    }

    fn drain_address(&self, url: &str) -> Result<String, String> {
        let address = DrainAddress::parse(url).map_err(|error| error.to_string())?;
        Ok(address.to_string())
    }

    fn changed_nothing(&self) {
        self.unchanged.set(true);
    }

    fn ended(&self, app: Option<&AppName>, end: End, why: Option<&str>) {
        let outcome = match end {
            End::Done if self.unchanged.get() => return,
            End::Done if self.asked.recorded.get() => {
                *self.changed.borrow_mut() = app.cloned();
                return;
            }
            End::Done => Outcome::Done,
            End::Refused => Outcome::Refused,
            End::Failed => Outcome::Failed,
        };
        let command = &self.caller.command;
        let what = match why.and_then(|why| why.lines().next()) {
            Some(why) => format!("{command}: {why}"),
            None => command.clone(),
        };
        let note = Note {
            at: self.clock().now(),
            app,
            actor: &self.caller.actor,
            outcome,
            what: &what,
        };
        if let Err(error) = self.wired.ledger().note(&note) {
            let ui = self.context.ui;
            ui.warning(format_args!("{what} is not in the audit: {error}"));
        }
    }
}
