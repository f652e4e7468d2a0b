//! What the HTTP API is given: the ledger to read from, and the engine to change things with, opened for
//! each request as a command opens them. It must not know any route.

mod along;
mod builds;
mod command;
mod desk;
mod log;
mod room;
mod run;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;

use slugline_core::app::AppName;
use slugline_core::build::{Build, BuildId};
use slugline_ledger::{Origin, SqliteLedger};
use slugline_plugin_host::{PluginHost, Stamp};
use slugline_runtime::{Phases, ProcessStatus};
use slugline_server::backend::{
    AskJob, Backend, Caller, ChangeJob, Process, ReadJob, Source, Unavailable,
};
use slugline_server::commands::frame::NewCommand;
use slugline_server::commands::{Permitted, Understood};
use tempfile::TempDir;

pub use self::desk::desk;

use self::builds::Running;
use self::desk::{Asks, Desk};
use self::room::{Asked, Room};
use crate::args::Global;
use crate::clock::MachineClock;
use crate::commands::git;
use crate::context::Context;
use crate::env::{Env, ORIGIN};
use crate::error::CommandError;
use crate::supervisor::Supervisor;
use crate::ui::Ui;
use crate::wire::{Wired, plugin_host};

/// How requests are served.
pub struct Api {
    ui: Ui,
    env: Env,
    home: PathBuf,
    /// Where it listens, for the addresses that it tells.
    url: String,
    /// What release phases write while they run.
    phases: Arc<Phases>,
    builds: Running,
}

thread_local! {
    /// A ledger that the thread has open already, for what only reads.
    static LEDGER: RefCell<Option<SqliteLedger>> = const { RefCell::new(None) };
    /// The plugins that the thread has asked already, and what they looked like before that.
    static PLUGINS: RefCell<Option<(Option<Stamp>, PluginHost)>> = const { RefCell::new(None) };
}

fn unavailable(error: CommandError) -> Unavailable {
    Unavailable(error.text)
}

impl Api {
    /// Serves the home of this context at this address.
    pub fn new(context: &Context, url: String, phases: Arc<Phases>) -> Self {
        command::tidy(&context.home);
        Self {
            ui: context.ui,
            env: context.env.clone(),
            home: context.home.clone(),
            url,
            phases,
            builds: Running::default(),
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

    fn desk(&self) -> Result<Desk<'_>, Unavailable> {
        Ok(Desk {
            ledger: self.open()?,
            clock: MachineClock::new(&self.env).map_err(unavailable)?,
            supervisor: self.context().map_err(unavailable)?.supervisor(),
            api: Some(self),
        })
    }

    /// The plugins, as they are now: those that the thread has asked before, where nobody touched them and
    /// all are well.
    fn plugins(&self) -> Result<(Option<Stamp>, PluginHost), Unavailable> {
        let now = Stamp::of(&self.home).ok();
        let kept = PLUGINS.take();
        let kept = kept.filter(|(then, host)| now.is_some() && *then == now && host.is_well());
        kept.map_or_else(
            || {
                let host = self.context().and_then(|context| plugin_host(&context));
                Ok((now, host.map_err(unavailable)?))
            },
            Ok,
        )
    }

    /// Opens what changes something, as a command opens it, for this job.
    fn with_room(&self, caller: &Caller, job: RoomJob<'_>) {
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
            api: self,
        };
        job(Ok(&room));
        // Whoever asked has the answer.
        let changed = room.changed.take();
        if let Some(app) = changed {
            room.context.announce(&room.wired.engine(), &app);
        }
    }
}

/// What is done with a room.
type RoomJob<'a> = &'a mut dyn FnMut(Result<&Room<'_>, Unavailable>);

impl Backend for Api {
    fn read(&self, job: ReadJob<'_>) {
        match self.desk() {
            Ok(desk) => {
                job(Ok(&desk));
                LEDGER.set(Some(desk.ledger));
            }
            Err(why) => job(Err(why)),
        }
    }

    fn ask(&self, job: AskJob<'_>) {
        let opened = self.desk().and_then(|desk| Ok((desk, self.plugins()?)));
        match opened {
            Ok((desk, (stamp, host))) => {
                let asks = Asks { desk, host };
                job(Ok(&asks));
                LEDGER.set(Some(asks.desk.ledger));
                PLUGINS.set(Some((stamp, asks.host)));
            }
            Err(why) => job(Err(why)),
        }
    }

    fn change(&self, caller: &Caller, job: ChangeJob<'_>) {
        self.with_room(caller, &mut |room| match room {
            Ok(room) => job(Ok(room)),
            Err(why) => job(Err(why)),
        });
    }

    fn unnamed(&self) -> Result<File, Unavailable> {
        let made = tempfile::tempfile_in(&self.home);
        made.map_err(|error| Unavailable(format!("a file cannot be made: {error}")))
    }

    fn acceptable_source(&self, url: &str) -> Result<(), String> {
        crate::fetch::acceptable(url)
    }

    fn begin_build(
        self: Arc<Self>,
        caller: Caller,
        app: AppName,
        wanted: (Build, Source),
    ) -> Result<(), Unavailable> {
        builds::begin(self, caller, app, wanted)
    }

    fn cancel_build(&self, id: &BuildId) -> bool {
        self.builds.of(id).is_some_and(|job| job.cancel())
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

    fn understand(&self, wanted: &NewCommand) -> Result<Understood, String> {
        command::understand(wanted)
    }

    fn private_folder(&self) -> Result<TempDir, Unavailable> {
        command::private_folder(&self.home)
    }

    fn unpack(&self, from: &mut dyn Read, to: &Path) -> Result<(), Unavailable> {
        let unpacked = slugline_slug::unpack_folder(from, to);
        unpacked.map_err(|error| unavailable(CommandError::because(&error)))
    }

    fn command(&self, permitted: &Permitted<'_>) -> Result<Command, Unavailable> {
        let context = self.context().map_err(unavailable)?;
        command::program(&context, permitted)
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
