//! `slugline.port`: a free port for the server of a resource, and the same one whenever it is asked
//! again. Slugline looks for it. It must not know what listens there.

use std::rc::Rc;

use mlua::{Lua, Table};
use slugline_plugin_api::protocol::{Answer, Question};

use super::super::state::State;
use super::function;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let state = Rc::clone(state);
    let port = function(lua, "port", move |_, id: String| {
        state.in_call(|_| ())?;
        match state.ask(Question::Port(id))? {
            Answer::Port(port) => Ok(port),
            _ => Err(super::STRANGE.to_owned()),
        }
    })?;
    slugline.raw_set("port", port)
}
