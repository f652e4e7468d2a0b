//! `slugline.settings`: what the operator has set for the plugin, read-only to its depths. It must
//! not know where that was written.

use mlua::{Lua, LuaSerdeExt, Table, Value};

use super::super::state::State;

pub(super) fn install(lua: &Lua, state: &State, slugline: &Table) -> mlua::Result<()> {
    let options = mlua::serde::ser::Options::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false)
        .set_array_metatable(false);
    let settings = lua.to_value_with(&state.settings.0, options)?;
    freeze(&settings)?;
    slugline.raw_set("settings", settings)
}

/// What was read from a file is nested as deep as its reader permits, and no deeper.
fn freeze(value: &Value) -> mlua::Result<()> {
    let Value::Table(table) = value else {
        return Ok(());
    };
    for pair in table.pairs::<Value, Value>() {
        freeze(&pair?.1)?;
    }
    table.set_readonly(true);
    Ok(())
}
