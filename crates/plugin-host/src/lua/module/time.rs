//! `slugline.time`: the clock, and nothing of calendars.

use std::time::{SystemTime, UNIX_EPOCH};

use mlua::{Lua, Table};

use super::function;

pub(super) fn install(lua: &Lua, slugline: &Table) -> mlua::Result<()> {
    let time = lua.create_table()?;
    let now = function(lua, "time.now", |_, ()| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(since.map_or(0.0, |since| since.as_secs_f64()))
    })?;
    time.raw_set("now", now)?;
    time.set_readonly(true);
    slugline.raw_set("time", time)
}
