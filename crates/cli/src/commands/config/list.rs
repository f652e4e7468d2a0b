//! `slugline config`

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::config::{arrows, shell};
use crate::render::release::pairs;

#[derive(clap::Args)]
pub struct Args {
    /// As lines that a shell reads back
    #[arg(short, long)]
    shell: bool,
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let config = super::current(context)?;
    if args.json {
        context.ui.data(super::json(&config)?);
        return Ok(Status::Done);
    }
    let vars = pairs(&config);
    let lines = match args.shell {
        true => vars.iter().map(|(key, value)| shell(key, value)).collect(),
        false => arrows(&vars),
    };
    context.ui.lines(lines);
    Ok(Status::Done)
}
