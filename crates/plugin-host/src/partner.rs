//! Add-ons of Heroku's partners: the entry of the plugin is the vendor's own add-on manifest, and its
//! service is called by the partner API, version 1 or 3. Nothing of the vendor's runs here, so that
//! no process is needed. It must not know a ledger or a terminal.
//!
//! A vendor that answers 202 is waited for, for longer than the 30 s of any other call of a provider:
//! as long as its grant lives, or as the operator says.

mod desk;
mod draft;
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod listener;
mod manifest;
mod message;
mod operator;
mod provision;
mod record;

use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{
    ChangePlanRequest, DeprovisionRequest, Provision, ProvisionRequest, Reply, Request,
};

use crate::fault::Fault;
use crate::process::Deadline;
use crate::service::StoreError;
use crate::settings::Settings;
use crate::source::Source;

use exchange::{Answer, Ask, Failed, Vendor};
use manifest::{AddonManifest, Base, Wrong};
use operator::Operator;
use record::{Known, Records};

pub use draft::{DraftError, draft};

/// How the name of such an entry ends.
const ENDS: &str = ".json";
/// An add-on manifest may have so many bytes.
const MOST: usize = 64 << 10;
/// All options of an add-on together may have so many bytes.
const OPTIONS: usize = 16 << 10;

/// Whether an entry is a vendor's add-on manifest.
pub(crate) fn is_entry(entry: &str) -> bool {
    entry.ends_with(ENDS)
}

/// A vendor, ready to be asked.
pub(crate) struct Partner<'a> {
    plugin: &'a Manifest,
    settings: &'a Settings,
    manifest: AddonManifest,
    operator: Operator,
    base: Base,
}

impl<'a> Partner<'a> {
    /// Reads the vendor's manifest and the operator's settings, and holds them against the
    /// plugin's manifest. Nobody is asked.
    pub(crate) fn of(
        plugin: &'a Manifest,
        source: &Source,
        settings: &'a Settings,
    ) -> Result<Self, Fault> {
        let entry = &plugin.entry;
        let text = source.read(entry, MOST);
        let text = text.map_err(|why| Fault::Unreadable(format!("cannot read {entry}: {why}")))?;
        let manifest = AddonManifest::read(&text)
            .map_err(|Wrong { line, what }| Fault::Said(format!("{entry}:{line}: {what}")))?;
        let operator = Operator::of(source.settings()?.own).map_err(Fault::Said)?;
        agrees(plugin, &manifest).map_err(Fault::Said)?;
        let test = operator.test || settings.partner.test;
        let base = match (test, &manifest.test) {
            (false, _) => manifest.production.clone(),
            (true, Some(test)) => test.clone(),
            (true, None) => {
                let what = format!("{entry} has no api.test, which is where it is tested");
                return Err(Fault::Said(what));
            }
        };
        Ok(Self {
            plugin,
            settings,
            manifest,
            operator,
            base,
        })
    }

    /// Asks the vendor for what the engine wants.
    pub(crate) fn call(&self, request: &Request, deadline: &Deadline) -> Result<Reply, Fault> {
        let called = match request {
            Request::Provision(it) => self.provision(it, deadline),
            Request::ChangePlan(it) => self.change_plan(it, deadline),
            Request::Deprovision(it) => self.deprovision(it, deadline),
            other => {
                let hook = other.hook();
                return Err(Fault::Said(format!("a partner's add-on has no {hook}")));
            }
        };
        called.map_err(Fault::Said)
    }

    /// For the suite: provisions, and then knows no more of it than if the command had been killed
    /// when the answer came.
    pub(crate) fn lose(&self, request: &Request, deadline: &Deadline) -> Result<(), Fault> {
        self.call(request, deadline)?;
        let lost = match request {
            Request::Provision(it) => self.records().and_then(|all| Ok(all.asked(&it.id)?)),
            _ => Ok(()),
        };
        lost.map_err(|why| Fault::Said(why.0))
    }

    /// For the suite: whether the vendor refuses whoever does not know its password.
    pub(crate) fn refuses_strangers(&self, it: &ProvisionRequest) -> Result<(), String> {
        let say = |_: &str| {};
        let vendor = self.vendor(&say, true);
        let told = message::Told {
            callback_url: "http://127.0.0.1:1",
            region: &self.operator.region,
            code: "",
            expires_at: "",
        };
        let body = message::provision(self.manifest.version, it, &told);
        let ask = Ask {
            method: "POST",
            of: None,
            body: Some(&body),
        };
        let deadline = Deadline::after(self.settings.limits.call);
        match vendor.ask(ask, &deadline) {
            Err(Failed { stranger: true, .. }) => Ok(()),
            Err(Failed { what, .. }) => Err(format!("401 was expected: {what}")),
            Ok(_) => Err("it took a wrong password".to_owned()),
        }
    }

    fn vendor<'b>(&'b self, say: &'b dyn Fn(&str), impostor: bool) -> Vendor<'b> {
        Vendor {
            base: &self.base,
            manifest: &self.manifest,
            times: &self.settings.partner,
            impostor,
            say,
        }
    }

    fn say(&self, line: &str) {
        (self.settings.log)(&self.plugin.name, line);
    }

    fn records(&self) -> Result<Records<'_>, Text> {
        let store = self.settings.store.as_deref();
        Ok(Records {
            store: store.ok_or(Text("there is no store here".to_owned()))?,
            plugin: &self.plugin.name,
        })
    }

    fn change_plan(&self, it: &ChangePlanRequest, deadline: &Deadline) -> Result<Reply, String> {
        let known = self.records().and_then(|all| Ok(all.of(&it.id)?));
        let Known::Made(id) = known.map_err(|why| why.0)? else {
            return Err("its id at the vendor's is not known any more".to_owned());
        };
        let body = message::change(self.manifest.version, it);
        let ask = Ask {
            method: "PUT",
            of: Some(&id),
            body: Some(&body),
        };
        let say = |line: &str| self.say(line);
        match self.vendor(&say, false).ask(ask, deadline) {
            Ok(Answer::Done { json, .. }) => {
                let mut config = it.config.clone();
                config.extend(self.config(&json)?);
                Ok(Reply::Provision(Provision {
                    config,
                    message: words(&json),
                    ..Provision::default()
                }))
            }
            Ok(Answer::Refused(why)) => Ok(Reply::Denied(why)),
            Ok(Answer::Unknown(status)) => Err(format!(
                "{} answered {status}: it has no such resource any more",
                self.base.host
            )),
            Err(failed) => Err(failed.what),
        }
    }

    fn deprovision(&self, it: &DeprovisionRequest, deadline: &Deadline) -> Result<Reply, String> {
        let records = self.records().map_err(|why| why.0)?;
        let id = match records.of(&it.id).map_err(|why| why.to_string())? {
            Known::Nothing => return Ok(Reply::Done),
            Known::Made(id) => id,
            Known::Asked => match self.id_again(it, deadline)? {
                Some(id) => id,
                None => {
                    records.forget(&it.id).map_err(|why| why.to_string())?;
                    return Ok(Reply::Done);
                }
            },
        };
        self.destroy(&id, deadline)?;
        records.forget(&it.id).map_err(|why| why.to_string())?;
        Ok(Reply::Done)
    }

    /// The vendor's id of a resource whose answer never came: asked again for the same, it answers
    /// the same. None where it refuses, for then there is none.
    fn id_again(
        &self,
        it: &DeprovisionRequest,
        deadline: &Deadline,
    ) -> Result<Option<String>, String> {
        let wanted = ProvisionRequest {
            app: it.app.clone(),
            id: it.id.clone(),
            service: it.service.clone(),
            plan: it.plan.clone(),
            options: it.options.clone(),
            key: it.key.clone(),
            port: None,
            taken_ports: Vec::new(),
        };
        let say = |line: &str| self.say(line);
        let told = message::Told {
            callback_url: "http://127.0.0.1:1",
            region: &self.operator.region,
            code: "over",
            expires_at: "1970-01-01T00:00:00Z",
        };
        let body = message::provision(self.manifest.version, &wanted, &told);
        let ask = Ask {
            method: "POST",
            of: None,
            body: Some(&body),
        };
        match self.vendor(&say, false).ask(ask, deadline) {
            Ok(Answer::Done { json, .. }) => Ok(message::id(&json)),
            Ok(Answer::Refused(_) | Answer::Unknown(_)) => Ok(None),
            Err(failed) => Err(failed.what),
        }
    }

    /// Destroys a resource; one that the vendor does not know is gone.
    fn destroy(&self, id: &str, deadline: &Deadline) -> Result<(), String> {
        let say = |line: &str| self.say(line);
        let ask = Ask {
            method: "DELETE",
            of: Some(id),
            body: None,
        };
        match self.vendor(&say, false).ask(ask, deadline) {
            Ok(Answer::Done { .. } | Answer::Unknown(410)) => Ok(()),
            Ok(Answer::Unknown(status)) => {
                let host = &self.base.host;
                self.say(&format!(
                    "{host} answered {status}: it has no such resource any more"
                ));
                Ok(())
            }
            Ok(Answer::Refused(why)) => Err(format!("it refused to remove it: {why}")),
            Err(failed) => Err(failed.what),
        }
    }

    /// The config vars of an answer, each of them promised.
    fn config(&self, json: &serde_json::Value) -> Result<Vars, String> {
        let config = &json["config"];
        if config.is_null() {
            return Ok(Vars::new());
        }
        let vars = desk::vars(config).ok_or("its config is no map of texts")?;
        let unpromised = vars
            .keys()
            .find(|key| !self.manifest.config_vars.contains(key));
        match unpromised {
            None => Ok(vars),
            Some(key) => {
                let key = crate::words::one_line(key);
                Err(format!(
                    "config.{key} is not listed in {}",
                    self.plugin.entry
                ))
            }
        }
    }
}

type Vars = std::collections::BTreeMap<String, slugline_plugin_api::message::Secret>;

/// Why the records cannot be used.
struct Text(String);

impl From<StoreError> for Text {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// What a person should know.
fn words(json: &serde_json::Value) -> String {
    json["message"].as_str().unwrap_or_default().to_owned()
}

/// Whether `plugin.yaml` says of the add-on what its vendor's manifest does.
fn agrees(plugin: &Manifest, vendor: &AddonManifest) -> Result<(), String> {
    let entry = &plugin.entry;
    let mut services = plugin.addons.iter();
    let (Some((name, service)), None) = (services.next(), services.next()) else {
        return Err(format!("with {entry}, a plugin provides one add-on"));
    };
    if let Some(hook) = plugin.hooks.first() {
        return Err(format!("with {entry}, a plugin cannot listen to {hook}"));
    }
    if let Some(tier) = plugin.tiers.keys().next() {
        return Err(format!(
            "with {entry}, a plugin cannot back the tier {tier}"
        ));
    }
    let asked = &plugin.permissions;
    if !asked.run.is_empty() || asked.smtp || asked.store || asked.folder {
        return Err(format!("with {entry}, only permissions.http are of use"));
    }
    let listed = |name: &String| service.config.contains(name);
    let of_vendor = |name: &&String| !vendor.config_vars.contains(name);
    if let Some(missing) = vendor.config_vars.iter().find(|name| !listed(name)) {
        return Err(format!(
            "{name} does not promise {missing}, which {entry} does: list it under \
             addons.{name}.config"
        ));
    }
    if let Some(more) = service.config.iter().find(of_vendor) {
        return Err(format!("{name} promises {more}, which {entry} does not"));
    }
    if !crate::service::permits(&asked.http, &vendor.production.host, vendor.production.port) {
        let Base { host, port, .. } = &vendor.production;
        return Err(format!(
            "{host}:{port} is not granted under permissions.http in plugin.yaml"
        ));
    }
    Ok(())
}
