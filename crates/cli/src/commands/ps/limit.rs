//! `slugline ps:limit`

use slugline_core::port::Moment;
use slugline_core::settings::{Formation, Settings};

use crate::commands::{Outcome, setting};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::render::table::table;
use slugline_core::scale::{known, types};

#[derive(clap::Args)]
pub struct Args {
    /// The process type; shows the limits of all where none is named
    #[arg(value_name = "TYPE", requires = "limits")]
    kind: Option<String>,
    /// memory=512 (MB, of a process with its children), cpu=50% (of one core), files=1024 (open at once); =off for none
    #[arg(value_name = "LIMIT=N")]
    limits: Vec<String>,
    /// Answer in JSON, for programs
    #[arg(long, conflicts_with = "kind")]
    json: bool,
}

/// One limit as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Memory(Option<u32>),
    Cpu(Option<u32>),
    Files(Option<u32>),
}

/// The least memory that can be set, in MiB, and the fewest files: nothing starts with less.
const LEAST_MEMORY: u32 = 16;
const FEWEST_FILES: u32 = 16;
/// The same of CPU, in percent of one core; and the most, which is a slip of the finger.
const LEAST_CPU: u32 = 5;
const MOST_CPU: u32 = 100_000;

pub fn run(context: &Context, args: &Args) -> Outcome {
    let Some(kind) = &args.kind else {
        return show(context, args.json);
    };
    let limits = args
        .limits
        .iter()
        .map(|word| parse(word))
        .collect::<Result<Vec<_>, _>>()?;
    let mut change = |moment: &Moment, settings: &mut Settings| {
        known(kind, moment)?;
        set(kind, &limits, settings);
        Ok(())
    };
    let what = format!("Limit {kind} {}", args.limits.join(" "));
    let (_, settings, _) = setting::apply(context, &what, &mut change)?;
    let set = settings.of_type(kind);
    context.ui.data(format_args!(
        "Limiting {kind} processes... done, now memory={} cpu={} files={}",
        or_off(set.memory_mb),
        percent(set.cpu_percent),
        or_off(set.open_files)
    ));
    if args.limits.iter().any(|word| word.starts_with("files")) {
        context.ui.status(format_args!(
            "The limit of open files is that of processes started from now on: slugline restart {kind}"
        ));
    }
    let serving = context.supervisor().status()?;
    let enforced = serving
        .and_then(|status| status.shut)
        .is_none_or(|shut| shut.cpu);
    if set.cpu_percent.is_some() && !enforced {
        context
            .ui
            .status("The limit of CPU is not in force: `slugline serve` may use no cgroup for it");
    }
    Ok(Status::Done)
}

fn show(context: &Context, json: bool) -> Outcome {
    let (app, settings) = setting::read(context)?;
    let ledger = context.ledger()?;
    let moment = context.moment(&ledger, &app)?;
    let set: Vec<_> = types(&moment)
        .into_iter()
        .map(|kind| (kind, settings.of_type(kind)))
        .collect();
    let view = || {
        let limits = |it: &Formation| {
            serde_json::json!({
                "memory_mb": it.memory_mb,
                "cpu_percent": it.cpu_percent,
                "open_files": it.open_files,
            })
        };
        set.iter()
            .map(|(kind, it)| ((*kind).to_owned(), limits(it)))
            .collect::<serde_json::Map<_, _>>()
    };
    let rows: Vec<_> = set
        .iter()
        .map(|(kind, it)| {
            vec![
                (*kind).to_owned(),
                or_off(it.memory_mb),
                percent(it.cpu_percent),
                or_off(it.open_files),
            ]
        })
        .collect();
    let text = match rows.is_empty() {
        true => format!("{app} has no processes"),
        false => table(&["Type", "Memory (MB)", "CPU", "Files"], &rows).join("\n"),
    };
    setting::show(context, json.then(|| view().into()), text)
}

fn or_off(limit: Option<u32>) -> String {
    limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string())
}

fn percent(limit: Option<u32>) -> String {
    limit.map_or_else(|| "off".to_owned(), |limit| format!("{limit}%"))
}

fn set(kind: &str, limits: &[Limit], settings: &mut Settings) {
    let formation = settings.formation.entry(kind.to_owned()).or_default();
    for limit in limits {
        match limit {
            Limit::Memory(memory) => formation.memory_mb = *memory,
            Limit::Cpu(cpu) => formation.cpu_percent = *cpu,
            Limit::Files(files) => formation.open_files = *files,
        }
    }
    if *formation == Formation::default() {
        settings.formation.remove(kind);
    }
}

fn parse(word: &str) -> Result<Limit, CommandError> {
    let usage =
        || CommandError::usage("Usage: slugline ps:limit web memory=512 cpu=50% files=1024");
    let (name, value) = word.split_once('=').ok_or_else(usage)?;
    let value = match value {
        "off" => None,
        // What it is percent of is not asked for.
        percent if name == "cpu" => {
            let number = percent.strip_suffix('%').unwrap_or(percent);
            Some(number.parse::<u32>().map_err(|_| usage())?)
        }
        number => Some(number.parse::<u32>().map_err(|_| usage())?),
    };
    let at_least = |least: u32| match value {
        Some(value) if value < least => {
            Err(CommandError::usage(format!("{name} is at least {least}")))
        }
        value => Ok(value),
    };
    match name {
        "memory" => Ok(Limit::Memory(at_least(LEAST_MEMORY)?)),
        "cpu" => match at_least(LEAST_CPU)? {
            Some(cpu) if cpu > MOST_CPU => {
                Err(CommandError::usage(format!("cpu is at most {MOST_CPU}%")))
            }
            cpu => Ok(Limit::Cpu(cpu)),
        },
        "files" => Ok(Limit::Files(at_least(FEWEST_FILES)?)),
        _ => Err(usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_off() {
        let check = |word: &str, expected: Option<Limit>| {
            assert_eq!(parse(word).ok(), expected, "{word}");
        };
        check("memory=512", Some(Limit::Memory(Some(512))));
        check("memory=off", Some(Limit::Memory(None)));
        check("cpu=50%", Some(Limit::Cpu(Some(50))));
        check("cpu=150", Some(Limit::Cpu(Some(150))));
        check("cpu=off", Some(Limit::Cpu(None)));
        check("files=1024", Some(Limit::Files(Some(1024))));
        for word in [
            "memory",
            "memory=",
            "memory=x",
            "memory=15",
            "files=1",
            "cpu=4",
            "cpu=%",
            "cpu=50%%",
            "cpu=100001",
            "files=20%",
            "memory=-5",
            "disk=5",
        ] {
            check(word, None);
        }
    }
}
