//! `slugline ps`

pub mod limit;
pub mod scale;
pub mod stop;

use std::io::IsTerminal;
use std::time::Duration;

use serde::Serialize;
use slugline_core::app::AppName;
use slugline_runtime::ProcessStatus;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::cut;
use crate::render::table::table;
use crate::render::when::{duration, rfc3339};
use crate::supervisor::machine_now;

/// How often `--watch` looks.
const INTERVAL: Duration = Duration::from_secs(2);
const MB: u64 = 1024 * 1024;

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
    /// Go on, and look again every 2 s, until Ctrl-C
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
}

#[derive(Serialize)]
struct ProcessJson {
    process: String,
    state: String,
    since: String,
    release: String,
    pid: Option<u32>,
    restarts: u64,
    port: Option<u16>,
    memory_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
    command: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    drop(ledger);
    if args.watch {
        return watch(context, &app);
    }
    let processes = context.supervisor().processes(&app)?;
    if args.json {
        let rows: Vec<_> = processes.iter().map(json).collect();
        context.ui.data(serde_json::to_string_pretty(&rows)?);
    } else {
        context.ui.lines(lines(&app, &processes));
    }
    Ok(Status::Done)
}

/// Shows how it is, again and again: over itself on a terminal, as one block after the other
/// elsewhere.
fn watch(context: &Context, app: &AppName) -> Outcome {
    let terminal = std::io::stdout().is_terminal();
    loop {
        let shown = lines(app, &context.supervisor().processes(app)?).join("\n");
        let text = match terminal {
            true => format!("\u{1b}[H\u{1b}[2J{shown}\n"),
            false => format!("{shown}\n\n"),
        };
        // Nobody reads it any more.
        if !context.ui.is_read(text) {
            return Ok(Status::Done);
        }
        std::thread::sleep(INTERVAL);
    }
}

fn json(process: &ProcessStatus) -> ProcessJson {
    ProcessJson {
        process: process.name.clone(),
        state: process.state.word().to_owned(),
        since: rfc3339(process.since),
        release: process.version.to_string(),
        pid: process.pid,
        restarts: process.restarts.into(),
        port: process.port,
        memory_bytes: process.memory,
        memory_limit_bytes: process.memory_limit,
        command: process.command.clone(),
    }
}

fn lines(app: &AppName, processes: &[ProcessStatus]) -> Vec<String> {
    if processes.is_empty() {
        return vec![format!("{app} has no processes")];
    }
    let now = machine_now();
    let row = |process: &ProcessStatus| {
        let lasted = duration(now.seconds_since(process.since));
        vec![
            process.name.clone(),
            format!("{} for {lasted}", process.state.word()),
            process.version.to_string(),
            process.restarts.to_string(),
            memory(process),
            process
                .port
                .map(|port| port.to_string())
                .unwrap_or_default(),
            cut(&process.command, 36),
        ]
    };
    let rows: Vec<_> = processes.iter().map(row).collect();
    let header = [
        "Process", "State", "Rel", "Restarts", "Memory", "Port", "Command",
    ];
    table(&header, &rows)
}

/// `12 MB`, or `12 of 512 MB`.
fn memory(process: &ProcessStatus) -> String {
    let used = process.memory.map(|bytes| bytes.div_ceil(MB));
    match (used, process.memory_limit.map(|bytes| bytes / MB)) {
        (Some(used), Some(limit)) => format!("{used} of {limit} MB"),
        (Some(used), None) => format!("{used} MB"),
        (None, _) => String::new(),
    }
}

/// The error of a process that is not there.
fn no_process(app: &AppName, which: &str) -> CommandError {
    CommandError::failed(format!("{app} has no process {which}"))
        .hint(&format!("What it has: slugline ps --app {app}"))
}

/// Does something to a process or a type, and says so: `Restarting web.1 process... done`.
pub fn each(
    context: &Context,
    which: &str,
    doing: &str,
    act: impl FnOnce(
        &slugline_runtime::Control,
        &AppName,
    ) -> Result<usize, slugline_runtime::ControlError>,
) -> Outcome {
    let app = context.app()?;
    context.actor()?;
    let ledger = context.ledger()?;
    context.moment(&ledger, &app)?;
    drop(ledger);
    let control = context.supervisor().connect()?;
    if act(&control, &app)? == 0 {
        return Err(no_process(&app, which));
    }
    let noun = if which.contains('.') {
        "process"
    } else {
        "processes"
    };
    context
        .ui
        .data(format_args!("{doing} {which} {noun}... done"));
    Ok(Status::Done)
}
