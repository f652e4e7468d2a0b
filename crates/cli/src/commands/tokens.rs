//! `tokens` and its verbs: what they share.

use slugline_core::access::Token;
use slugline_core::port::Access;

use crate::context::Context;
use crate::error::CommandError;

pub mod create;
pub mod list;
pub mod revoke;

/// The tokens that may be listed and revoked (S43): all of the machine's; with a token for less than the machine
/// what that one sees.
fn seen(context: &Context) -> Result<Vec<Token>, CommandError> {
    let mut tokens = context.ledger()?.tokens()?;
    if let Some(asked) = context.asked.as_ref().filter(|asked| !asked.machine) {
        let own = tokens.iter().find(|token| token.id.as_str() == asked.token);
        let own = own.cloned();
        tokens.retain(|token| own.as_ref().is_some_and(|own| own.sees(token)));
    }
    Ok(tokens)
}
