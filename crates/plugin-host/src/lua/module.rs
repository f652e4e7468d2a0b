//! The table `slugline`, the only door of a script to the outside. Each module is one file here,
//! with its part of the type definitions beside it. What is not granted is absent, and says so.

mod folder;
mod hmac_sha256;
mod hooks;
mod http;
mod json;
mod lists;
mod log;
mod port;
mod secret;
mod settings;
mod smtp;
mod store;
mod time;

use std::rc::Rc;

use mlua::{Error, FromLuaMulti, Function, IntoLuaMulti, Lua, MultiValue, Table};
use slugline_core::suggest::nearest;

use super::fault::describe;
use super::registry::Registry;
use super::state::State;

/// The type definitions of all modules, for editors: the contents of `slugline.d.luau`.
pub const DEFINITIONS: &str = concat!(
    include_str!("module/hooks.d.luau"),
    include_str!("module/folder.d.luau"),
    include_str!("module/hmac_sha256.d.luau"),
    include_str!("module/http.d.luau"),
    include_str!("module/json.d.luau"),
    include_str!("module/lists.d.luau"),
    include_str!("module/log.d.luau"),
    include_str!("module/port.d.luau"),
    include_str!("module/secret.d.luau"),
    include_str!("module/settings.d.luau"),
    include_str!("module/smtp.d.luau"),
    include_str!("module/store.d.luau"),
    include_str!("module/time.d.luau"),
    include_str!("module/slugline.d.luau"),
);

/// Everything that a script could ask for, granted or not.
const NAMES: [&str; 17] = [
    "addon",
    "deny",
    "filter",
    "folder",
    "hmac_sha256",
    "http",
    "json",
    "log",
    "newest",
    "on",
    "port",
    "secret",
    "settings",
    "smtp",
    "store",
    "tier",
    "time",
];

/// What Slugline cannot have answered.
const STRANGE: &str = "the answer is not one to this question";

/// Puts the `slugline` table into the globals, and `print` beside it.
pub(super) fn install(lua: &Lua, state: &Rc<State>, registry: &Registry) -> mlua::Result<()> {
    let slugline = lua.create_table()?;
    hooks::install(lua, state, registry, &slugline)?;
    hmac_sha256::install(lua, &slugline)?;
    json::install(lua, state, &slugline)?;
    lists::install(lua, &slugline)?;
    log::install(lua, state, &slugline)?;
    port::install(lua, state, &slugline)?;
    secret::install(lua, &slugline)?;
    settings::install(lua, state, &slugline)?;
    time::install(lua, &slugline)?;
    let granted = &state.manifest.permissions;
    if !granted.http.is_empty() {
        http::install(lua, state, &slugline)?;
    }
    if granted.smtp {
        smtp::install(lua, state, &slugline)?;
    }
    if granted.folder {
        folder::install(lua, state, &slugline)?;
    }
    if granted.store {
        store::install(lua, state, &slugline)?;
    }
    slugline.set_metatable(Some(absent(lua)?))?;
    slugline.set_readonly(true);
    lua.globals().raw_set("slugline", slugline)
}

/// What answers for the names that are not in the table.
fn absent(lua: &Lua) -> mlua::Result<Table> {
    let metatable = lua.create_table()?;
    let index = function(
        lua,
        "slugline",
        |_, (_, name): (Table, String)| -> Result<(), String> {
            Err(match name.as_str() {
                "http" => "slugline.http is not granted: list hosts under permissions.http in \
                       plugin.yaml"
                    .to_owned(),
                "smtp" => {
                    "slugline.smtp is not granted: set permissions.smtp in plugin.yaml".to_owned()
                }
                "folder" => "slugline.folder is not granted: set permissions.folder in plugin.yaml"
                    .to_owned(),
                "store" => {
                    "slugline.store is not granted: set permissions.store in plugin.yaml".to_owned()
                }
                other => match nearest(other, NAMES) {
                    Some(meant) => format!("there is no slugline.{other}; did you mean {meant}?"),
                    None => format!("there is no slugline.{other}"),
                },
            })
        },
    )?;
    metatable.raw_set("__index", index)?;
    metatable.raw_set("__metatable", false)?;
    metatable.set_readonly(true);
    Ok(metatable)
}

/// A function for scripts. Its errors begin with the script's own line.
fn function<A, R>(
    lua: &Lua,
    name: &'static str,
    body: impl Fn(&Lua, A) -> Result<R, String> + 'static,
) -> mlua::Result<Function>
where
    A: FromLuaMulti,
    R: IntoLuaMulti,
{
    lua.create_function(move |lua, arguments: MultiValue| {
        let arguments = A::from_lua_multi(arguments, lua);
        let arguments = arguments.map_err(|error| raise(lua, name, &describe(&error)))?;
        body(lua, arguments).map_err(|what| raise(lua, name, &what))
    })
}

/// An error at the line of the script that called.
pub(super) fn raise(lua: &Lua, name: &str, what: &str) -> Error {
    let place = |debug: &mlua::debug::Debug| {
        let source = debug.source().short_src.map(|source| source.to_string());
        Some((source?, debug.current_line()?))
    };
    let said = if what.starts_with("slugline") || name == "slugline" {
        what.to_owned()
    } else {
        format!("slugline.{name}: {what}")
    };
    let said = match lua.inspect_stack(1, place).flatten() {
        Some((source, line)) => format!("{source}:{line}: {said}"),
        None => said,
    };
    Error::RuntimeError(said)
}

/// What a failed call of the VM means for the body of a [`function`].
fn failed(error: mlua::Error) -> String {
    describe(&error)
}

#[cfg(test)]
mod definitions_tests;
