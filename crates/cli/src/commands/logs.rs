//! `slugline logs`

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// How many lines
    #[arg(short, long, default_value_t = 100, value_name = "N")]
    num: usize,
    /// Go on showing new lines
    #[arg(short, long)]
    tail: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    drop(ledger);
    let mut show = |line: &str| context.ui.data(line);
    context
        .supervisor()
        .logs(&app, args.num, args.tail, &mut show)?;
    Ok(Status::Done)
}
