//! `config` and its verbs.

pub mod add;
pub mod get;
pub mod list;
pub mod remove;

use std::collections::BTreeMap;

use slugline_core::config::ConfigVars;

use crate::context::Context;
use crate::error::CommandError;
use crate::render::release::pairs;

/// The app's config vars as they are now.
fn current(context: &Context) -> Result<ConfigVars, CommandError> {
    let app = context.app()?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    Ok(moment.state.config)
}

/// As one JSON object, sorted by key.
fn json(config: &ConfigVars) -> Result<String, CommandError> {
    let object: BTreeMap<String, String> = pairs(config).into_iter().collect();
    Ok(serde_json::to_string_pretty(&object)?)
}
