//! The port to add-on providers: what can be added, and the resources behind it.

use crate::addon::{Catalogue, PlanName};
use crate::app::AppName;
use crate::release::PluginsUsed;
use crate::resource::{Options, Provision, Resource, ResourceId};

/// A resource that is to be made.
#[derive(Clone, Debug)]
pub struct ProvisionRequest<'a> {
    /// The app that it is for.
    pub app: &'a AppName,
    /// Its name, and the idempotency key: a provider that is asked twice makes one resource.
    pub id: &'a ResourceId,
    /// Its plan.
    pub plan: &'a PlanName,
    /// What the person said.
    pub options: &'a Options,
    /// Ports that other resources hold, whether or not their servers run.
    pub taken_ports: &'a [u16],
}

/// A resource that is to move to another plan.
#[derive(Clone, Debug)]
pub struct ChangePlanRequest<'a> {
    /// The app.
    pub app: &'a AppName,
    /// The resource as it is.
    pub resource: &'a Resource,
    /// The new plan, of the same service.
    pub plan: &'a PlanName,
    /// Ports that other resources hold, whether or not their servers run.
    pub taken_ports: &'a [u16],
}

/// Why a provider did not do what was asked.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProviderError {
    /// It refused, with a reason for the person.
    #[error("{plugin}: {reason}")]
    Refused {
        /// The plugin.
        plugin: String,
        /// Why.
        reason: String,
    },
    /// It failed, took too long, or answered what cannot be used.
    #[error("the plugin {plugin} failed in {hook}: {cause}")]
    Broken {
        /// The plugin.
        plugin: String,
        /// The hook, such as `addon.provision`.
        hook: String,
        /// What happened, in one line.
        cause: String,
    },
    /// No plugin that is installed provides the service any more.
    #[error("no plugin provides {0} any more; install it again")]
    Gone(String),
}

/// Makes, changes and destroys resources. Each call may be repeated with the same result.
pub trait Providers {
    /// Everything that can be added.
    fn catalogue(&self) -> &Catalogue;

    /// Makes a resource.
    ///
    /// # Errors
    /// [`ProviderError`]. Where it refused nothing is left behind; in all other cases it is asked to
    /// destroy what it may have made.
    fn provision(&self, request: &ProvisionRequest<'_>) -> Result<Provision, ProviderError>;

    /// Moves a resource to another plan. The answer replaces all that the provider answered
    /// before.
    ///
    /// # Errors
    /// [`ProviderError`]; the resource is as it was then.
    fn change_plan(&self, request: &ChangePlanRequest<'_>) -> Result<Provision, ProviderError>;

    /// Destroys a resource; one that is gone is no error.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn deprovision(&self, app: &AppName, resource: &Resource) -> Result<(), ProviderError>;

    /// The plugins that have been called since this was asked the last time, whatever came of it.
    fn called(&self) -> PluginsUsed;
}
