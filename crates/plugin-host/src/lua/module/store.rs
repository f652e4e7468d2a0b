//! `slugline.store`: values that the plugin keeps. It must not know where.

use std::rc::Rc;

use mlua::{Lua, Table};
use slugline_plugin_api::protocol::{Answer, Pair, Question};

use super::super::state::State;
use super::function;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let store = lua.create_table()?;
    let shared = Rc::clone(state);
    let get = function(lua, "store.get", move |_, key: String| {
        match shared.ask(Question::Get(key))? {
            Answer::Value(value) => Ok(value),
            _ => Err(super::STRANGE.to_owned()),
        }
    })?;
    store.raw_set("get", get)?;
    let shared = Rc::clone(state);
    let set = function(lua, "store.set", move |_, pair: (String, String)| {
        let (key, value) = pair;
        let pair = Pair { key, value };
        shared.ask(Question::Set(pair)).map(|_| ())
    })?;
    store.raw_set("set", set)?;
    let shared = Rc::clone(state);
    let delete = function(lua, "store.delete", move |_, key: String| {
        shared.ask(Question::Delete(key)).map(|_| ())
    })?;
    store.raw_set("delete", delete)?;
    let shared = Rc::clone(state);
    let list = function(
        lua,
        "store.list",
        move |_, prefix: Option<String>| match shared
            .ask(Question::List(prefix.unwrap_or_default()))?
        {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(super::STRANGE.to_owned()),
        },
    )?;
    store.raw_set("list", list)?;
    store.set_readonly(true);
    slugline.raw_set("store", store)
}
