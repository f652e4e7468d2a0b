//! Who made a change (S6). It must not know how an actor is found: the edge resolves it.

use serde::{Deserialize, Serialize};

/// Who made a change: an e-mail address, or `user@host` where there is none.
///
/// At most [`Actor::MAX`] characters, one line, never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor(String);

/// A text that cannot name an actor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "an actor is one line of 1 to {} characters, such as jim@example.com",
    Actor::MAX
)]
pub struct InvalidActor;

impl Actor {
    /// The longest name, in characters.
    pub const MAX: usize = 254;

    /// Accepts a name after trimming it.
    ///
    /// # Errors
    /// [`InvalidActor`] when it is empty, too long or holds a control character.
    pub fn new(text: &str) -> Result<Self, InvalidActor> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= Self::MAX;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidActor)
        }
    }

    /// The name as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Actor {
    type Error = InvalidActor;

    fn try_from(text: String) -> Result<Self, InvalidActor> {
        Self::new(&text)
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.0
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_one_visible_line() {
        assert_eq!(
            Actor::new(" jim@example.com\n").unwrap().as_str(),
            "jim@example.com"
        );
        for bad in ["", "  ", "a\nb", "a\u{7}b", &"x".repeat(255)] {
            assert_eq!(Actor::new(bad), Err(InvalidActor), "{bad:?}");
        }
    }
}
