//! The words of the domain under fuzzing: whatever the text is, a parser answers or refuses, and
//! what it accepts it accepts again as it prints it. Compiled for `fuzz/` and for tests only. It must
//! not know how inputs are made.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::actor::Actor;
use crate::addon::{PlanName, ServiceName};
use crate::app::AppName;
use crate::config::{ConfigKey, ConfigValue};
use crate::price::Price;
use crate::release::Version;
use crate::resource::ResourceId;
use crate::slug::{Commit, SlugId};

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("words", words)];

/// Every word that is parsed from text.
pub fn words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    parsed::<AppName>(text);
    parsed::<Version>(text);
    parsed::<PlanName>(text);
    parsed::<Price>(text);
    named(ConfigKey::new, text);
    named(ServiceName::new, text);
    named(ResourceId::new, text);
    named(Actor::new, text);
    named(Commit::new, text);
    named(SlugId::new, text);
    if let Ok(commit) = Commit::new(text) {
        assert_eq!(commit.short().len(), 7);
    }
    if let Some((key, value)) = text.split_once('=')
        && let Ok(key) = ConfigKey::new(key)
        && let Ok(value) = ConfigValue::new(&key, value)
    {
        assert!(!value.reveal().contains('\0') && format!("{value:?}") == "[hidden]");
    }
}

fn parsed<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(word) = text.parse::<T>() {
        assert_eq!(word.to_string().parse::<T>().ok(), Some(word));
    }
}

fn named<T: Display + PartialEq + Debug, E>(new: fn(&str) -> Result<T, E>, text: &str) {
    if let Ok(word) = new(text) {
        assert_eq!(new(&word.to_string()).ok(), Some(word));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
