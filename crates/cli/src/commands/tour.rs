//! `slugline tour`: the whole story on a sample app, for real, in a fresh home. Every command is this
//! binary, run as a person would; every answer is checked over HTTP.

mod stage;
mod story;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Leave the app running at the end
    #[arg(long)]
    keep: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let stage = stage::Stage::set(context)?;
    let told = story::tell(&stage);
    match (&told, args.keep) {
        (Ok(()), true) => stage.leave()?,
        _ => stage.clear()?,
    }
    told.map(|()| Status::Done)
}
