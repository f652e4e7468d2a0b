//! The plugin under test, and how it is called: with every check that the engine's own calls make.
//! It must not know what is tested.

use std::path::Path;
use std::rc::Rc;

use slugline_core::addon::PlanName;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{Provision, Reply, Request};
use tempfile::TempDir;

use crate::host::PluginHost;
use crate::partner::Partner;
use crate::providers::{check_process, is_on_path, promised};
use crate::service::MemoryStore;
use crate::settings::{PartnerSettings, Settings, SmtpSettings};

use super::SAMPLES;
use super::finding::Finding;
use super::sample::{self, Samples};
use super::sink::Sinks;

/// More questions than these are not each a point at which a plugin is killed.
const POINTS: usize = 20;

/// A plugin, alone in a host.
pub(super) struct Session {
    host: PluginHost,
    pub(super) samples: Samples,
    /// Where its resources have their folders, until the session ends.
    _folders: TempDir,
}

impl Session {
    pub(super) fn new(
        folder: &Path,
        settings: &Settings,
        sinks: &Sinks,
        samples: Samples,
    ) -> Result<Self, Finding> {
        let folders = tempfile::tempdir();
        let folders = folders.map_err(|error| Finding::of_file(folder, SAMPLES, &error))?;
        let settings = Settings {
            folders: Some(folders.path().to_owned()),
            smtp: SmtpSettings::from_url(&sinks.smtp, "slugline@localhost").ok(),
            store: Some(Rc::new(MemoryStore::default())),
            partner: PartnerSettings {
                test: true,
                ..settings.partner
            },
            ..settings.clone()
        };
        let host = PluginHost::of_folder(folder, settings);
        let host = host.map_err(|error| Finding::of_host(error, folder))?;
        Ok(Self {
            host,
            samples,
            _folders: folders,
        })
    }

    pub(super) fn manifest(&self) -> &Rc<Manifest> {
        &self.host.plugins[0].manifest
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.host.settings
    }

    /// Calls it; the answer is one that the engine would take.
    pub(super) fn ask(&self, request: &Request) -> Result<Reply, String> {
        let reply = self
            .host
            .call(0, request)
            .map_err(|fault| fault.to_string())?;
        let (service, plan) = match request {
            Request::Provision(it) => (&it.service, &it.plan),
            Request::ChangePlan(it) => (&it.service, &it.plan),
            _ => return Ok(reply),
        };
        let Reply::Provision(answer) = reply else {
            return Ok(match reply {
                Reply::Done => Reply::Provision(Provision::default()),
                other => other,
            });
        };
        let named: PlanName = format!("{service}:{plan}")
            .parse()
            .map_err(|error| format!("{error}"))?;
        promised(&answer, &named, self.manifest())?;
        if let Some(process) = &answer.process {
            check_process(process, self.manifest())?;
        }
        Ok(Reply::Provision(answer))
    }

    /// Calls it for a resource.
    pub(super) fn resource(&self, request: &Request) -> Result<Provision, String> {
        match self.ask(request)? {
            Reply::Provision(answer) => Ok(answer),
            Reply::Denied(why) => Err(format!(
                "it refused: {why} (options that it needs go into {})",
                super::SAMPLES
            )),
            _ => Err("it did not answer with a resource".to_owned()),
        }
    }

    /// Kills it at every point of a call, one after the other: each time it asks for something, and
    /// at last when it replies. Answers how often it was killed.
    pub(super) fn kill_at_every_point(&self, request: &Request) -> Result<usize, String> {
        let plugin = &self.host.plugins[0];
        for point in 0..POINTS {
            let deadline = self.host.deadline(request.hook());
            let killed = plugin.kill_during(request, point, &deadline, &self.host.settings);
            if killed.map_err(|fault| fault.to_string())? == crate::plugin::Killed::Replying {
                return Ok(point + 1);
            }
        }
        Ok(POINTS)
    }

    /// The vendor's service, if that is what the plugin is.
    pub(super) fn partner(&self) -> Option<Result<Partner<'_>, String>> {
        let partner = self.host.plugins[0].partner(&self.host.settings)?;
        Some(partner.map_err(|fault| fault.to_string()))
    }

    /// Whether a program is there to be started.
    pub(super) fn is_installed(&self, program: &str) -> bool {
        is_on_path(program, &self.settings().path)
    }

    /// A request of this hook that suits the plugin: about its own first add-on or tier.
    pub(super) fn sample(&self, hook: Hook) -> Request {
        let mut request = sample::event(hook, None);
        let manifest = self.manifest();
        let service = manifest.addons.iter().next();
        let plan =
            service.and_then(|(_, it)| it.default.clone().or(it.plans.keys().next().cloned()));
        let (name, plan) = (service.map(|it| it.0.clone()), plan.unwrap_or_default());
        let tier = manifest.tiers.keys().next().cloned().unwrap_or_default();
        let name = name.unwrap_or_default();
        let options = self.samples.of(&name, &plan);
        let made = sample::provision(&name, &plan, options);
        match &mut request {
            Request::Provision(it) => *it = made,
            Request::ChangePlan(_) => request = sample::change(&made, &Provision::default(), &plan),
            Request::Deprovision(_) => request = sample::deprovision(&made, &Provision::default()),
            Request::Keep(it) => it.tier = tier,
            Request::Rollback(it) => it.tier = tier,
            _ => {}
        }
        request
    }
}
