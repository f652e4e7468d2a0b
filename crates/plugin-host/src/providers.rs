//! Makes, changes and destroys resources through plugins, and holds each answer against what the
//! manifest promised and was granted. It must not know how a plugin is called.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use slugline_core::addon::{Catalogue, PlanName};
use slugline_core::app::AppName;
use slugline_core::config::{ConfigKey, ConfigValue};
use slugline_core::port::{ChangePlanRequest, ProviderError, Providers, ProvisionRequest};
use slugline_core::release::PluginsUsed;
use slugline_core::resource::{Provision, Resource};
use slugline_core::suggest::nearest;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{self, Reply, Request, Secret};

use crate::convert;
use crate::host::PluginHost;
use crate::service::remove_folder;

/// A message to the person may have so many characters.
const MESSAGE: usize = 4000;

impl Providers for PluginHost {
    fn catalogue(&self) -> &Catalogue {
        &self.offers.catalogue
    }

    fn provision(&self, request: &ProvisionRequest<'_>) -> Result<Provision, ProviderError> {
        let folders = self.settings.folders.as_deref();
        let fresh = folders.filter(|folders| !folders.join(request.id.as_str()).exists());
        let made = self.resource(request.plan, &convert::provision(request));
        if let (Err(_), Some(folders)) = (&made, fresh) {
            // Why it failed is what people need to know.
            let _ = remove_folder(folders, request.id.as_str());
        }
        made
    }

    fn change_plan(&self, request: &ChangePlanRequest<'_>) -> Result<Provision, ProviderError> {
        self.resource(request.plan, &convert::change_plan(request))
    }

    fn called(&self) -> PluginsUsed {
        self.take_called()
    }

    fn deprovision(&self, app: &AppName, resource: &Resource) -> Result<(), ProviderError> {
        let request = convert::deprovision(app.as_str(), resource);
        let (index, _) = self.provider(&resource.plan, &request)?;
        let Some(folders) = &self.settings.folders else {
            return Ok(());
        };
        // The plugin that made it may have been granted a folder that it is not any more.
        remove_folder(folders, resource.id.as_str()).map_err(|cause| ProviderError::Broken {
            plugin: self.plugins[index].manifest.name.clone(),
            hook: request.hook().to_string(),
            cause,
        })
    }
}

impl PluginHost {
    /// Calls the provider of a plan, for an answer that is a resource.
    fn resource(&self, plan: &PlanName, request: &Request) -> Result<Provision, ProviderError> {
        let (index, reply) = self.provider(plan, request)?;
        let Reply::Provision(answer) = reply else {
            return Ok(Provision::default());
        };
        let manifest = &self.plugins[index].manifest;
        let broken = |cause: String| ProviderError::Broken {
            plugin: manifest.name.clone(),
            hook: request.hook().to_string(),
            cause,
        };
        if let Some(process) = &answer.process {
            check_process(process, manifest).map_err(broken)?;
            self.check_installed(&process[0], manifest)?;
        }
        Ok(Provision {
            config: promised(&answer, plan, manifest).map_err(broken)?,
            process: answer.process,
            port: answer.port,
            message: clean(&answer.message),
        })
    }

    /// Calls the provider of a plan.
    fn provider(
        &self,
        plan: &PlanName,
        request: &Request,
    ) -> Result<(usize, Reply), ProviderError> {
        let service = plan.service();
        let index = self.offers.services.get(service).copied();
        let index = index.ok_or_else(|| ProviderError::Gone(service.to_string()))?;
        let plugin = self.plugins[index].manifest.name.clone();
        match self.call(index, request) {
            Ok(Reply::Denied(reason)) => Err(ProviderError::Refused { plugin, reason }),
            Ok(reply) => Ok((index, reply)),
            Err(fault) => Err(ProviderError::Broken {
                plugin,
                hook: request.hook().to_string(),
                cause: fault.to_string(),
            }),
        }
    }

    /// A program that is not there is the operator's to install.
    fn check_installed(&self, program: &str, manifest: &Manifest) -> Result<(), ProviderError> {
        if is_on_path(program, &self.settings.path) {
            return Ok(());
        }
        Err(ProviderError::Refused {
            plugin: manifest.name.clone(),
            reason: format!(
                "{program} is not installed or not on the PATH; on Debian: \
                 apt-get install {program}"
            ),
        })
    }
}

/// Whether a program is in one of the folders of `path`, which is written as in `PATH`, and may be
/// run.
#[must_use]
pub fn is_on_path(program: &str, path: &str) -> bool {
    let runs = |folder: &str| {
        let file = Path::new(folder).join(program);
        let meta = file.metadata();
        meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    path.split(':')
        .filter(|folder| !folder.is_empty())
        .any(runs)
}

pub(crate) fn check_process(process: &[String], manifest: &Manifest) -> Result<(), String> {
    let Some(program) = process.first() else {
        return Err("process must be a list of strings, the program first".to_owned());
    };
    let granted = &manifest.permissions.run;
    if !granted.contains(program) {
        let shown: String = program
            .chars()
            .filter(|c| !c.is_control())
            .take(60)
            .collect();
        return Err(format!(
            "process[1]: {shown} is not listed under permissions.run in plugin.yaml"
        ));
    }
    match process.iter().position(|argument| argument.contains('\0')) {
        Some(place) => Err(format!("process[{}] holds a NUL byte", place + 1)),
        None => Ok(()),
    }
}

/// The config vars of an answer, each of them promised.
pub(crate) fn promised(
    answer: &message::Provision,
    plan: &PlanName,
    manifest: &Manifest,
) -> Result<BTreeMap<ConfigKey, ConfigValue>, String> {
    let service = plan.service().as_str();
    let listed = manifest.addons.get(service);
    let listed: &[String] = listed.map_or(&[], |service| &service.config);
    let mut vars = BTreeMap::new();
    for (name, Secret(value)) in &answer.config {
        if !listed.contains(name) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            let meant = nearest(name, listed.iter().map(String::as_str));
            let hint = meant.map_or_else(String::new, |it| format!("; did you mean {it}?"));
            return Err(format!(
                "config.{shown} is not listed under addons.{service}.config in plugin.yaml{hint}"
            ));
        }
        let key = ConfigKey::new(name).map_err(|error| error.to_string())?;
        let value = ConfigValue::new(&key, value.clone()).map_err(|error| error.to_string())?;
        vars.insert(key, value);
    }
    Ok(vars)
}

/// The message as a terminal may show it.
fn clean(message: &str) -> String {
    let visible = |c: &char| *c == '\n' || !c.is_control();
    let text: String = message.chars().filter(visible).take(MESSAGE).collect();
    text.trim_end().to_owned()
}
