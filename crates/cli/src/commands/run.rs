//! `slugline run`

pub mod detached;

use std::io::{stderr, stdin, stdout};
use std::os::fd::AsFd;

use slugline_core::config::{ConfigKey, ConfigValue};
use slugline_core::port::LaunchSpec;
use slugline_core::query;
use slugline_core::release::Version;
use slugline_runtime::{AppSpec, Control, ControlError, Ended};
use slugline_slug::SlugStore;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::supervisor::app_spec;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    what: What,
}

/// What is to be run.
#[derive(clap::Args)]
pub struct What {
    /// A variable for this command alone, over the config var of its name; as often as you like
    #[arg(short, long = "env", value_name = "KEY=VALUE")]
    env: Vec<String>,
    /// With the code and the config vars of this release; else of the current one
    #[arg(long, value_name = "vN")]
    release: Option<String>,
    /// One word is given to the shell as it is; several are a program and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let command = args.what.command();
    let begun = |name: &str| {
        let text = format!("Running {command} attached to terminal... up, {name}");
        if std::io::IsTerminal::is_terminal(&stdout()) {
            context.ui.status(text);
        }
    };
    let (input, output, error) = (stdin(), stdout(), stderr());
    let stdio = [input.as_fd(), output.as_fd(), error.as_fd()];
    let term = context.env.get("TERM");
    let ended = args.what.start(context, term, |control, spec, in_use| {
        control.run_attached(spec, &command, stdio, |name| {
            drop(in_use);
            begun(name);
        })
    })?;
    Ok(Status::OfCommand(match ended {
        Ended::Exited(status) => status,
        Ended::GivenUp(signal) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
    }))
}

impl What {
    /// The command, for the shell: a word that is alone is a line of the shell's already.
    fn command(&self) -> String {
        match self.command.as_slice() {
            [line] => line.clone(),
            words => words
                .iter()
                .map(|word| quoted(word))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// Has `begin` start the command in the release that is meant (see [`start_once`]).
    fn start<T>(
        &self,
        context: &Context,
        term: Option<String>,
        begin: impl FnOnce(&Control, &AppSpec, SlugStore) -> Result<T, ControlError>,
    ) -> Result<T, CommandError> {
        let app = context.app()?;
        let ledger = context.ledger()?;
        let no_app = |error: CommandError| context.no_app(&ledger, error, &app);
        let version = self
            .release
            .as_deref()
            .map(str::parse::<Version>)
            .transpose()?;
        let env = self.env.iter().map(|word| variable(word));
        let env = env.collect::<Result<_, _>>()?;
        let launch = query::launch_once(&ledger, &app, version, (env, term))
            .map_err(|error| no_app(error.into()))?;
        start_once(context, &launch, begin)
    }
}

/// Unpacks a release, and has `begin` start a command in it. It is to keep the store until the process is
/// listed, so that nobody takes the folder for one that nothing needs.
///
/// # Errors
/// Where it cannot be unpacked, or the daemon does not start it.
pub fn start_once<T>(
    context: &Context,
    launch: &LaunchSpec,
    begin: impl FnOnce(&Control, &AppSpec, SlugStore) -> Result<T, ControlError>,
) -> Result<T, CommandError> {
    let control = context.supervisor().connect()?;
    let in_use = SlugStore::open(&context.home)?;
    let spec = app_spec(&context.home, &context.env, launch)
        .map_err(|error| CommandError::because(&*error))?;
    let begun = begin(&control, &spec, in_use);
    if let (Err(_), Some(tree)) = (&begun, &spec.dir) {
        // What ran in it has ended, or is being ended.
        let _ = std::fs::remove_dir_all(tree);
    }
    Ok(begun?)
}

fn variable(word: &str) -> Result<(ConfigKey, ConfigValue), CommandError> {
    let usage = || CommandError::usage("Usage: slugline run --env KEY=value COMMAND");
    let (key, value) = word.split_once('=').ok_or_else(usage)?;
    let key = ConfigKey::new(key)?;
    let value = ConfigValue::new(&key, value)?;
    Ok((key, value))
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_words_are_a_program_and_its_arguments_and_one_is_a_line() {
        let check = |words: &[&str], line: &str| {
            let command = words.iter().map(|word| (*word).to_owned()).collect();
            let what = What {
                env: Vec::new(),
                release: None,
                command,
            };
            assert_eq!(what.command(), line);
        };
        check(&["a && b $C"], "a && b $C");
        check(&["ls", "-l", "a b"], "ls -l 'a b'");
        check(&["echo", "it's", "", "$HOME"], r"echo 'it'\''s' '' '$HOME'");
        check(&["A=b", "x"], "A=b x");
    }
}
