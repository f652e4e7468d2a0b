//! What the suite tells a plugin: a request for every hook, made up, with the options of the
//! vendor's `test.yaml`. It must not know what a plugin answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::message::{
    ChangePlanRequest, DeprovisionRequest, InstalledAddon, Provision, ProvisionRequest, Request,
};

use super::finding::Finding;
use super::sink::Sinks;
use super::{SAMPLES, session};

/// The resource of every sample.
pub(super) const ID: &str = "5107a1e0c0ffee005107a1e0c0ffee00";
const APP: &str = "sample-app";
/// What stands for the suite's own web server in an option.
const RECEIVER: &str = "$RECEIVER";

/// Sample options by plan (`deployhooks:http`).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Samples {
    #[serde(default)]
    options: BTreeMap<String, BTreeMap<String, String>>,
}

impl Samples {
    /// Those of the folder; none where there is no such file.
    pub(super) fn read(folder: &Path, sinks: &Sinks) -> Result<Self, Finding> {
        let text = match std::fs::read_to_string(folder.join(SAMPLES)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            other => other.map_err(|error| Finding::of_file(folder, SAMPLES, &error))?,
        };
        let mut samples: Self = serde_yaml::from_str(&text)
            .map_err(|error| Finding::of_file(folder, SAMPLES, &error))?;
        for value in samples.options.values_mut().flat_map(BTreeMap::values_mut) {
            *value = value.replace(RECEIVER, &sinks.http);
        }
        Ok(samples)
    }

    /// The options of a plan.
    pub(super) fn of(&self, service: &str, plan: &str) -> BTreeMap<String, String> {
        let named = self.options.get(&format!("{service}:{plan}"));
        named.cloned().unwrap_or_default()
    }
}

pub(super) fn provision(
    service: &str,
    plan: &str,
    options: BTreeMap<String, String>,
) -> ProvisionRequest {
    ProvisionRequest {
        app: APP.to_owned(),
        id: ID.to_owned(),
        service: service.to_owned(),
        plan: plan.to_owned(),
        options,
        key: ID.to_owned(),
        port: None,
        taken_ports: Vec::new(),
    }
}

/// A change of the plan of what was made.
pub(super) fn change(made: &ProvisionRequest, answer: &Provision, plan: &str) -> Request {
    Request::ChangePlan(ChangePlanRequest {
        app: made.app.clone(),
        id: made.id.clone(),
        service: made.service.clone(),
        plan: plan.to_owned(),
        before: made.plan.clone(),
        options: made.options.clone(),
        key: format!("{}:{plan}", made.id),
        config: answer.config.clone(),
        port: answer.port,
        taken_ports: Vec::new(),
    })
}

/// The end of what was made.
pub(super) fn deprovision(made: &ProvisionRequest, answer: &Provision) -> Request {
    Request::Deprovision(DeprovisionRequest {
        app: made.app.clone(),
        id: made.id.clone(),
        service: made.service.clone(),
        plan: made.plan.clone(),
        options: made.options.clone(),
        key: made.id.clone(),
        config: answer.config.clone(),
        port: answer.port,
    })
}

/// The sample of a hook, for a plugin whose add-on the app has, if the plugin has one.
pub(super) fn event(hook: Hook, addon: Option<InstalledAddon>) -> Request {
    let mut request = slugline_plugin_api::example::request(hook);
    match &mut request {
        Request::ReleaseCreated(it) => it.addon = addon,
        Request::ReleaseFailed(it) => it.addon = addon,
        Request::AddonChanged(it) => it.addon = addon,
        Request::ReleaseWatch(it) => it.addon = addon,
        _ => {}
    }
    request
}

/// The sample of a hook, with some of its fields replaced, as a vendor's test says them.
pub(super) fn with_fields(
    session: &session::Session,
    hook: Hook,
    fields: serde_json::Value,
) -> Result<Request, String> {
    let mut whole =
        serde_json::to_value(session.sample(hook)).map_err(|error| error.to_string())?;
    if let (Some(request), serde_json::Value::Object(fields)) =
        (whole["request"].as_object_mut(), fields)
    {
        for (name, value) in fields {
            let list = request.get(&name).is_some_and(serde_json::Value::is_array);
            let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
            // An empty table may be either; the sample knows.
            let value = if list && empty {
                serde_json::json!([])
            } else {
                value
            };
            request.insert(name, value);
        }
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}
