//! `slugline.log` and `print`: lines for the operator. Slugline counts them too. It must
//! not know where they go.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};
use slugline_plugin_api::protocol::Question;

use crate::words::one_line;

use super::super::state::State;
use super::function;

/// One call may log so many lines; the rest is dropped.
const LINES: usize = 100;
/// A line may have so many words.
const WORDS: usize = 20;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let state = Rc::clone(state);
    let log = function(lua, "log", move |_, words: MultiValue| {
        if state.count_line() <= LINES {
            let words: Vec<String> = words.iter().take(WORDS).map(word).collect();
            state.ask(Question::Log(one_line(&words.join(" "))))?;
        }
        Ok(())
    })?;
    slugline.raw_set("log", &log)?;
    lua.globals().raw_set("print", log)
}

/// A value as one word, without calling into the script.
fn word(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let bytes = text.as_bytes();
            String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned()
        }
        other => other.type_name().to_owned(),
    }
}
