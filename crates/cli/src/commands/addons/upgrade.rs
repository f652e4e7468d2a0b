//! `slugline addons:upgrade`

use slugline_core::operation::addons::Way;

use super::change_plan;
pub use super::change_plan::Args;
use crate::commands::Outcome;
use crate::context::Context;

pub fn run(context: &Context, args: &Args) -> Outcome {
    change_plan::run(context, args, Way::Up)
}
