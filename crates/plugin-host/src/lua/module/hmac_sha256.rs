//! `slugline.hmac_sha256`: signs a text, so that whoever shares the secret can tell where it is
//! from. It must not know what is signed, nor keep the secret.

use hmac::{Hmac, KeyInit, Mac};
use mlua::{Lua, LuaString, Table};
use sha2::Sha256;

use super::function;

pub(super) fn install(lua: &Lua, slugline: &Table) -> mlua::Result<()> {
    let sign = function(lua, "hmac_sha256", |_, both: (LuaString, LuaString)| {
        let (secret, text) = both;
        sign(&secret.as_bytes(), &text.as_bytes())
    })?;
    slugline.raw_set("hmac_sha256", sign)
}

/// The signature in small hexadecimal digits (RFC 2104 with SHA-256).
fn sign(secret: &[u8], text: &[u8]) -> Result<String, String> {
    let signing = Hmac::<Sha256>::new_from_slice(secret);
    let mut signing = signing.map_err(|_| "the secret cannot be used".to_owned())?;
    signing.update(text);
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let bytes = signing.finalize().into_bytes();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    Ok(digits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test cases of RFC 4231.
    #[test]
    fn it_signs_as_the_standard_says() {
        let check = |secret: &[u8], text: &[u8], expected: &str| {
            assert_eq!(sign(secret, text).unwrap(), expected);
        };
        check(
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        );
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
        assert_eq!(sign(b"", b"").unwrap().len(), 64);
    }
}
