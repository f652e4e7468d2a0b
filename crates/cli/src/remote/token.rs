//! The token that a server is shown. It must not know what it is good for.

use super::host::Host;
use super::netrc;
use crate::env::Env;
use crate::error::CommandError;

/// `SLUGLINE_TOKEN`, else the password that `~/.netrc` has for the server.
///
/// # Errors
/// Where there is none, or it is none.
pub fn find(env: &Env, host: &Host) -> Result<String, CommandError> {
    if let Some(token) = env.get("SLUGLINE_TOKEN") {
        return check(token.trim(), "SLUGLINE_TOKEN");
    }
    let path = netrc::path(env)?;
    let place = host.place();
    match netrc::password(&path, &[&place, host.name()])? {
        Some(token) => check(&token, "~/.netrc"),
        None => {
            let error = CommandError::failed(format!("There is no token for {place}."));
            Err(error.hint("Log in: slugline login; or set SLUGLINE_TOKEN."))
        }
    }
}

/// A token that can be sent.
///
/// # Errors
/// Where it is none.
pub fn check(token: &str, from: &str) -> Result<String, CommandError> {
    let good =
        !token.is_empty() && token.len() <= 1000 && token.bytes().all(|b| b.is_ascii_graphic());
    match good {
        true => Ok(token.to_owned()),
        false => Err(CommandError::failed(format!(
            "What {from} holds is no token."
        ))),
    }
}
