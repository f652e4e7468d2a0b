//! Refuses a change that takes an app, or all apps of its owner, above a monthly cap that the
//! operator has set in `settings.yaml`. An example of a plugin in Rust: copy this folder.
//!
//! To build and install it: `cargo build --release -p spending-cap`, then put `plugin.yaml`,
//! `libspending_cap.so` and a `settings.yaml` into `plugins/spending-cap` of Slugline's home.

use std::ffi::CStr;

use serde::Deserialize;
use slugline_plugin_api::message::BillingCheck;
use slugline_plugin_api::sdk::{Context, Failure, Plugin, deny};

/// What the operator has set, in whole dollars a month. A cap that is not set does not exist.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What one app may cost.
    app: Option<u64>,
    /// What all apps of one owner may cost together.
    owner: Option<u64>,
}

/// The plugin.
#[derive(Debug, Default)]
pub struct SpendingCap;

impl Plugin for SpendingCap {
    const NAME: &'static CStr = c"spending-cap";

    fn billing_check(&self, check: &BillingCheck, context: &Context<'_>) -> Result<(), Failure> {
        let caps: Settings = context.settings()?;
        let app = &check.app;
        if let Some(cap) = exceeded(caps.app, check.before, check.after) {
            let cost = dollars(check.after);
            return deny(format!(
                "{app} would cost {cost} a month; the cap of an app is {cap}"
            ));
        }
        let owner = &check.owner;
        if let Some(cap) = exceeded(caps.owner, owner.before, owner.after) {
            let (name, cost) = (&owner.name, dollars(owner.after));
            return deny(format!(
                "the apps of {name} would cost {cost} a month; the cap of an owner is {cap}"
            ));
        }
        Ok(())
    }
}

/// The cap, as people read it, if the change exceeds it. A bill that does not grow is never
/// refused, so that one that is too large already can shrink step by step.
fn exceeded(cap: Option<u64>, before: u64, after: u64) -> Option<String> {
    let cap = cap?.saturating_mul(100);
    (after > cap && after > before).then(|| dollars(cap))
}

fn dollars(cents: u64) -> String {
    match cents % 100 {
        0 => format!("${}", cents / 100),
        part => format!("${}.{part:02}", cents / 100),
    }
}

slugline_plugin_api::export!(SpendingCap);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grows_beyond_the_cap_is_refused() {
        let check = |cap, before, after, expected: Option<&str>| {
            assert_eq!(exceeded(cap, before, after).as_deref(), expected);
        };
        check(None, 0, u64::MAX, None);
        check(Some(50), 0, 5000, None);
        check(Some(50), 0, 5001, Some("$50"));
        check(Some(50), 9000, 7000, None);
        check(Some(50), 7000, 7000, None);
        check(Some(0), 0, 1, Some("$0"));
    }

    #[test]
    fn money_is_written_as_in_a_manifest() {
        assert_eq!(
            (dollars(2000), dollars(750)),
            ("$20".into(), "$7.50".into())
        );
    }
}
