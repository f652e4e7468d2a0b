//! `tiers` and its verbs, and what they share.

pub mod add;
pub mod list;
pub mod remove;

use slugline_core::addon::{PlanName, ServiceName};
use slugline_core::app::AppName;
use slugline_core::port::{Ledger, LedgerError, Outline};
use slugline_plugin_host::{PluginHost, PluginInfo};

use crate::error::CommandError;

/// The tier that a person names, with or without `releases:` in front.
///
/// # Errors
/// Where it is no name.
pub fn plan(named: &str) -> Result<PlanName, CommandError> {
    let name = named.strip_prefix("releases:").unwrap_or(named);
    PlanName::new(ServiceName::tier(), name).map_err(|error| CommandError::because(&error))
}

/// The plugin that backs a tier.
pub fn backer(host: &PluginHost, tier: &PlanName) -> Option<PluginInfo> {
    let name = tier.to_string();
    let mut plugins = host.plugins().into_iter();
    plugins.find(|plugin| plugin.tiers.contains(&name))
}

/// Each app with the tier that it is on, sorted by app.
///
/// # Errors
/// Those of the ledger.
pub fn in_use(ledger: &dyn Ledger) -> Result<Vec<(AppName, PlanName)>, LedgerError> {
    let tier = |outline: Outline| {
        let tier = outline.tier().cloned();
        tier.map(|tier| (outline.app.name, tier))
    };
    Ok(ledger.outlines()?.into_iter().filter_map(tier).collect())
}
