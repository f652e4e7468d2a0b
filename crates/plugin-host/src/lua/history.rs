//! A history as a script sees it. It may have a hundred thousand releases; so it is built by hand,
//! each table at its final size and each repeated text once. It must not know a tier.

use mlua::{Lua, LuaString, Table};
use slugline_plugin_api::message::HistoryEntry;

/// The list of releases, with the names that serde would give the fields.
pub(super) fn to_lua(lua: &Lua, history: &[HistoryEntry]) -> mlua::Result<Table> {
    let list = lua.create_table_with_capacity(history.len(), 0)?;
    let names = ["version", "age_days", "change", "actor", "status", "deploy"];
    let names: Vec<LuaString> = names
        .iter()
        .map(|name| lua.create_string(name))
        .collect::<mlua::Result<_>>()?;
    for (place, release) in (1_u32..).zip(history) {
        let table = lua.create_table_with_capacity(0, names.len())?;
        table.raw_set(&names[0], release.version)?;
        table.raw_set(&names[1], release.age_days)?;
        table.raw_set(&names[2], release.change.as_str())?;
        table.raw_set(&names[3], release.actor.as_str())?;
        table.raw_set(&names[4], release.status.as_str())?;
        table.raw_set(&names[5], release.deploy)?;
        list.raw_set(place, table)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::{LuaSerdeExt, Value};

    #[test]
    fn it_is_what_serde_would_make_of_it() {
        let lua = Lua::new();
        let history = vec![HistoryEntry {
            version: 4,
            age_days: 2,
            change: "Deploy 575bfa8".into(),
            actor: "jim@example.com".into(),
            status: "failed".into(),
            deploy: true,
        }];
        let made = Value::Table(to_lua(&lua, &history).unwrap());
        assert_eq!(lua.from_value::<Vec<HistoryEntry>>(made).unwrap(), history);
    }
}
