//! Asks and tells plugins for the engine: who is concerned, and what a failure means. It must not
//! know how a plugin is called.

use slugline_core::addon::PlanName;
use slugline_core::port::{
    Announcement, Answers, HistoryEntry, InstalledAddon, Keep, Objection, Opinions, Policies,
    PolicyError, Proposal, RollbackRequest, Watching,
};
use slugline_core::release::{PluginsUsed, Version};
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{KeepRequest, Reply, Request, TierRollback};

use crate::convert;
use crate::fault::Fault;
use crate::host::PluginHost;

impl Policies for PluginHost {
    fn check(&self, proposal: &Proposal<'_>) -> Answers {
        let mut answers = Answers::default();
        for request in convert::checks(proposal) {
            let hook = request.hook();
            for (index, plugin) in self.listeners(hook) {
                let name = plugin.manifest.name.clone();
                match self.call(index, &request) {
                    Err(fault) if plugin.may_fail(&fault) => answers.failures.push(PolicyError {
                        plugin: name,
                        hook: hook.to_string(),
                        cause: fault.to_string(),
                    }),
                    answer => answers.objections.extend(objection(&name, hook, answer)),
                }
            }
        }
        answers
    }

    fn keep(
        &self,
        tier: &PlanName,
        history: &mut dyn FnMut() -> Vec<HistoryEntry>,
    ) -> Result<Keep, PolicyError> {
        let failed = |plugin: &str, fault: &dyn std::fmt::Display| PolicyError {
            plugin: plugin.to_owned(),
            hook: Hook::TierKeep.to_string(),
            cause: fault.to_string(),
        };
        let index = self.backer(tier).map_err(|gone| failed(&gone.0, &gone.1))?;
        let plugin = &self.plugins[index].manifest.name;
        let deadline = self.deadline(Hook::TierKeep);
        self.note_call(index);
        let keeps = self.plugins[index].keeps(tier.plan(), &deadline, &self.settings);
        if !keeps.map_err(|fault| failed(plugin, &fault))? {
            return Ok(Keep::All);
        }
        let request = Request::Keep(KeepRequest {
            tier: tier.plan().to_owned(),
            history: history().iter().map(convert::entry).collect(),
        });
        match self.call(index, &request) {
            Ok(Reply::Kept(kept)) => {
                let versions = kept.versions.into_iter().map(Version::new);
                Ok(Keep::Only(versions.collect()))
            }
            Ok(_) => Ok(Keep::All),
            Err(fault) => Err(failed(plugin, &fault)),
        }
    }

    fn may_rollback(&self, tier: &PlanName, request: &RollbackRequest) -> Result<(), Objection> {
        let index = self.backer(tier).map_err(|(plugin, cause)| Objection {
            plugin,
            reason: cause,
        })?;
        let plugin = &self.plugins[index].manifest.name;
        let request = Request::Rollback(TierRollback {
            tier: tier.plan().to_owned(),
            target: convert::entry(&request.target),
            current: convert::entry(&request.current),
            steps: request.steps,
        });
        let answer = self.call(index, &request);
        objection(plugin, request.hook(), answer).map_or(Ok(()), Err)
    }

    fn watch(&self, watching: &Watching<'_>) -> Opinions {
        let hook = Hook::ReleaseWatch;
        let mut opinions = Opinions::default();
        for (index, plugin) in self.listeners(hook) {
            let name = &plugin.manifest.name;
            if watching.seen.content.contains(name) {
                continue;
            }
            // With several add-ons, it is good where each of them is.
            let mut asked = 0;
            let mut good = 0;
            for addon in concerned(&plugin.manifest, watching.addons) {
                asked += 1;
                let request = convert::watch(watching, addon.map(convert::addon));
                match self.call(index, &request) {
                    Ok(Reply::Good) => good += 1,
                    Ok(Reply::Denied(reason)) => opinions.bad.push(Objection {
                        plugin: name.clone(),
                        reason,
                    }),
                    Ok(_) => {}
                    Err(fault) => opinions.failures.push(PolicyError {
                        plugin: name.clone(),
                        hook: hook.to_string(),
                        cause: fault.to_string(),
                    }),
                }
            }
            if good == asked {
                opinions.good.push(name.clone());
            }
        }
        opinions
    }

    fn called(&self) -> PluginsUsed {
        self.take_called()
    }

    fn announce(&self, announcement: &Announcement<'_>) -> Result<(), PolicyError> {
        let app = announcement.app.as_str();
        let message = |addon| convert::event(app, announcement.event, addon);
        let Some(hook) = message(None).map(|request| request.hook()) else {
            return Ok(());
        };
        let mut first = Ok(());
        for (index, plugin) in self.listeners(hook) {
            for addon in concerned(&plugin.manifest, announcement.addons) {
                let Some(request) = message(addon.map(convert::addon)) else {
                    continue;
                };
                let told = self.call(index, &request).map(|_| ());
                let told = told.map_err(|fault| PolicyError {
                    plugin: plugin.manifest.name.clone(),
                    hook: hook.to_string(),
                    cause: fault.to_string(),
                });
                first = first.and(told);
            }
        }
        first
    }
}

/// For whom a plugin is told of an event: once for each of its own add-ons that the app has, or
/// once and for all where it provides none.
fn concerned<'a>(
    manifest: &Manifest,
    installed: &'a [InstalledAddon],
) -> Vec<Option<&'a InstalledAddon>> {
    if manifest.addons.is_empty() && manifest.tiers.is_empty() {
        return vec![None];
    }
    let own = |addon: &&InstalledAddon| {
        let service = addon.plan.service();
        if service.is_tier() {
            manifest.tiers.contains_key(addon.plan.plan())
        } else {
            manifest.addons.contains_key(service.as_str())
        }
    };
    installed.iter().filter(own).map(Some).collect()
}

impl PluginHost {
    /// The plugin that backs a tier; otherwise whom to name, and why there is none.
    fn backer(&self, tier: &PlanName) -> Result<usize, (String, String)> {
        let found = self.offers.tiers.get(tier.plan()).copied();
        let gone = || format!("no plugin backs the tier {tier} any more; install it again");
        found.ok_or_else(|| (tier.service().to_string(), gone()))
    }
}

/// What a plugin that may forbid objects; its failure forbids too.
fn objection(plugin: &str, hook: Hook, answer: Result<Reply, Fault>) -> Option<Objection> {
    let reason = match answer {
        Ok(Reply::Denied(reason)) => reason,
        Ok(_) => return None,
        Err(fault) => format!("the plugin {plugin} failed in {hook}: {fault}"),
    };
    let plugin = plugin.to_owned();
    Some(Objection { plugin, reason })
}
