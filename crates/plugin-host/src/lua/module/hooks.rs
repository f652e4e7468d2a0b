//! `slugline.on`, `addon`, `tier` and `deny`: what a script registers, and how it forbids. It must
//! not know what happens to a denial.

use std::rc::Rc;

use mlua::{Function, Lua, Table};
use slugline_plugin_api::hook::Hook;

use crate::words;

use super::super::registry::Registry;
use super::super::state::State;
use super::function;

pub(super) fn install(
    lua: &Lua,
    state: &Rc<State>,
    registry: &Registry,
    slugline: &Table,
) -> mlua::Result<()> {
    install_on(lua, state, registry, slugline)?;
    for (name, is_tier) in [("addon", false), ("tier", true)] {
        let (state, registry) = (Rc::clone(state), registry.clone());
        let part = function(lua, name, move |lua, part: String| {
            loading(&state)?;
            let manifest = &state.manifest;
            let (listed, registered) = if is_tier {
                (manifest.tiers.contains_key(&part), &registry.tiers)
            } else {
                (manifest.addons.contains_key(&part), &registry.addons)
            };
            if !listed {
                return Err(format!("plugin.yaml has no {part:?} under {name}s"));
            }
            let present: Option<Table> =
                registered.raw_get(part.as_str()).map_err(super::failed)?;
            if let Some(table) = present {
                return Ok(table);
            }
            let table = lua.create_table().map_err(super::failed)?;
            registered.raw_set(part, &table).map_err(super::failed)?;
            Ok(table)
        })?;
        slugline.raw_set(name, part)?;
    }
    install_deny(lua, state, slugline)
}

fn install_on(
    lua: &Lua,
    state: &Rc<State>,
    registry: &Registry,
    slugline: &Table,
) -> mlua::Result<()> {
    let (state, hooks) = (Rc::clone(state), registry.hooks.clone());
    let on = function(lua, "on", move |_, (name, listener): (String, Function)| {
        loading(&state)?;
        let hook: Hook = name.parse().map_err(|error| format!("{error}"))?;
        if !state.manifest.hooks.contains(&hook) {
            return Err(format!("{hook} is not listed under hooks in plugin.yaml"));
        }
        if hooks.contains_key(hook.name()).map_err(super::failed)? {
            return Err(format!("{hook} has a function already"));
        }
        hooks.raw_set(hook.name(), listener).map_err(super::failed)
    })?;
    slugline.raw_set("on", on)
}

fn install_deny(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let state = Rc::clone(state);
    let deny = function(
        lua,
        "deny",
        move |_, reason: String| -> Result<(), String> {
            let hook = state.in_call(|call| call.hook)?;
            if !hook.may_forbid() {
                return Err(format!("{hook} cannot forbid anything"));
            }
            let reason = words::reason(&reason);
            state.in_call(|call| {
                call.denied.get_or_insert_with(|| reason.clone());
            })?;
            Err(format!("denied: {reason}"))
        },
    )?;
    slugline.raw_set("deny", deny)
}

fn loading(state: &State) -> Result<(), String> {
    if state.is_loading() {
        Ok(())
    } else {
        Err("this works only while the script loads, not inside a hook".to_owned())
    }
}
