//! `slugline.secret`: random letters and digits from the system. It must not keep them.

use mlua::{Lua, Table};

use super::function;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn install(lua: &Lua, slugline: &Table) -> mlua::Result<()> {
    let secret = function(lua, "secret", |_, length: usize| {
        if !(1..=1024).contains(&length) {
            return Err("a secret has 1 to 1024 characters".to_owned());
        }
        let mut bytes = [0_u8; 1024];
        let bytes = &mut bytes[..length];
        getrandom::fill(bytes).map_err(|error| format!("no random bytes: {error}"))?;
        // 64 letters divide 256 evenly, so that each is as likely.
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
        Ok(bytes.iter().map(letter).collect::<String>())
    })?;
    slugline.raw_set("secret", secret)
}
