//! The parsers of what plugins, vendors and operators write, under fuzzing: whatever the bytes are,
//! they answer or refuse. Compiled for `fuzz/` and for tests only. It must not know how inputs are
//! made.

use mlua::{Lua, Value};
use slugline_plugin_api::protocol::FromPlugin;

use crate::limits::Limits;
use crate::operator::OperatorSettings;
use crate::{install, lua, manifest, partner, process};

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("plugin_yaml", plugin_yaml),
    ("partner_manifest", partner_manifest),
    ("partner_answer", partner_answer),
    ("frames", frames),
    ("lua_reply", lua_reply),
    ("settings_yaml", settings_yaml),
    ("plugins_lock", plugins_lock),
];

/// A `plugin.yaml`.
pub fn plugin_yaml(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        match manifest::check_manifest(text, "plugin.yaml") {
            Ok(manifest) => drop(manifest::place_of("a b c", &manifest, text, "plugin.yaml")),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A partner's add-on manifest.
pub fn partner_manifest(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        partner::fuzz::manifest(text);
    }
}

/// What a vendor's service answers: the status in the first two bytes, then the body.
pub fn partner_answer(data: &[u8]) {
    if let Some((status, body)) = data.split_first_chunk::<2>() {
        partner::fuzz::answer(u16::from_le_bytes(*status), body);
    }
}

/// What comes from a plugin's process, in pieces as long as the first byte says.
pub fn frames(data: &[u8]) {
    const MOST: usize = 4096;
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let (mut inbox, mut taken) = (Vec::new(), 0);
    for piece in stream.chunks(usize::from(*piece).max(1)) {
        inbox.extend_from_slice(piece);
        loop {
            match process::take_frame(&mut inbox, MOST) {
                Err(_) => return,
                Ok(None) => break,
                Ok(Some(frame)) => {
                    assert!(frame.len() <= MOST);
                    taken += 4 + frame.len();
                    message(&frame);
                }
            }
        }
    }
    assert_eq!(taken + inbox.len(), stream.len());
}

fn message(frame: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<FromPlugin>(frame) {
        let again = serde_json::to_vec(&message).ok();
        let again = again.and_then(|json| serde_json::from_slice(&json).ok());
        assert_eq!(again, Some(message));
    }
}

/// What a script returned, as typed replies.
pub fn lua_reply(data: &[u8]) {
    thread_local!(static LUA: Lua = Lua::new());
    LUA.with(|lua| {
        let mut values = Values { data, lua };
        if let Ok(value) = values.value(0) {
            let limits = Limits {
                reply: 4096,
                depth: 8,
                ..Limits::default()
            };
            lua::read_all(&value, &limits);
        }
    });
}

/// Makes a value as the bytes say.
struct Values<'a> {
    data: &'a [u8],
    lua: &'a Lua,
}

impl Values<'_> {
    fn byte(&mut self) -> u8 {
        match self.data.split_first() {
            Some((byte, rest)) => {
                self.data = rest;
                *byte
            }
            None => 0,
        }
    }

    fn text(&mut self) -> mlua::Result<Value> {
        let most = usize::from(self.byte()).min(self.data.len());
        let (text, rest) = self.data.split_at(most);
        self.data = rest;
        self.lua.create_string(text).map(Value::String)
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        const NAMES: [&str; 5] = ["config", "process", "port", "message", "version"];
        Ok(match self.byte() % 12 {
            0 => Value::Nil,
            1 => Value::Boolean(self.byte() % 2 == 1),
            2 => Value::Integer(i64::from(self.byte()) - 8),
            3 => Value::Number(f64::from(self.byte()) / 3.0),
            4 => {
                Value::Number([f64::NAN, f64::INFINITY, -0.0, 1e300][usize::from(self.byte() % 4)])
            }
            5 => Value::String(
                self.lua
                    .create_string(NAMES[usize::from(self.byte() % 5)])?,
            ),
            6 => self.text()?,
            7 => Value::LightUserData(mlua::LightUserData(std::ptr::null_mut())),
            8..=10 if depth < 12 => {
                let table = self.lua.create_table()?;
                for _ in 0..self.byte() % 8 {
                    let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
                    // A key that no table takes is left out.
                    let _ = table.raw_set(key, value);
                }
                Value::Table(table)
            }
            _ if depth < 12 => {
                let table = self.lua.create_table()?;
                for _ in 0..self.byte() % 8 {
                    table.raw_push(self.value(depth + 1)?)?;
                }
                Value::Table(table)
            }
            _ => Value::Nil,
        })
    }
}

/// A `settings.yaml`, of a plugin and of a partner's add-on.
pub fn settings_yaml(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(settings) = OperatorSettings::read(text)
    {
        partner::fuzz::settings(settings.own);
    }
}

/// A `plugins.lock`.
pub fn plugins_lock(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(lock) = install::Lock::parse(text)
    {
        let again = serde_json::to_string(&lock).unwrap_or_default();
        assert!(matches!(install::Lock::parse(&again), Ok(again) if again == lock));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
