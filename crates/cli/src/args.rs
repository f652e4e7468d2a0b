//! The command line: every command with its arguments, and the forms in which it may be typed.
//! It must not know what a command does.

use clap::{Args, Command};

use crate::commands;
use crate::env::VARIABLES;
use crate::exit::Status;

/// The whole command line, to be parsed.
pub fn declare() -> Command {
    let line = Command::new("slugline")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Heroku-style release management that you host yourself")
        .long_about(
            "Heroku-style release management that you host yourself.\n\n\
             Every deploy, config-var change and add-on change makes a numbered release; any \
             release that the app's tier keeps can be rolled back to. Begin with `slugline tour`.",
        )
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_long_help(behind())
        .max_term_width(100);
    commands::declare(Global::augment_args(line))
}

/// What help says behind the options.
fn behind() -> String {
    let statuses =
        Status::ALL.map(|status| format!("  {}  {}\n", status.number(), status.meaning()));
    let variables = VARIABLES.map(|(name, what)| format!("  {name:<22} {what}\n"));
    let (statuses, variables) = (statuses.concat(), variables.concat());
    format!("Exit status:\n{statuses}\nEnvironment:\n{variables}")
}

// What may be said with every command; help shows it after the command's own options. No doc
// comment: clap would take it for what the whole program does.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The app; else SLUGLINE_APP, else the git remote that points to one
    #[arg(short, long, global = true, value_name = "APP")]
    pub app: Option<String>,
    /// The git remote whose app is meant
    #[arg(long, global = true, value_name = "NAME")]
    pub remote: Option<String>,
    /// Who acts; else SLUGLINE_ACTOR, else git's user.email
    #[arg(long = "as", global = true, value_name = "EMAIL")]
    pub actor: Option<String>,
    /// Change nothing unless this release is current
    #[arg(long, global = true, value_name = "vN")]
    pub if_current: Option<String>,
    /// Refuse, rather than wait, where somebody else is changing the app
    #[arg(long, global = true)]
    pub no_wait: bool,
}

/// Options of [`Global`] that take a value of their own.
const WITH_VALUE: [&str; 5] = ["-a", "--app", "--remote", "--as", "--if-current"];

/// Brings what was typed into the form that the commands are declared in: `releases info v2`
/// becomes `releases:info v2`, and an add-on's own `--url=X` becomes `--option url=X`.
pub fn normalise(typed: Vec<String>, commands: &[&str]) -> Vec<String> {
    let Some(noun) = position(&typed, 1) else {
        return typed;
    };
    let mut words = typed;
    if let Some(verb) = position(&words, noun + 1) {
        let joined = format!("{}:{}", words[noun], words[verb]);
        if verb == noun + 1 && commands.contains(&joined.as_str()) {
            words[noun] = joined;
            words.remove(verb);
        }
    }
    if ADDING.contains(&words[noun].as_str()) {
        let own = words.split_off(noun + 1);
        words.extend(own.into_iter().flat_map(as_option));
    }
    words
}

/// The commands that take an add-on's own options.
const ADDING: [&str; 2] = ["addons:add", "addons:create"];

/// The place of the first word from `from` on that is no option and no option's value.
fn position(words: &[String], from: usize) -> Option<usize> {
    let mut place = from;
    while let Some(word) = words.get(place) {
        match word.as_str() {
            "--" => return None,
            word if WITH_VALUE.contains(&word) => place += 2,
            word if word.starts_with('-') => place += 1,
            _ => return Some(place),
        }
    }
    None
}

/// `--url=X` that is none of ours is the add-on's.
fn as_option(word: String) -> Vec<String> {
    let ours = ["app", "remote", "as", "if-current", "option", "confirm"];
    match word
        .strip_prefix("--")
        .and_then(|rest| rest.split_once('='))
    {
        Some((name, value)) if !ours.contains(&name) => {
            vec!["--option".to_owned(), format!("{name}={value}")]
        }
        _ => vec![word],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_command_are_one() {
        let commands = ["releases", "releases:info", "addons:add", "config:get"];
        let check = |typed: &str, expected: &str| {
            let words = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(normalise(words, &commands).join(" "), expected);
        };
        check("slugline releases info v2", "slugline releases:info v2");
        check("slugline releases:info v2", "slugline releases:info v2");
        check(
            "slugline -a info releases info v2",
            "slugline -a info releases:info v2",
        );
        check("slugline releases -n 5", "slugline releases -n 5");
        check("slugline config get get", "slugline config:get get");
        check("slugline releases", "slugline releases");
        check("slugline --version", "slugline --version");
        check("slugline", "slugline");
        check(
            "slugline addons add deployhooks:http --url=http://x/?a=b --app=y",
            "slugline addons:add deployhooks:http --option url=http://x/?a=b --app=y",
        );
    }
}
