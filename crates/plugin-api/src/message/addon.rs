//! The messages to and from add-on providers. Config values are in them, and nowhere else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The value of a config var. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A resource that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionRequest {
    /// The app that it is for.
    pub app: String,
    /// The resource: 32 hexadecimal digits, for ever.
    pub id: String,
    /// The service, such as `memcache`.
    pub service: String,
    /// The part of the plan after the colon, such as `free`.
    pub plan: String,
    /// What the person said (`--url=…`), by name.
    pub options: BTreeMap<String, String>,
    /// The idempotency key: a call that is repeated with it makes one resource.
    pub key: String,
    /// The port that the resource has already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Ports that other resources hold; `slugline.port` avoids them.
    pub taken_ports: Vec<u16>,
}

/// A resource that is to move to another plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePlanRequest {
    /// The app.
    pub app: String,
    /// The resource.
    pub id: String,
    /// The service.
    pub service: String,
    /// The part of the new plan after the colon.
    pub plan: String,
    /// The part of the present plan after the colon.
    pub before: String,
    /// What the person said when it was added.
    pub options: BTreeMap<String, String>,
    /// The idempotency key: the resource with the plan.
    pub key: String,
    /// The config vars that it lends now.
    pub config: BTreeMap<String, Secret>,
    /// The port that the resource has; `slugline.port` answers it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Ports that other resources hold; `slugline.port` avoids them.
    pub taken_ports: Vec<u16>,
}

/// A resource that is to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeprovisionRequest {
    /// The app.
    pub app: String,
    /// The resource.
    pub id: String,
    /// The service.
    pub service: String,
    /// The part of its plan after the colon.
    pub plan: String,
    /// What the person said when it was added.
    pub options: BTreeMap<String, String>,
    /// The idempotency key: the resource.
    pub key: String,
    /// The config vars that it lends.
    pub config: BTreeMap<String, Secret>,
    /// The port that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A resource as its provider answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// The config vars that it lends, each promised in the manifest.
    #[serde(default)]
    pub config: BTreeMap<String, Secret>,
    /// The server to run for it: program and arguments. The program is listed under
    /// `permissions.run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Vec<String>>,
    /// The port that `slugline.port` reserved; filled in by the host of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What the person should know now; may have several lines.
    #[serde(default)]
    pub message: String,
}
