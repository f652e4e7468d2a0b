//! `slugline.filter` and `newest`, in Luau, so that the deadline interrupts them like any script.

use mlua::{Lua, Table};

pub(super) fn install(lua: &Lua, slugline: &Table) -> mlua::Result<()> {
    let source = include_str!("lists.luau");
    let lists: Table = lua.load(source).set_name("=slugline").eval()?;
    for name in ["filter", "newest"] {
        slugline.raw_set(name, lists.raw_get::<mlua::Function>(name)?)?;
    }
    Ok(())
}
