//! What the API reads with. It must not know any route.

use std::io::Write;
use std::sync::Arc;

use slugline_core::addon::Catalogue;
use slugline_core::app::AppName;
use slugline_core::build::BuildId;
use slugline_core::port::{Access, Builds, Clock, Ledger, Policies, Providers, Webhooks};
use slugline_core::release::Version;
use slugline_core::settings::Drain;
use slugline_core::slug::SlugId;
use slugline_ledger::SqliteLedger;
use slugline_plugin_host::PluginHost;
use slugline_server::backend::{Asking, Lines, LogReader, Output, Process, Reading, Unavailable};
use slugline_slug::SlugStore;

use super::{Api, along, log, processes};
use crate::clock::MachineClock;
use crate::commands::drains;
use crate::context::Context;
use crate::error::CommandError;
use crate::supervisor::Supervisor;

/// What only reads.
pub(super) struct Desk<'a> {
    pub(super) ledger: SqliteLedger,
    pub(super) clock: MachineClock,
    pub(super) supervisor: Supervisor,
    /// Missing for whoever is no client.
    pub(super) api: Option<&'a Api>,
}

/// What only reads, and asks plugins.
pub(super) struct Asks<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) host: PluginHost,
}

impl Asking for Asks<'_> {
    fn reading(&self) -> &dyn Reading {
        &self.desk
    }

    fn policies(&self) -> &dyn Policies {
        &self.host
    }

    fn catalogue(&self) -> &Catalogue {
        self.host.catalogue()
    }
}

/// What reads, for whoever is no client: it says nothing of where the API is.
pub fn desk(context: &Context) -> Result<impl Reading, CommandError> {
    Ok(Desk {
        ledger: context.ledger()?,
        clock: MachineClock::new(&context.env)?,
        supervisor: context.supervisor(),
        api: None,
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
        Some(along::begin(self.api?.phases.of(app, version)?))
    }

    fn git_url(&self, app: &AppName) -> String {
        let url = self.api.map_or("", |api| &api.url);
        format!("{url}/{app}.git")
    }

    fn shown(&self, drain: &Drain) -> String {
        drains::shown(drain)
    }

    fn builds(&self) -> &dyn Builds {
        &self.ledger
    }

    fn build_output(&self, id: &BuildId) -> Option<Box<dyn Output>> {
        Some(along::begin(Arc::clone(&self.api?.builds.of(id)?.written)))
    }

    fn slug_tarball(&self, id: &SlugId, to: &mut dyn Write) -> Result<(), Unavailable> {
        let store = SlugStore::open(self.supervisor.home());
        let store = store.map_err(|error| Unavailable(error.to_string()))?;
        let written = store.hand_out(id, to);
        written.map_err(|error| Unavailable(error.to_string()))
    }
}
