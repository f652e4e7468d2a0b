//! The binary `slugline`: arguments in, words and an exit status out. Everything that it does is
//! one of the commands; the parts meet in `wire`.

#![expect(
    unreachable_pub,
    reason = "a binary: nothing outside can reach any of it"
)]

mod api;
mod args;
mod calendar;
mod certificate;
mod clock;
mod commands;
mod context;
mod daemon;
mod env;
mod error;
mod exit;
mod fetch;
mod garbage;
mod identity;
mod interrupt;
mod judge;
mod opinion;
mod plugin_store;
mod progress;
mod reach;
#[cfg(test)]
mod reference;
mod remote;
mod render;
mod supervisor;
mod trial;
mod typed;
mod ui;
mod upkeep;
mod usage;
mod webhooks;
mod wire;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches};

use crate::args::Global;
use crate::commands::{Outcome, plugin_host};
use crate::context::Context;
use crate::env::Env;
use crate::exit::Status;
use crate::remote::asked::Asked;
use crate::ui::Ui;

fn main() -> ExitCode {
    keep_memory_to_itself();
    let env = Env::of_process();
    let ui = Ui::new(env.get("NO_COLOR").is_some());
    // The word itself is not shown: it may be a config var with its value.
    let word = |(place, word): (usize, std::ffi::OsString)| word.into_string().map_err(|_| place);
    let typed: Vec<String> = match std::env::args_os().enumerate().map(word).collect() {
        Ok(typed) => typed,
        Err(place) => {
            ui.error(format_args!("Argument {place} is not UTF-8."));
            return Status::Usage.into();
        }
    };
    if plugin_host::is_meant(&typed) {
        return plugin_host::run(&ui, &typed).into();
    }
    let (typed, asked) = match remote::asked::is_meant(&typed) {
        false => (typed, None),
        true => match remote::asked::begin(&typed) {
            Ok(asked) => {
                let words = std::iter::once("slugline".to_owned()).chain(asked.words.clone());
                (words.collect(), Some(asked))
            }
            Err(error) => {
                ui.error(format_args!("The command cannot be begun: {error}"));
                return Status::Failed.into();
            }
        },
    };
    let commands: Vec<&str> = commands::names().collect();
    let words = args::normalise(typed, &commands);
    let matches = match args::declare().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => return usage::report(&ui, &error, &commands).into(),
    };
    let outcome = match (asked, remote::host(&env)) {
        (None, Some(host)) => remote::run(ui, env, &matches, &words, &host),
        (asked, _) => run(ui, env, &matches, asked),
    };
    match outcome {
        Ok(Ok(status)) => status.into(),
        Ok(Err(error)) => {
            ui.error(&error.text);
            error.status.into()
        }
        Err(error) => usage::report(&ui, &error, &commands).into(),
    }
}

/// No core dump of this process is written, and nobody but root looks into its memory: config vars and
/// keys pass through it. What it starts is a program of its own, to which this does not apply.
fn keep_memory_to_itself() {
    #[cfg(target_os = "linux")]
    // A kernel that does not know this leaves things as they were.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// The outer error says that what was typed makes no sense.
fn run(
    ui: Ui,
    env: Env,
    matches: &ArgMatches,
    asked: Option<Asked>,
) -> Result<Outcome, clap::Error> {
    let global = Global::from_arg_matches(matches)?;
    let context = match (Context::new(ui, env, global), asked) {
        (Ok(context), None) => context,
        (Ok(context), Some(asked)) => context.asked(asked),
        (Err(error), _) => return Ok(Err(error)),
    };
    match matches.subcommand() {
        Some((name, matches)) => commands::run(&context, name, matches),
        None => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
    }
}
