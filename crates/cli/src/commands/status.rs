//! `slugline status`

use serde::Serialize;
use slugline_core::port::Ledger;
use slugline_runtime::ProcessState;

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;
use crate::render::table::{labelled, table};
use crate::render::when::{duration, rfc3339};
use crate::supervisor::{machine_now, processes_of};

#[derive(clap::Args)]
pub struct Args {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct StatusJson {
    home: String,
    serving: bool,
    pid: Option<u32>,
    since: Option<String>,
    router: Option<String>,
    api: Option<String>,
    apps: Vec<AppJson>,
}

#[derive(Serialize)]
struct AppJson {
    name: String,
    release: Option<String>,
    up: usize,
    processes: usize,
    url: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let ledger = context.ledger()?;
    let supervisor = context.supervisor();
    let serving = supervisor.status()?;
    let mut apps = Vec::new();
    for outline in ledger.outlines()? {
        let current = outline.version();
        let name = outline.app.name;
        let processes = processes_of(serving.as_ref(), &name).iter();
        // What somebody runs once is none of what the app consists of.
        let processes: Vec<_> = processes.filter(|it| !it.is_one_off()).collect();
        apps.push(AppJson {
            release: current.map(|version| version.to_string()),
            up: processes
                .iter()
                .filter(|process| process.state == ProcessState::Up)
                .count(),
            processes: processes.len(),
            url: supervisor.url_at(&name, serving.as_ref().map(|serving| serving.port)),
            name: name.to_string(),
        });
    }
    let status = StatusJson {
        home: context.home.display().to_string(),
        serving: serving.is_some(),
        pid: serving.as_ref().map(|serving| serving.pid),
        since: serving.as_ref().map(|serving| rfc3339(serving.since)),
        router: serving
            .as_ref()
            .map(|serving| format!("http://localhost:{}", serving.port)),
        api: serving.as_ref().and_then(|serving| serving.api.clone()),
        apps,
    };
    if args.json {
        context.ui.data(serde_json::to_string_pretty(&status)?);
        return Ok(Status::Done);
    }
    let serve = match &serving {
        Some(serving) => {
            let seconds = machine_now().seconds_since(serving.since);
            format!("running for {} (pid {})", duration(seconds), serving.pid)
        }
        None => "not running; start it with: slugline serve".to_owned(),
    };
    let mut rows = vec![("Home", status.home.clone()), ("Serve", serve)];
    rows.extend(status.router.clone().map(|router| ("Router", router)));
    rows.extend(status.api.clone().map(|api| ("API", api)));
    for line in labelled("Slugline", &rows) {
        context.ui.data(line);
    }
    if !status.apps.is_empty() {
        context.ui.data("");
    }
    show(context, &status.apps);
    Ok(Status::Done)
}

fn show(context: &Context, apps: &[AppJson]) {
    let row = |app: &AppJson| {
        let release = app.release.clone().unwrap_or_else(|| "none".to_owned());
        vec![
            app.name.clone(),
            release,
            format!("{} of {} up", app.up, app.processes),
            app.url.clone(),
        ]
    };
    let rows: Vec<_> = apps.iter().map(row).collect();
    if rows.is_empty() {
        return;
    }
    for line in table(&["App", "Rel", "Processes", "Address"], &rows) {
        context.ui.data(line);
    }
}
