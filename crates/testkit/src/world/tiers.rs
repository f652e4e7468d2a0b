//! The tiers of the world: which releases they keep, and which rollbacks they permit. They are what
//! scripts are in earnest, and so are asked by world and model alike. They must not know what the
//! engine makes of their answers.

use std::collections::BTreeSet;

/// The tiers: two as they are shipped, one that keeps whatever is left it, one with ideas of its own.
pub const NAMES: [&str; 4] = ["basic", "advanced", "none", "thirds"];

/// The releases that a tier keeps of a history, newest first, each with whether it succeeded; `None`
/// for all of them.
#[must_use]
pub fn keeps(tier: &str, history: &[(u64, bool)]) -> Option<BTreeSet<u64>> {
    let numbers = |wanted: &dyn Fn(u64) -> bool| {
        let all = history.iter().map(|(number, _)| *number);
        Some(all.filter(|number| wanted(*number)).collect())
    };
    match tier {
        "basic" => {
            let good = history.iter().filter(|(_, good)| *good);
            let good: Vec<u64> = good.map(|(number, _)| *number).take(2).collect();
            let newest = good.first().copied().unwrap_or_default();
            numbers(&|number| number > newest || good.contains(&number))
        }
        "none" => Some(BTreeSet::new()),
        "thirds" => numbers(&|number| number % 3 == 0),
        _ => None,
    }
}

/// Whether a tier permits a rollback to a release so many that succeeded ago.
///
/// # Errors
/// The tier's reason.
pub fn permits(tier: &str, target: u64, steps: u64) -> Result<(), String> {
    match tier {
        "basic" if steps > 1 => Err(format!(
            "releases:advanced is needed to roll back to v{target}; \
             upgrade with: slugline addons:upgrade releases:advanced"
        )),
        "thirds" if steps > 2 => Err(format!("v{target} is {steps} steps away; two are enough")),
        _ => Ok(()),
    }
}
