//! Reads what a script returned into the typed replies, naming the field that is wrong and never
//! its value. It must not know what the host permits.

use std::collections::BTreeMap;

use mlua::{Table, Value};
use serde_json::{Map, Value as Json};
use slugline_core::suggest::nearest;
use slugline_plugin_api::message::{Kept, Provision, Reply, Secret};

use crate::limits::Limits;

use super::walk;

/// The answer of a provider; nothing at all lends nothing.
pub(super) fn provision(value: &Value, limits: &Limits) -> Result<Provision, String> {
    let json = walk::to_json(value, limits, None).map_err(|unfit| unfit.to_string())?;
    let fields = match json {
        Json::Null => return Ok(Provision::default()),
        Json::Object(fields) => fields,
        _ => return Err("the answer must be a table with config, process, message".to_owned()),
    };
    let mut provision = Provision::default();
    for (name, value) in fields {
        match name.as_str() {
            "config" => provision.config = config(value)?,
            "process" => provision.process = Some(process(value)?),
            "port" => provision.port = Some(port(&value)?),
            "message" => provision.message = text("message", value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(provision)
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    match nearest(name, ["config", "process", "port", "message"]) {
        Some(meant) => format!("{shown} is no field of the answer; did you mean {meant}?"),
        None => format!("{shown} is no field of the answer; config, process and message are"),
    }
}

fn text(field: &str, value: Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text),
        _ => Err(format!("{field} must be a string")),
    }
}

fn config(value: Json) -> Result<BTreeMap<String, Secret>, String> {
    let Json::Object(fields) = value else {
        return Err("config must be a table of names and strings".to_owned());
    };
    let entry = |(key, value): (String, Json)| {
        let value = text(&format!("config.{key}"), value)?;
        Ok((key, Secret(value)))
    };
    Map::into_iter(fields).map(entry).collect()
}

fn process(value: Json) -> Result<Vec<String>, String> {
    let wrong = || "process must be a list of strings, the program first".to_owned();
    let Json::Array(items) = value else {
        return Err(wrong());
    };
    let items = items.into_iter().zip(1..);
    items
        .map(|(item, place)| text(&format!("process[{place}]"), item))
        .collect()
}

fn port(value: &Json) -> Result<u16, String> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| "port must be a port".to_owned())
}

/// The answer of a check: it forbids with `slugline.deny`, never by what it returns.
pub(super) fn nothing(value: &Value) -> Result<(), String> {
    match value {
        Value::Nil => Ok(()),
        other => Err(format!(
            "a check forbids with slugline.deny(reason) and returns nothing; it returned a {}",
            other.type_name()
        )),
    }
}

/// The answer about a release that is watched: that it is good, or nothing. It is bad where the
/// script says so with `slugline.deny`.
pub(super) fn opinion(value: &Value) -> Result<Reply, String> {
    match value {
        Value::Nil => Ok(Reply::Done),
        Value::String(word) if word == "good" => Ok(Reply::Good),
        _ => Err(
            "release.watch returns \"good\" or nothing, and calls a release bad with \
             slugline.deny(reason); it returned something else"
                .to_owned(),
        ),
    }
}

/// The answer of a tier: a list of releases, or of their numbers.
pub(super) fn kept(value: &Value) -> Result<Kept, String> {
    let wrong = || "the answer must be a list of releases".to_owned();
    let Value::Table(list) = value else {
        return Err(wrong());
    };
    let mut versions = Vec::with_capacity(list.raw_len());
    for pair in list.pairs::<Value, Value>() {
        let (key, item) = pair.map_err(|_| wrong())?;
        let Value::Integer(place) = key else {
            return Err(wrong());
        };
        let version = version(&item);
        versions.push(version.ok_or_else(|| format!("[{place}] must be a release"))?);
    }
    Ok(Kept { versions })
}

fn version(item: &Value) -> Option<u64> {
    match item {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::Table(release) => number_of(release),
        _ => None,
    }
}

fn number_of(release: &Table) -> Option<u64> {
    let Ok(Value::Integer(number)) = release.raw_get("version") else {
        return None;
    };
    u64::try_from(number).ok()
}
