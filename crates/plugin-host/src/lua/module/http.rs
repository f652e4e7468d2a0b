//! `slugline.http`: requests to the hosts that the manifest lists. Slugline sends them; this only
//! reads what the script wants. It must not repeat a URL in an error, since a URL may hold a
//! password.

use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Lua, LuaString, Table, Value};
use slugline_plugin_api::protocol::{Answer, Body, HttpAnswer, HttpRequest, Question};

use super::super::state::State;
use super::{failed, function};

/// A request may have so many bytes.
const REQUEST: usize = 1 << 20;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let http = lua.create_table()?;
    let shared = Rc::clone(state);
    let request = function(lua, "http.request", move |lua, options: Table| {
        let outgoing = outgoing(&options)?;
        answer(lua, send(&shared, outgoing)?).map_err(failed)
    })?;
    http.raw_set("request", request)?;
    let shared = Rc::clone(state);
    let post_form = function(lua, "http.post_form", move |lua, form: (String, Table)| {
        let (url, fields) = form;
        let content = (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        );
        let outgoing = HttpRequest {
            method: "POST".to_owned(),
            url,
            headers: vec![content],
            body: Some(Body(encode(&fields)?.into_bytes())),
        };
        answer(lua, send(&shared, outgoing)?).map_err(failed)
    })?;
    http.raw_set("post_form", post_form)?;
    http.set_readonly(true);
    slugline.raw_set("http", http)
}

fn send(state: &State, outgoing: HttpRequest) -> Result<HttpAnswer, String> {
    match state.ask(Question::Http(outgoing))? {
        Answer::Http(answer) => Ok(answer),
        _ => Err(super::STRANGE.to_owned()),
    }
}

/// A request as the script describes it.
fn outgoing(options: &Table) -> Result<HttpRequest, String> {
    let text = |name: &str| -> Result<Option<String>, String> {
        match options.get(name).map_err(failed)? {
            Value::Nil => Ok(None),
            Value::String(text) => Ok(Some(text.to_string_lossy())),
            _ => Err(format!("{name} must be a string")),
        }
    };
    let mut headers = Vec::new();
    if let Some(table) = options.get::<Option<Table>>("headers").map_err(failed)? {
        for pair in table.pairs::<String, String>() {
            headers.push(pair.map_err(|_| "headers must be a table of names and strings")?);
        }
    }
    let body: Option<LuaString> = options.get("body").map_err(failed)?;
    let length = |body: &LuaString| body.as_bytes().len();
    check_size(body.as_ref().map_or(0, length))?;
    Ok(HttpRequest {
        method: text("method")?.unwrap_or_else(|| "GET".to_owned()),
        url: text("url")?.ok_or("url is missing")?,
        headers,
        body: body.map(|body| Body(body.as_bytes().to_vec())),
    })
}

fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > REQUEST {
        Err(format!("the request is longer than {REQUEST} bytes"))
    } else {
        Ok(())
    }
}

fn answer(lua: &Lua, answer: HttpAnswer) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("status", answer.status)?;
    table.raw_set("body", lua.create_string(answer.body.0)?)?;
    let headers = lua.create_table()?;
    for (name, value) in answer.headers {
        headers.raw_set(name, value)?;
    }
    table.raw_set("headers", headers)?;
    Ok(table)
}

/// The fields as a form, sorted by name.
fn encode(fields: &Table) -> Result<String, String> {
    let mut sorted = BTreeMap::new();
    let mut size = 0;
    for pair in fields.pairs::<String, Value>() {
        let (name, value) = pair.map_err(|_| "the fields must have names")?;
        let value = match value {
            Value::String(text) => text.to_string_lossy(),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Boolean(yes) => yes.to_string(),
            other => return Err(format!("the field {name} is a {}", other.type_name())),
        };
        size += name.len() + value.len();
        check_size(size)?;
        sorted.insert(name, value);
    }
    let pair = |(name, value): (&String, &String)| format!("{}={}", percent(name), percent(value));
    Ok(sorted.iter().map(pair).collect::<Vec<_>>().join("&"))
}

/// A text as a form writes it.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(percent("a b&c=ü*-._"), "a+b%26c%3D%C3%BC*-._");
    }
}
