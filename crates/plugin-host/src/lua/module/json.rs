//! `slugline.json`: texts from tables and tables from texts. It must not know what they are for.

use std::rc::Rc;

use mlua::{Lua, LuaSerdeExt, LuaString, Table, Value};

use super::super::state::State;
use super::super::walk;
use super::function;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let json = lua.create_table()?;
    let limits = state.limits.clone();
    let encode = function(lua, "json.encode", move |lua, value: Value| {
        let list = lua.array_metatable();
        let value =
            walk::to_json(&value, &limits, Some(&list)).map_err(|unfit| unfit.to_string())?;
        Ok(value.to_string())
    })?;
    json.raw_set("encode", encode)?;
    let most = state.limits.reply;
    let decode = function(lua, "json.decode", move |lua, text: LuaString| {
        if text.as_bytes().len() > most {
            return Err(format!("the text is longer than {most} bytes"));
        }
        let value: serde_json::Value =
            serde_json::from_slice(&text.as_bytes()).map_err(|error| error.to_string())?;
        lua.to_value(&value).map_err(super::failed)
    })?;
    json.raw_set("decode", decode)?;
    json.set_readonly(true);
    slugline.raw_set("json", json)
}
