//! `slugline ps`

use serde::Serialize;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::cut;
use crate::render::table::table;
use crate::render::when::{duration, rfc3339};
use crate::supervisor::machine_now;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ProcessJson {
    process: String,
    state: String,
    since: String,
    release: String,
    pid: Option<u32>,
    restarts: u64,
    command: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    drop(ledger);
    let processes = context.supervisor().processes(&app)?;
    if args.json {
        let rows = processes.iter().map(|process| ProcessJson {
            process: process.name.clone(),
            state: process.state.word().to_owned(),
            since: rfc3339(process.since),
            release: process.version.to_string(),
            pid: process.pid,
            restarts: process.restarts.into(),
            command: process.command.clone(),
        });
        context
            .ui
            .data(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
        return Ok(Status::Done);
    }
    if processes.is_empty() {
        context.ui.data(format_args!("{app} has no processes"));
        return Ok(Status::Done);
    }
    let now = machine_now();
    let rows: Vec<_> = processes
        .iter()
        .map(|process| {
            let state = format!(
                "{} for {}",
                process.state.word(),
                duration(now.seconds_since(process.since))
            );
            vec![
                process.name.clone(),
                state,
                process.version.to_string(),
                cut(&process.command, 36),
            ]
        })
        .collect();
    context
        .ui
        .lines(table(&["Process", "State", "Rel", "Command"], &rows));
    Ok(Status::Done)
}
