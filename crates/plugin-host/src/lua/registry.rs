//! What a script registers: a function a hook, and tables of functions for its add-ons and tiers.
//! It must not know how they are called.

use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, Lua, Table, Value};
use slugline_core::suggest::nearest;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::Request;

use super::module;
use super::state::State;

const ADDON: [&str; 3] = ["provision", "change_plan", "deprovision"];
const TIER: [&str; 2] = ["keep", "rollback"];

/// What a script has registered. The tables live in its VM.
#[derive(Clone)]
pub(super) struct Registry {
    pub(super) hooks: Table,
    pub(super) addons: Table,
    pub(super) tiers: Table,
}

impl Registry {
    /// An empty registry, and the `slugline` table that fills it.
    pub(super) fn install(lua: &Lua, state: &Rc<State>) -> mlua::Result<Self> {
        let registry = Self {
            hooks: lua.create_table()?,
            addons: lua.create_table()?,
            tiers: lua.create_table()?,
        };
        module::install(lua, state, &registry)?;
        Ok(registry)
    }

    /// Holds the script to its manifest, once its top level has run.
    ///
    /// # Errors
    /// One line: a part that is promised and missing, or a function that no hook calls.
    pub(super) fn close(&self, manifest: &Manifest) -> Result<(), String> {
        for hook in &manifest.hooks {
            if !present(&self.hooks, hook.name()) {
                return Err(format!(
                    "plugin.yaml lists the hook {hook}, but the script does not listen to it"
                ));
            }
        }
        let services = parts(&self.addons, &manifest.addons, "addon", &ADDON)?;
        for (name, functions) in services {
            if !present(&functions, "provision") {
                return Err(format!("the add-on {name} has no function provision"));
            }
        }
        parts(&self.tiers, &manifest.tiers, "tier", &TIER).map(|_| ())
    }

    /// The function that answers a request; `None` where the script left it out.
    pub(super) fn function_for(&self, request: &Request) -> mlua::Result<Option<Function>> {
        let addon = |service: &str, name: &str| part(&self.addons, service, name);
        match request {
            Request::Provision(it) => addon(&it.service, "provision"),
            Request::ChangePlan(it) => match addon(&it.service, "change_plan")? {
                None => addon(&it.service, "provision"),
                found => Ok(found),
            },
            Request::Deprovision(it) => addon(&it.service, "deprovision"),
            Request::Keep(it) => self.tier_function(&it.tier, "keep"),
            Request::Rollback(it) => self.tier_function(&it.tier, "rollback"),
            listened => self.hooks.raw_get(listened.hook().name()),
        }
    }

    /// A function of a tier.
    pub(super) fn tier_function(&self, tier: &str, name: &str) -> mlua::Result<Option<Function>> {
        part(&self.tiers, tier, name)
    }
}

fn present(table: &Table, key: &str) -> bool {
    !matches!(table.raw_get(key), Ok(Value::Nil) | Err(_))
}

fn part(parts: &Table, part: &str, name: &str) -> mlua::Result<Option<Function>> {
    let functions: Option<Table> = parts.raw_get(part)?;
    functions.map_or(Ok(None), |functions| functions.raw_get(name))
}

/// The table of each part that the manifest lists, after a look at the functions in it.
fn parts<'a, T>(
    registered: &Table,
    listed: &'a BTreeMap<String, T>,
    kind: &str,
    known: &[&str],
) -> Result<Vec<(&'a str, Table)>, String> {
    let mut tables = Vec::new();
    for name in listed.keys() {
        let Ok(Some(functions)) = registered.raw_get::<Option<Table>>(name.as_str()) else {
            return Err(format!(
                "plugin.yaml lists the {kind} {name}, but the script has no \
                 slugline.{kind}({name:?})"
            ));
        };
        check_functions(&functions, &format!("the {kind} {name}"), known)?;
        tables.push((name.as_str(), functions));
    }
    Ok(tables)
}

fn check_functions(functions: &Table, whose: &str, known: &[&str]) -> Result<(), String> {
    for pair in functions.pairs::<Value, Value>() {
        let Ok((Value::String(key), value)) = pair else {
            return Err(format!(
                "{whose} has something in it that is no named function"
            ));
        };
        let key = crate::words::one_line(&key.to_string_lossy());
        if !known.contains(&key.as_str()) {
            let hint = match nearest(&key, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("it may have {}", known.join(", ")),
            };
            return Err(format!("{whose} has no place for {key}; {hint}"));
        }
        if !value.is_function() {
            return Err(format!("{key} of {whose} must be a function"));
        }
    }
    Ok(())
}
