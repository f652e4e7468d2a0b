//! The binary `slugline`: arguments in, words and an exit status out. Everything that it does is
//! one of the commands; the parts meet in `wire`.

#![expect(
    unreachable_pub,
    reason = "a binary: nothing outside can reach any of it"
)]

mod args;
mod clock;
mod commands;
mod context;
mod daemon;
mod env;
mod error;
mod exit;
mod identity;
mod progress;
mod render;
mod supervisor;
mod ui;
mod usage;
mod wire;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::args::CommandLine;
use crate::context::Context;
use crate::env::Env;
use crate::exit::Status;
use crate::ui::Ui;

fn main() -> ExitCode {
    let env = Env::of_process();
    let ui = Ui::new(env.get("NO_COLOR").is_some());
    let declared = CommandLine::command();
    let commands = usage::names(&declared);
    // The word itself is not shown: it may be a config var with its value.
    let word = |(place, word): (usize, std::ffi::OsString)| word.into_string().map_err(|_| place);
    let typed = match std::env::args_os().enumerate().map(word).collect() {
        Ok(typed) => typed,
        Err(place) => {
            ui.error(format_args!("Argument {place} is not UTF-8."));
            return Status::Usage.into();
        }
    };
    let words = args::normalise(typed, &commands);
    let parsed = declared.try_get_matches_from(&words);
    let parsed = match parsed.and_then(|matches| CommandLine::from_arg_matches(&matches)) {
        Ok(parsed) => parsed,
        Err(error) => return usage::report(&ui, &error, &commands).into(),
    };
    let context = Context::new(ui, env, parsed.global);
    match context.and_then(|context| parsed.command.run(&context)) {
        Ok(status) => status.into(),
        Err(error) => {
            ui.error(&error.text);
            error.status.into()
        }
    }
}
