//! What the API changes things with: the engine and its ports, as a command opens them. It must not know any
//! route.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use slugline_core::addon::Catalogue;
use slugline_core::app::{App, AppName};
use slugline_core::build::{BuildId, Said};
use slugline_core::corridor::{Engine, Request, Silent};
use slugline_core::port::{Access, Builds, Clock, LaunchSpec, Ledger, Policies, Webhooks};
use slugline_core::release::Version;
use slugline_core::settings::Drain;
use slugline_core::slug::{Commit, Slug, SlugId};
use slugline_core::webhook::Target;
use slugline_ledger::{Note, Origin, Outcome};
use slugline_runtime::{Control, ControlError, DrainAddress};
use slugline_server::backend::{
    Asking, Attach, Begun, Caller, Changing, End, Lines, LogReader, NotDone, Output, Process,
    Reading, Unavailable,
};
use slugline_slug::Claims;

use super::{Api, along, log, processes, run, unavailable};
use crate::commands::{drains, git};
use crate::context::Context;
use crate::error::CommandError;
use crate::webhooks::post;
use crate::wire::Wired;

/// What changes something.
pub struct Room<'a> {
    pub(super) context: Context,
    pub(super) wired: Wired,
    pub(super) caller: &'a Caller,
    pub(super) asked: Rc<Asked>,
    /// The app whose outbox may have something in it.
    pub(super) changed: RefCell<Option<AppName>>,
    pub(super) unchanged: Cell<bool>,
    pub(super) api: &'a Api,
}

/// Where a change comes from, and whether it made a release.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) origin: Origin,
    pub(super) recorded: Cell<bool>,
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
        Some(along::begin(self.api.phases.of(app, version)?))
    }

    fn git_url(&self, app: &AppName) -> String {
        format!("{}/{app}.git", self.api.url)
    }

    fn shown(&self, drain: &Drain) -> String {
        drains::shown(drain)
    }

    fn builds(&self) -> &dyn Builds {
        self.wired.ledger()
    }

    fn build_output(&self, id: &BuildId) -> Option<Box<dyn Output>> {
        Some(along::begin(Arc::clone(&self.api.builds.of(id)?.written)))
    }

    fn slug_tarball(&self, id: &SlugId, to: &mut dyn Write) -> Result<(), Unavailable> {
        let written = self.wired.store().hand_out(id, to);
        written.map_err(|error| Unavailable(error.to_string()))
    }
}

impl Asking for Room<'_> {
    fn reading(&self) -> &dyn Reading {
        self
    }

    fn policies(&self) -> &dyn Policies {
        self.wired.engine().policies
    }

    fn catalogue(&self) -> &Catalogue {
        self.wired.engine().providers.catalogue()
    }
}

impl Changing for Room<'_> {
    fn engine(&self) -> Engine<'_> {
        self.wired.engine()
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
        let allowed = post::Allowed::of(&self.context.env, "SLUGLINE_WEBHOOKS")
            .map_err(|error| error.text)?;
        post::acceptable(target, allowed)
    }

    fn drain_address(&self, url: &str) -> Result<String, String> {
        let address = DrainAddress::parse(url).map_err(|error| error.to_string())?;
        Ok(address.to_string())
    }

    fn bring(&self, tarball: &File, said: &Said) -> Result<Slug, String> {
        let commit = said.version.as_deref().and_then(|it| Commit::new(it).ok());
        let claims = Claims {
            processes: said.processes.as_ref(),
            commit: commit.as_ref(),
            buildpack: said.buildpack.as_deref(),
        };
        let brought = self.wired.store().bring(tarball, claims);
        brought.map_err(|error| CommandError::because(&error).text)
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
