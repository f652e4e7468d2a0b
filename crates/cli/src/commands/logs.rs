//! `slugline logs`

mod follow;
pub mod show;

use clap::builder::PossibleValuesParser;
use slugline_runtime::{Follow, LogFilter, tail_matching};

use self::show::Show;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// How many lines
    #[arg(short, long, default_value_t = 100, value_name = "N")]
    num: usize,
    /// Go on showing new lines
    #[arg(short, long)]
    tail: bool,
    /// Only lines of and about this process, such as web.1, or all of a type, such as web
    #[arg(short, long, value_name = "PROCESS")]
    process: Option<String>,
    /// Only lines of this source
    #[arg(short, long, value_parser = PossibleValuesParser::new(["app", "router", "slugline", "addon"]))]
    source: Option<String>,
    /// Answer in JSON, for programs: an object for each line
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    drop(ledger);
    let filter = LogFilter {
        sources: args.source.iter().cloned().collect(),
        process: args.process.clone(),
    };
    let (folder, show) = (context.supervisor().logs(), Show::new(args.json));
    let because = |error| CommandError::because(&error);
    if args.tail {
        let begun = Follow::begin(&folder, &app, args.num, filter);
        let (past, reader) = begun.map_err(because)?;
        follow::follow(&past, reader, &show).map_err(because)?;
    } else {
        let lines = tail_matching(&folder, &app, args.num, &filter).map_err(because)?;
        let shown = lines.iter().map(|line| show.line(line));
        context.ui.part(shown.collect::<String>());
    }
    Ok(Status::Done)
}
