//! Add-ons, their services and plans, and how they are attached. What Heroku calls expansion is in every
//! answer. It must not know how one is found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slugline_core::addon::{PlanSpec, ServiceName, ServiceSpec};
use slugline_core::config::{ConfigKey, ConfigValue};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppRef, time};
use crate::had::Had;
use crate::ids;

/// The id of a service.
pub(crate) fn service_id(service: &str) -> Uuid {
    ids::of("addon-service", service)
}

/// The id of a plan.
pub(crate) fn plan_id(plan: &str) -> Uuid {
    ids::of("plan", plan)
}

/// What a plan costs a month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    #[schema(example = 2000)]
    cents: u64,
    contract: bool,
    metered: bool,
    #[schema(example = "month")]
    unit: &'static str,
}

impl From<slugline_core::price::Price> for Price {
    fn from(price: slugline_core::price::Price) -> Self {
        Self {
            cents: price.cents(),
            contract: false,
            metered: false,
            unit: "month",
        }
    }
}

/// A service that add-ons are plans of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddonService {
    id: Uuid,
    #[schema(example = "memcache")]
    name: String,
    /// What it is, in one line.
    human_name: String,
    /// `ga`: there is no other.
    state: &'static str,
    supports_multiple_installations: bool,
    supports_sharing: bool,
    cli_plugin_name: Option<String>,
    /// The config vars that it may lend.
    config_vars: Vec<String>,
}

impl AddonService {
    pub(crate) fn new(name: &ServiceName, spec: &ServiceSpec) -> Self {
        Self {
            id: service_id(name.as_str()),
            name: name.to_string(),
            human_name: said(&spec.summary, name.as_str()),
            state: "ga",
            supports_multiple_installations: false,
            supports_sharing: false,
            cli_plugin_name: None,
            config_vars: spec.config.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => self.name.clone(),
        }
    }
}

fn said(summary: &str, else_this: &str) -> String {
    match summary {
        "" => else_this.to_owned(),
        said => said.to_owned(),
    }
}

/// A service, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceRef {
    id: Uuid,
    #[schema(example = "memcache")]
    name: String,
}

impl From<&ServiceName> for ServiceRef {
    fn from(service: &ServiceName) -> Self {
        Self {
            id: service_id(service.as_str()),
            name: service.to_string(),
        }
    }
}

/// A plan of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    id: Uuid,
    #[schema(example = "memcache:free")]
    name: String,
    /// What it is, in one line.
    human_name: String,
    description: String,
    addon_service: ServiceRef,
    /// Whether it is taken where only the service is named.
    default: bool,
    price: Price,
    state: &'static str,
    visible: bool,
}

impl Plan {
    pub(crate) fn all(service: &ServiceName, spec: &ServiceSpec) -> Vec<Self> {
        let one = |(plan, entry): (&String, &PlanSpec)| {
            let name = format!("{service}:{plan}");
            Self {
                id: plan_id(&name),
                human_name: said(&entry.summary, plan),
                description: entry.summary.clone(),
                addon_service: service.into(),
                default: spec.default.as_ref() == Some(plan),
                price: entry.price.into(),
                state: "ga",
                visible: true,
                name,
            }
        };
        spec.plans.iter().map(one).collect()
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => self.name.clone(),
        }
    }

    /// Whether these words mean it; within its service, `free` is enough.
    pub(crate) fn is_meant(&self, words: &str, within: bool) -> bool {
        let short = self.name.split_once(':').map(|(_, plan)| plan);
        self.name == words
            || (within && short == Some(words))
            || words.parse::<Uuid>() == Ok(self.id)
    }
}

/// The plan of an add-on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanRef {
    id: Uuid,
    #[schema(example = "memcache:free")]
    name: String,
    /// As agreed when the plan was taken.
    price: Price,
}

/// What is billed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Billed {
    #[schema(example = 2000)]
    cents: u64,
    contract: bool,
    unit: &'static str,
}

/// Who is billed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entity {
    id: Uuid,
    name: String,
    r#type: &'static str,
}

/// An add-on of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Addon {
    id: Uuid,
    /// The service, and the first digits of the id.
    #[schema(example = "memcache-0f3a9c21")]
    name: String,
    actions: Vec<String>,
    addon_service: ServiceRef,
    plan: PlanRef,
    app: AppRef,
    billed_price: Billed,
    billing_entity: Entity,
    /// The config vars that it lends.
    config_vars: Vec<String>,
    /// The id of what its provider made.
    provider_id: Option<String>,
    /// What its provider says now.
    provision_message: Option<String>,
    /// `provisioned`, or `deprovisioned` where it has just been removed.
    state: &'static str,
    web_url: Option<String>,
    /// Since when it is on its plan.
    created_at: String,
    updated_at: String,
}

impl Addon {
    /// Its price as text, such as `$20/mo`, and what its provider says.
    pub(crate) fn told(&self) -> (String, Option<&str>) {
        let price = slugline_core::price::Price::from_cents(self.plan.price.cents);
        (price.to_string(), self.provision_message.as_deref())
    }

    pub(crate) fn new(had: &Had) -> Self {
        let (at, app) = (time(had.since), &had.app);
        let resource = had.resource.as_ref();
        let keys = resource.map(|resource| resource.config.keys());
        let plan = had.addon.plan.to_string();
        Self {
            id: had.id(),
            name: had.name(),
            actions: Vec::new(),
            addon_service: had.service().into(),
            plan: PlanRef {
                id: plan_id(&plan),
                name: plan,
                price: had.addon.price.into(),
            },
            app: app.into(),
            billed_price: Billed {
                cents: had.addon.price.cents(),
                contract: false,
                unit: "month",
            },
            billing_entity: Entity {
                id: ids::app(app),
                name: app.name.to_string(),
                r#type: "app",
            },
            config_vars: keys
                .into_iter()
                .flatten()
                .map(ToString::to_string)
                .collect(),
            provider_id: had.addon.resource.as_ref().map(ToString::to_string),
            provision_message: None,
            state: "provisioned",
            web_url: None,
            created_at: at.clone(),
            updated_at: at,
        }
    }

    /// The same, with what its provider says.
    pub(crate) fn saying(mut self, messages: &[String]) -> Self {
        self.provision_message = (!messages.is_empty()).then(|| messages.join("\n"));
        self
    }

    /// The same, gone.
    pub(crate) fn gone(mut self) -> Self {
        self.state = "deprovisioned";
        self
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => self.name.clone(),
        }
    }
}

/// An add-on, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddonRef {
    id: Uuid,
    #[schema(example = "memcache-0f3a9c21")]
    name: String,
    app: AppRef,
    plan: PlanRef,
}

/// How an add-on is attached to the app that it belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attachment {
    id: Uuid,
    #[schema(example = "MEMCACHE")]
    name: String,
    addon: AddonRef,
    app: AppRef,
    /// The config vars that it lends.
    config_vars: Vec<String>,
    namespace: Option<String>,
    web_url: Option<String>,
    log_input_url: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<&Had> for Attachment {
    fn from(had: &Had) -> Self {
        let of = Addon::new(had);
        Self {
            id: had.attachment_id(),
            name: had.attached_as(),
            addon: AddonRef {
                id: of.id,
                name: of.name,
                app: (&had.app).into(),
                plan: of.plan,
            },
            app: of.app,
            config_vars: of.config_vars,
            namespace: None,
            web_url: None,
            log_input_url: None,
            created_at: of.created_at,
            updated_at: of.updated_at,
        }
    }
}

impl Attachment {
    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => self.name.clone(),
        }
    }
}

/// A config var that an add-on lends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddonVar {
    #[schema(example = "MEMCACHE_SERVERS")]
    name: String,
    value: String,
}

impl From<(&ConfigKey, &ConfigValue)> for AddonVar {
    fn from((key, value): (&ConfigKey, &ConfigValue)) -> Self {
        Self {
            name: key.to_string(),
            value: value.reveal().to_owned(),
        }
    }
}

/// Something named by its name or id: as text, or as an object that has one of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Reference {
    /// The name or the id.
    Text(String),
    /// An object.
    Object {
        /// The name.
        name: Option<String>,
        /// The id.
        id: Option<String>,
    },
}

impl Reference {
    /// The words that name it; none where the object has none.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object { name, id } => name.as_deref().or(id.as_deref()).unwrap_or_default(),
        }
    }
}

/// What the provider of an add-on is told of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OptionValue {
    /// `"eu"`
    Text(String),
    /// `true`: providers are told the text.
    Switch(bool),
    /// `5`: providers are told the text.
    Whole(i64),
    /// `0.5`: providers are told the text.
    Number(f64),
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Switch(on) => on.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// How an add-on is to be attached.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct NewAttachmentName {
    /// As the service says: `MEMCACHE` for `memcache`.
    pub(crate) name: Option<String>,
}

/// An add-on to be added.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewAddon {
    /// `memcache`, `memcache:free`, the plan's id, or an object with one of them as `name` or `id`.
    pub(crate) plan: Reference,
    /// The options of the service.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, OptionValue>,
    #[serde(default)]
    pub(crate) attachment: Option<NewAttachmentName>,
    /// Not for use: add-ons are named by their service and id.
    pub(crate) name: Option<String>,
    /// The app's name, where the change asks for it.
    pub(crate) confirm: Option<String>,
}

/// What an add-on is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AddonChange {
    /// As when it is added.
    pub(crate) plan: Option<Reference>,
    /// Not for use: add-ons are named by their service and id.
    pub(crate) name: Option<String>,
    /// The app's name, where the change loses releases.
    pub(crate) confirm: Option<String>,
}

/// That an add-on is really to be destroyed.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AddonEnd {
    /// The app's name.
    pub(crate) confirm: Option<String>,
    /// Heroku's CLI says it once it has asked: `false`, or `true` for what is lost besides.
    pub(crate) force: Option<bool>,
}

/// Which add-ons are sought.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AddonSought {
    /// Its id, name, service, plan or attachment.
    pub(crate) addon: String,
    /// In this app alone.
    pub(crate) app: Option<String>,
    /// Of this service alone.
    pub(crate) addon_service: Option<String>,
}

/// Which attachments are sought.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AttachmentSought {
    /// Its id or name, or that of its add-on.
    pub(crate) addon_attachment: String,
    /// In this app alone.
    pub(crate) app: Option<String>,
    /// Of this service alone.
    pub(crate) addon_service: Option<String>,
}

/// An add-on that is to be attached to an app.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewAttachment {
    /// The add-on.
    pub(crate) addon: Reference,
    /// The app.
    pub(crate) app: Reference,
}
