//! What every command is given: the words typed before it, the environment, the way to speak, and
//! how to get at the ledger and the engine. It opens things only when they are asked for.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::corridor::{Engine, Request};
use slugline_core::port::{Clock, Ledger, LedgerError, Moment};
use slugline_core::release::Version;
use slugline_ledger::SqliteLedger;
use slugline_plugin_host::PluginHost;

use crate::args::Global;
use crate::clock::MachineClock;
use crate::commands::confirm;
use crate::env::Env;
use crate::error::{CommandError, no_app};
use crate::identity;
use crate::interrupt;
use crate::remote::asked::Asked;
use crate::render::when::When;
use crate::supervisor::Supervisor;
use crate::typed::Typed;
use crate::ui::Ui;
use crate::wire::{self, Wired};

/// What a command works with.
pub struct Context {
    /// Speaks.
    pub ui: Ui,
    /// The environment.
    pub env: Env,
    /// The folder that holds everything.
    pub home: PathBuf,
    /// What was typed, for the audit.
    pub typed: Rc<Typed>,
    /// What a client at another machine has asked for, where this is done for one.
    pub asked: Option<Rc<Asked>>,
    global: Global,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// Where there is no home, or one of our variables is no text.
    pub fn new(ui: Ui, env: Env, global: Global) -> Result<Self, CommandError> {
        env.check()?;
        let home = env.home()?;
        let typed = Rc::new(Typed::new(&env));
        Ok(Self {
            ui,
            env,
            home,
            typed,
            asked: None,
            global,
        })
    }

    /// The same for another home.
    pub fn at_home(&self, home: PathBuf) -> Self {
        Self {
            ui: self.ui,
            env: self.env.clone(),
            home,
            typed: Rc::clone(&self.typed),
            asked: self.asked.clone(),
            global: self.global.clone(),
        }
    }

    /// The same for a client at another machine: whatever it typed, it acts within these bounds.
    pub fn asked(self, asked: Asked) -> Self {
        let asked = Some(Rc::new(asked));
        Self { asked, ..self }
    }

    /// Where a file or folder is that was typed: a client's are those that it has sent.
    pub fn path(&self, typed: impl AsRef<Path>) -> PathBuf {
        let typed = typed.as_ref();
        match &self.asked {
            Some(asked) => asked.path(typed),
            None => typed.to_owned(),
        }
    }

    /// An error that names files and folders as they were typed.
    pub fn as_typed(&self, error: CommandError) -> CommandError {
        match &self.asked {
            Some(asked) => CommandError {
                text: asked.as_typed(&error.text),
                ..error
            },
            None => error,
        }
    }

    /// Where an app's code is pushed to.
    pub fn git_url(&self, app: &AppName) -> String {
        match &self.asked {
            Some(asked) => format!("{}/{app}.git", asked.url),
            None => self.repository(app).display().to_string(),
        }
    }

    /// The app that is meant.
    ///
    /// # Errors
    /// Where none or several are.
    pub fn app(&self) -> Result<AppName, CommandError> {
        if let Some(asked) = &self.asked {
            let app = asked.app().ok_or_else(identity::none)?;
            self.typed.is_about(&app);
            return Ok(app);
        }
        let (app, remote) = (self.global.app.as_deref(), self.global.remote.as_deref());
        let app = identity::app(app, remote, &self.env, &self.repositories())?;
        self.typed.is_about(&app);
        Ok(app)
    }

    /// The app that `--app` names, where it is said: for commands that are about all apps.
    ///
    /// # Errors
    /// Where it is no name.
    pub fn named_app(&self) -> Result<Option<AppName>, CommandError> {
        if let Some(asked) = self.asked.as_ref().filter(|asked| !asked.machine) {
            return Ok(asked.app().filter(|_| self.global.app.is_some()));
        }
        self.typed_app()
    }

    /// The name that `--app` says, whether its app is there and may be seen or not: for what is about no app.
    ///
    /// # Errors
    /// Where it is no name.
    pub fn typed_app(&self) -> Result<Option<AppName>, CommandError> {
        let named = self.global.app.as_deref();
        Ok(named.map(AppName::new).transpose()?)
    }

    /// Who acts (S6).
    ///
    /// # Errors
    /// Where the name given is none.
    pub fn actor(&self) -> Result<Actor, CommandError> {
        self.actor_or(|| None)
    }

    /// Who acts, where `fallback` knows more than `user@host`.
    ///
    /// # Errors
    /// As [`Context::actor`].
    pub fn actor_or(
        &self,
        fallback: impl FnOnce() -> Option<String>,
    ) -> Result<Actor, CommandError> {
        let actor = identity::actor(self.global.actor.as_deref(), &self.env, fallback)?;
        self.typed.is_by(&actor);
        Ok(actor)
    }

    /// The folder of the apps' git repositories.
    pub fn repositories(&self) -> PathBuf {
        self.home.join("repositories")
    }

    /// The repository that an app owns.
    pub fn repository(&self, app: &AppName) -> PathBuf {
        self.repositories().join(format!("{app}.git"))
    }

    /// Only the ledger.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn ledger(&self) -> Result<SqliteLedger, CommandError> {
        let opened = SqliteLedger::open_with(&self.home, self.env.key());
        let ledger = opened.map_err(|error| {
            let home = format!("Its home is {}", self.home.display());
            match &error {
                LedgerError::Storage(_) | LedgerError::Corrupt(_) => {
                    CommandError::from(error).hint(&home)
                }
                _ => error.into(),
            }
        })?;
        Ok(ledger.from(Rc::clone(&self.typed)))
    }

    /// The whole engine behind its ports.
    ///
    /// # Errors
    /// Where the ledger or a plugin cannot be read.
    pub fn wired(&self) -> Result<Wired, CommandError> {
        Wired::new(self)
    }

    /// Says when things happened, seen from now.
    ///
    /// # Errors
    /// Where `SLUGLINE_NOW` is no time.
    pub fn when(&self) -> Result<When, CommandError> {
        let now = MachineClock::new(&self.env)?.now();
        Ok(When::new(now, self.env.get("TZ").is_some()))
    }

    /// `--if-current vN`, if it was said.
    ///
    /// # Errors
    /// Where it names no release.
    pub fn request<'a>(
        &self,
        app: &'a AppName,
        actor: &'a Actor,
        confirm: Option<&str>,
    ) -> Result<Request<'a>, CommandError> {
        self.typed.is_about(app);
        let confirmed = confirm::answered(app, confirm)?;
        let if_current = self
            .global
            .if_current
            .as_deref()
            .map(str::parse)
            .transpose()?;
        // Nothing is changed before there is a request for it.
        interrupt::watch(app);
        Ok(Request {
            app,
            actor,
            confirmed,
            if_current,
            wait: !self.global.no_wait,
        })
    }

    /// Says that there was nothing to do.
    pub fn nothing(&self, text: impl std::fmt::Display) {
        self.typed.changed_nothing();
        self.ui.data(text);
    }

    /// Delivers what a settle left in the outbox, once the person has the answer.
    pub fn announce(&self, engine: &Engine<'_>, app: &AppName) {
        match engine.announce(app) {
            Ok(undelivered) => {
                for why in &undelivered {
                    self.ui.warning(why);
                }
                if !undelivered.is_empty() {
                    self.ui.warning("It is tried again with the next change.");
                }
            }
            // An app that is not there has nothing to announce.
            Err(LedgerError::NoApp(_)) => {}
            Err(error) => self.ui.warning(CommandError::from(error).text),
        }
        self.send_webhooks();
    }

    /// Sends what webhooks are to be told of this command, where no daemon does.
    pub fn send_webhooks(&self) {
        if let Err(error) = crate::webhooks::send_due(self) {
            self.ui.warning(error.text);
        }
    }

    /// An app as it is now.
    ///
    /// # Errors
    /// Where there is none of this name, with the nearest that there is.
    pub fn moment(&self, ledger: &dyn Ledger, app: &AppName) -> Result<Moment, CommandError> {
        let moment = ledger.moment(app);
        moment.map_err(|error| self.no_app(ledger, error.into(), app))
    }

    /// The release that was named, or the current one.
    ///
    /// # Errors
    /// Where it names no release, or there is no such app.
    pub fn release(
        &self,
        ledger: &dyn Ledger,
        app: &AppName,
        named: Option<&str>,
    ) -> Result<Version, CommandError> {
        match named {
            Some(named) => Ok(named.parse()?),
            None => {
                let current = self.moment(ledger, app)?.current;
                Ok(current.map(|release| release.version).unwrap_or_default())
            }
        }
    }

    /// The error of an app that is not there, with the nearest that is.
    pub fn no_app(&self, ledger: &dyn Ledger, error: CommandError, app: &AppName) -> CommandError {
        match ledger.moment(app) {
            Err(LedgerError::NoApp(_)) => {
                let known = ledger.apps().unwrap_or_default();
                let names: Vec<_> = known.iter().map(|app| app.name.to_string()).collect();
                no_app(app.as_str(), &names)
            }
            _ => error,
        }
    }

    /// Only the plugins.
    ///
    /// # Errors
    /// Where a manifest cannot be read.
    pub fn plugin_host(&self) -> Result<PluginHost, CommandError> {
        wire::plugin_host(self)
    }

    /// The daemon of this home, not connected yet.
    pub fn supervisor(&self) -> Supervisor {
        Supervisor::new(&self.home, &self.env, self.ui)
    }

    /// The name that a git remote of ours has.
    pub fn remote_name(&self) -> &str {
        self.global.remote.as_deref().unwrap_or("slugline")
    }
}
