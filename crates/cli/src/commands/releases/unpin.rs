//! `slugline releases:unpin`

use slugline_core::release::Version;

use super::pin;
use crate::commands::Outcome;
use crate::context::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The release
    #[arg(value_name = "vN")]
    release: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let version: Version = args.release.parse()?;
    let said = format!("Unpinned {version}.");
    let then = "It goes with the next release, unless the tier keeps it.";
    pin::set(context, version, false, [&said, then])
}
