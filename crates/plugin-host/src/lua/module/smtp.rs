//! `slugline.smtp`: mail through the operator's server. Slugline sends it, and chooses the sender.
//! It must not know the server.

use std::rc::Rc;

use lettre::address::Address;
use mlua::{Lua, Table};
use slugline_plugin_api::protocol::{Mail, Question};

use super::super::state::State;
use super::{failed, function};

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let smtp = lua.create_table()?;
    smtp.raw_set("configured", state.mail)?;
    let is_address = function(lua, "smtp.is_address", |_, text: String| {
        Ok(text.parse::<Address>().is_ok())
    })?;
    smtp.raw_set("is_address", is_address)?;
    let state = Rc::clone(state);
    let send = function(lua, "smtp.send", move |_, mail: Table| {
        state.in_call(|_| ())?;
        let field = |name: &str| -> Result<String, String> {
            let text: Option<String> = mail.get(name).map_err(failed)?;
            text.ok_or_else(|| format!("{name} is missing"))
        };
        let mail = Mail {
            to: field("to")?,
            subject: field("subject")?,
            body: field("body")?,
        };
        state.ask(Question::Mail(mail)).map(|_| ())
    })?;
    smtp.raw_set("send", send)?;
    smtp.set_readonly(true);
    slugline.raw_set("smtp", smtp)
}
