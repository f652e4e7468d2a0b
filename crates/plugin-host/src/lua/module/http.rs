//! `slugline.http`: requests to the hosts that the manifest lists, each with a limit of time and
//! size. It must not follow a redirect to a host that is not listed, nor repeat a URL in an error,
//! since a URL may hold a password.

use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Lua, LuaString, Table, Value};
use ureq::http::Uri;

use super::super::fault::one_line;
use super::super::state::State;
use super::{failed, function};

mod send;

use send::{Answer, Outgoing, REQUEST};

/// A host that may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lua) struct HostRule {
    host: String,
    /// `None`: any.
    port: Option<u16>,
}

impl HostRule {
    /// What an entry of `permissions.http` permits in a call with these options; `options.NAME`
    /// permits nothing where there is no such option, or where it is no URL.
    pub(in crate::lua) fn of(entry: &str, options: &BTreeMap<String, String>) -> Option<Self> {
        if let Some(name) = entry.strip_prefix("options.") {
            let uri: Uri = options.get(name)?.parse().ok()?;
            let (host, port) = authority(&uri)?;
            return Some(Self {
                host,
                port: Some(port),
            });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let host = host.to_ascii_lowercase();
        Some(Self { host, port })
    }

    fn permits(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port.is_none_or(|only| only == port)
    }
}

/// Host and port that an `http` or `https` URL leads to.
fn authority(uri: &Uri) -> Option<(String, u16)> {
    let standard = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    Some((host, uri.port_u16().unwrap_or(standard)))
}

/// The URL, if this call may go there.
fn permitted(state: &State, url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "this is no URL")?;
    let (host, port) = authority(&uri).ok_or("a URL begins with http:// or https://")?;
    let allowed = state.in_call(|call| call.hosts.iter().any(|rule| rule.permits(&host, port)))?;
    if allowed {
        Ok(uri)
    } else {
        let host = one_line(&host);
        Err(format!(
            "{host}:{port} is not granted under permissions.http in plugin.yaml"
        ))
    }
}

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let http = lua.create_table()?;
    let shared = Rc::clone(state);
    let request = function(lua, "http.request", move |lua, options: Table| {
        let outgoing = outgoing(&options)?;
        answer(lua, send::send(&shared, outgoing)?).map_err(failed)
    })?;
    http.raw_set("request", request)?;
    let shared = Rc::clone(state);
    let post_form = function(lua, "http.post_form", move |lua, form: (String, Table)| {
        let (url, fields) = form;
        let content = (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        );
        let outgoing = Outgoing {
            method: "POST".to_owned(),
            url,
            headers: vec![content],
            body: Some(encode(&fields)?.into_bytes()),
        };
        answer(lua, send::send(&shared, outgoing)?).map_err(failed)
    })?;
    http.raw_set("post_form", post_form)?;
    http.set_readonly(true);
    slugline.raw_set("http", http)
}

/// A request as the script describes it.
fn outgoing(options: &Table) -> Result<Outgoing, String> {
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
    Ok(Outgoing {
        method: text("method")?.unwrap_or_else(|| "GET".to_owned()),
        url: text("url")?.ok_or("url is missing")?,
        headers,
        body: body.map(|body| body.as_bytes().to_vec()),
    })
}

fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > REQUEST {
        Err(format!("the request is longer than {REQUEST} bytes"))
    } else {
        Ok(())
    }
}

fn answer(lua: &Lua, answer: Answer) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("status", answer.status)?;
    table.raw_set("body", lua.create_string(answer.body)?)?;
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
    fn an_entry_permits_a_host_or_the_host_of_an_option() {
        let url = "https://Hooks.example.com/x?token=1".to_owned();
        let options = [
            ("url".to_owned(), url),
            ("bad".to_owned(), "no url".to_owned()),
        ]
        .into();
        let check = |entry: &str, host: &str, port, permitted: bool| {
            let rule = HostRule::of(entry, &options);
            let granted = rule.is_some_and(|rule| rule.permits(host, port));
            assert_eq!(granted, permitted, "{entry} {host}:{port}");
        };
        check("api.example.com", "api.example.com", 80, true);
        check("api.example.com", "api.example.com", 8443, true);
        check("api.example.com", "example.com", 80, false);
        check("api.example.com", "api.example.com.evil.org", 80, false);
        check("api.example.com:8443", "api.example.com", 8443, true);
        check("api.example.com:8443", "api.example.com", 443, false);
        check("options.url", "hooks.example.com", 443, true);
        check("options.url", "hooks.example.com", 80, false);
        check("options.bad", "no url", 80, false);
        check("options.none", "hooks.example.com", 443, false);
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(percent("a b&c=ü*-._"), "a+b%26c%3D%C3%BC*-._");
    }
}
