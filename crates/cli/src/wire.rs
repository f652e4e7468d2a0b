//! The one place where the parts meet: the engine's ports, and what stands behind each.

use std::path::Path;
use std::rc::Rc;

use slugline_core::app::AppName;
use slugline_core::corridor::Engine;
use slugline_core::slug::SourceId;
use slugline_ledger::SqliteLedger;
use slugline_plugin_host::{PluginHost, Settings, SmtpSettings};
use slugline_slug::{Buildpacks, SlugCompiler, SlugStore, stack};

use crate::clock::{MachineClock, RandomIds};
use crate::commands::plugin_host;
use crate::context::Context;
use crate::error::CommandError;
use crate::plugin_store::LedgerStore;
use crate::supervisor::Supervisor;

/// Everything behind the engine's ports.
pub struct Wired {
    ledger: SqliteLedger,
    host: PluginHost,
    store: SlugStore,
    compiler: SlugCompiler,
    supervisor: Supervisor,
    clock: MachineClock,
}

impl Wired {
    /// Opens the ledger and the stores, and reads the plugins' manifests; runs nothing.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn new(context: &Context) -> Result<Self, CommandError> {
        // First, since it makes a new home its owner's alone.
        Self::with(context, context.ledger()?)
    }

    /// The same with a ledger that is open.
    ///
    /// # Errors
    /// As [`Wired::new`].
    pub fn with(context: &Context, ledger: SqliteLedger) -> Result<Self, CommandError> {
        let store = SlugStore::open(&context.home)?;
        let buildpacks = Buildpacks::shipped().map_err(|error| CommandError::because(&error))?;
        Ok(Self {
            ledger,
            host: plugin_host(context)?,
            compiler: SlugCompiler::new(store.clone(), buildpacks, context.env.all(), stack()),
            store,
            supervisor: context.supervisor(),
            clock: MachineClock::new(&context.env)?,
        })
    }

    /// The engine with all its ports.
    pub fn engine(&self) -> Engine<'_> {
        Engine {
            ledger: &self.ledger,
            policies: &self.host,
            providers: &self.host,
            compiler: &self.compiler,
            launcher: &self.supervisor,
            clock: &self.clock,
            ids: &RandomIds,
        }
    }

    /// The ledger itself.
    pub fn ledger(&self) -> &SqliteLedger {
        &self.ledger
    }

    /// What compiles, for a compiler of one's own.
    pub fn compiler(&self) -> &SlugCompiler {
        &self.compiler
    }

    /// The store that source is put into.
    pub fn store(&self) -> &SlugStore {
        &self.store
    }

    /// What the buildpack that takes this source calls it.
    ///
    /// # Errors
    /// Where none does.
    pub fn detect(&self, source: &SourceId) -> Result<String, CommandError> {
        self.compiler
            .detect(source)
            .map_err(|error| CommandError::because(&error))
    }

    /// Removes what is kept on disk for an app that is gone.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn forget(&self, app: &AppName) -> Result<(), CommandError> {
        self.supervisor.forget(app)?;
        Ok(self.store.remove_cache(app)?)
    }
}

/// Reads the plugins' manifests, and hands the host what it may use of the environment.
///
/// # Errors
/// Where a manifest or a setting cannot be read.
pub fn plugin_host(context: &Context) -> Result<PluginHost, CommandError> {
    plugin_host_of(context, &context.home)
}

/// As [`plugin_host()`], of the plugins in another folder than the home.
///
/// # Errors
/// As [`plugin_host()`].
pub fn plugin_host_of(context: &Context, folder: &Path) -> Result<PluginHost, CommandError> {
    let settings = plugin_settings(context)?;
    Ok(PluginHost::load(Some(folder), settings)?)
}

/// What plugins may use of the environment.
///
/// # Errors
/// Where a setting cannot be read.
pub fn plugin_settings(context: &Context) -> Result<Settings, CommandError> {
    let smtp = context.env.get("SLUGLINE_SMTP_URL").map(|url| {
        let from = context.env.get("SLUGLINE_SMTP_FROM");
        SmtpSettings::from_url(&url, from.as_deref().unwrap_or("slugline@localhost"))
    });
    let smtp = smtp.transpose().map_err(|error| {
        CommandError::usage(format!("SLUGLINE_SMTP_URL cannot be used: {error}"))
    })?;
    let ui = context.ui;
    Ok(Settings {
        path: context.env.get("PATH").unwrap_or_default(),
        smtp,
        store: Some(Rc::new(LedgerStore::new(
            context.home.clone(),
            context.env.key(),
        ))),
        log: Rc::new(move |plugin, line| ui.status(format_args!("{plugin}: {line}"))),
        program: plugin_host::program(),
        ..Settings::default()
    })
}
