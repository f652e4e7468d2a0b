//! `addons` and its verbs.

pub mod add;
pub mod downgrade;
pub mod info;
pub mod list;
pub mod plans;
pub mod remove;
pub mod services;
pub mod upgrade;

mod change_plan;

use slugline_core::corridor::Done;

/// How the line of a change to an add-on ends: `done, v12 (free)`.
fn end(done: &Done, price: slugline_core::price::Price) -> String {
    format!(" done, {} ({price})", done.release.version)
}
