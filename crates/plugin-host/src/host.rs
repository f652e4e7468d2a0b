//! The host: all plugins there are, what they offer, and what each call of one may cost.
//! It must not know what a hook means; [`crate::policies`] and [`crate::providers`] do.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use slugline_core::addon::TIER_SERVICE;
use slugline_core::release::{PluginUsed, PluginsUsed};
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::Containment;

use crate::catalogue::Offers;
use crate::error::HostError;
use crate::fault::Fault;
use crate::install::{Lock, digest_of_folder};
use crate::manifest::check_manifest;
use crate::plugin::{Plugin, containment};
use crate::process::Deadline;
use crate::settings::Settings;
use crate::source::{MANIFEST, Source};

/// All plugins there are, and what they offer.
pub struct PluginHost {
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) offers: Offers,
    pub(crate) settings: Settings,
    /// Those that were called, by place, since somebody asked.
    called: RefCell<BTreeSet<usize>>,
}

/// One plugin as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line for people.
    pub summary: String,
    /// `embedded`, or the folder.
    pub source: String,
    /// The hooks that it listens to.
    pub hooks: Vec<String>,
    /// The add-ons that it provides.
    pub services: Vec<String>,
    /// The tiers that it backs, as `releases:basic`.
    pub tiers: Vec<String>,
    /// What it may do, as in `run memcached`, `http api.example.com`, `smtp`.
    pub permissions: Vec<String>,
}

impl PluginHost {
    /// Reads the manifests of all plugins: those in the binary, and those in `home/plugins`. No
    /// script is read.
    ///
    /// # Errors
    /// [`HostError`]: a manifest that is wrong or cannot be read, two plugins that have a name, an
    /// add-on or a tier in common, or one that the operator has not approved as it is now.
    pub fn load(home: Option<&Path>, mut settings: Settings) -> Result<Self, HostError> {
        let in_home = || home.map(|home| home.join("resources"));
        settings.folders = settings.folders.or_else(in_home);
        let mut sources: Vec<Source> = Source::embedded().collect();
        if let Some(home) = home {
            sources.extend(Source::installed(home)?);
        }
        let host = Self::of(sources, settings)?;
        if let Some(home) = home {
            host.check_approved(home)?;
        }
        Ok(host)
    }

    /// Whether each plugin of the operator's folder is what the operator approved. The manifests
    /// have been read before: one that is broken says more.
    fn check_approved(&self, home: &Path) -> Result<(), HostError> {
        let mut lock = None;
        for plugin in &self.plugins {
            let Source::Folder(folder) = &plugin.source else {
                continue;
            };
            let lock = match &mut lock {
                Some(lock) => lock,
                none => none.insert(Lock::read(home).map_err(Box::new)?),
            };
            let name = folder.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            let folder = folder.clone();
            let Some(approval) = lock.plugins.get(&name) else {
                return Err(HostError::Unapproved { name, folder });
            };
            let digest = digest_of_folder(&folder).map_err(|cause| HostError::Read {
                path: folder.clone(),
                cause,
            })?;
            if !approval.covers(&digest) {
                return Err(HostError::Changed { name, folder });
            }
            plugin.approved(digest);
        }
        Ok(())
    }

    /// Reads the manifest of the one plugin in this folder, installed or not, and of no other.
    ///
    /// # Errors
    /// [`HostError`]: the manifest is wrong or cannot be read.
    pub fn of_folder(folder: &Path, settings: Settings) -> Result<Self, HostError> {
        Self::of(vec![Source::Folder(folder.to_owned())], settings)
    }

    fn of(sources: Vec<Source>, settings: Settings) -> Result<Self, HostError> {
        let mut plugins: Vec<Plugin> = Vec::with_capacity(sources.len());
        for source in sources {
            let manifest = check_manifest(&source.manifest()?, &source.label(MANIFEST))?;
            let same = |other: &&Plugin| other.manifest.name == manifest.name;
            if let Some(other) = plugins.iter().find(same) {
                return Err(HostError::PluginTwice {
                    name: manifest.name,
                    first: other.source.to_string(),
                    second: source.to_string(),
                });
            }
            plugins.push(Plugin::new(manifest, source));
        }
        let manifests: Vec<&Manifest> = plugins.iter().map(|plugin| &*plugin.manifest).collect();
        let offers = Offers::of(&manifests)?;
        Ok(Self {
            plugins,
            offers,
            settings,
            called: RefCell::default(),
        })
    }

    /// Every plugin: first those in the binary, then the operator's, each sorted by name or folder.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.plugins.iter().map(Plugin::info).collect()
    }

    /// The plugins that listen to a hook, by place.
    pub(crate) fn listeners(&self, hook: Hook) -> impl Iterator<Item = (usize, &Plugin)> {
        let all = self.plugins.iter().enumerate();
        all.filter(move |(_, plugin)| plugin.manifest.hooks.contains(&hook))
    }

    /// What holds the processes of plugins on this machine. One is started to see.
    ///
    /// # Errors
    /// One line: it could not be started.
    pub fn containment(&self) -> Result<Containment, String> {
        containment(&self.settings).map_err(|fault| fault.to_string())
    }

    /// Whether every plugin that was started could be, and runs still: whoever keeps a host for long begins
    /// anew otherwise, since one that could not be started is not tried again.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.plugins.iter().all(Plugin::is_well)
    }

    /// Until when a call of a hook that begins now must be answered.
    pub(crate) fn deadline(&self, hook: Hook) -> Deadline {
        Deadline::after(self.settings.limits.time(hook))
    }

    /// Notes that a plugin is called.
    pub(crate) fn note_call(&self, index: usize) {
        self.called.borrow_mut().insert(index);
    }

    /// The plugins that have been called since this was asked the last time.
    pub(crate) fn take_called(&self) -> PluginsUsed {
        let called = self.called.take();
        let plugins = called.into_iter().filter_map(|at| self.plugins.get(at));
        plugins.filter_map(Plugin::used).collect()
    }

    /// Calls a plugin.
    pub(crate) fn call(&self, index: usize, request: &Request) -> Result<Reply, Fault> {
        let deadline = self.deadline(request.hook());
        self.note_call(index);
        self.plugins[index].call(request, &deadline, &self.settings)
    }
}

impl Plugin {
    fn used(&self) -> Option<PluginUsed> {
        Some(PluginUsed {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest()?.to_owned(),
        })
    }

    pub(crate) fn info(&self) -> PluginInfo {
        let manifest = &self.manifest;
        let asked = &manifest.permissions;
        let run = asked.run.iter().map(|program| format!("run {program}"));
        let http = asked.http.iter().map(|host| format!("http {host}"));
        let mut permissions: Vec<String> = run.chain(http).collect();
        let flags = [
            (asked.smtp, "smtp"),
            (asked.store, "store"),
            (asked.folder, "folder"),
        ];
        permissions.extend(
            flags
                .iter()
                .filter(|flag| flag.0)
                .map(|flag| flag.1.to_owned()),
        );
        let tiers = manifest.tiers.keys();
        PluginInfo {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            summary: manifest.summary.clone(),
            source: self.source.to_string(),
            hooks: manifest.hooks.iter().map(ToString::to_string).collect(),
            services: manifest.addons.keys().cloned().collect(),
            tiers: tiers.map(|name| format!("{TIER_SERVICE}:{name}")).collect(),
            permissions,
        }
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.plugins.iter().map(|plugin| &plugin.manifest.name);
        f.debug_list().entries(names).finish()
    }
}
