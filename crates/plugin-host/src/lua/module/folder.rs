//! `slugline.folder`: a private folder for the server of a resource, and the small files in it that
//! the server is told its secrets by. Slugline makes and writes them. It must not know what a file
//! is for.

use std::rc::Rc;

use mlua::{Lua, Table};
use slugline_plugin_api::protocol::{Answer, FileName, FileText, Question};

use super::super::state::State;
use super::{failed, function};

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let state = Rc::clone(state);
    let folder = function(lua, "folder", move |lua, id: String| {
        state.in_call(|_| ())?;
        match state.ask(Question::Folder(id.clone()))? {
            Answer::Folder(path) => handle(lua, &state, id, path).map_err(failed),
            _ => Err(super::STRANGE.to_owned()),
        }
    })?;
    slugline.raw_set("folder", folder)
}

/// What a script gets of a folder.
fn handle(lua: &Lua, state: &Rc<State>, id: String, path: String) -> mlua::Result<Table> {
    let folder = lua.create_table()?;
    folder.raw_set("path", path)?;
    let (shared, of) = (Rc::clone(state), id.clone());
    let read = function(lua, "folder.read", move |_, name: String| {
        let id = of.clone();
        match shared.ask(Question::Read(FileName { id, name }))? {
            Answer::Value(text) => Ok(text),
            _ => Err(super::STRANGE.to_owned()),
        }
    })?;
    folder.raw_set("read", read)?;
    let shared = Rc::clone(state);
    let write = function(lua, "folder.write", move |_, file: (String, String)| {
        let (id, (name, text)) = (id.clone(), file);
        let written = shared.ask(Question::Write(FileText { id, name, text }));
        written.map(|_| ())
    })?;
    folder.raw_set("write", write)?;
    folder.set_readonly(true);
    Ok(folder)
}
