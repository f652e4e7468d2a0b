//! The command that was typed: where it comes from, whom and what it is about, and the line that it
//! leaves in the audit where it made no release (a release is such a line itself). It must not know
//! what any command does, and never holds more of its arguments than the table of commands names:
//! the rest may be values of config vars.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::IsTerminal;
use std::os::fd::AsFd;

use clap::ArgMatches;
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::port::Clock;
use slugline_ledger::{Caller, Note, Origin, Outcome};

use crate::clock::MachineClock;
use crate::commands;
use crate::context::Context;
use crate::env::{Env, ORIGIN};
use crate::error::CommandError;
use crate::exit::Status;
use crate::identity;

/// What the audit is told of a command that changes something.
#[derive(Clone, Copy)]
pub struct Noted {
    /// The arguments that say what it is about and hold no value: `name`, or `--name` for a flag
    /// or an option. Of `KEY=value` only the key is told.
    pub words: &'static [&'static str],
    /// Whether it is told of also where it made a release.
    pub always: bool,
}

/// The longest word that is told of, in bytes.
const WORD: usize = 200;

/// The command that was typed.
#[derive(Debug)]
pub struct Typed {
    command: Cell<&'static str>,
    /// `SSH_CONNECTION`, where somebody is here through ssh.
    ssh: Option<String>,
    /// What the API says of a push that came through it.
    api: Option<String>,
    host: String,
    origin: OnceCell<Origin>,
    released: Cell<bool>,
    unchanged: Cell<bool>,
    app: RefCell<Option<AppName>>,
    actor: RefCell<Option<Actor>>,
}

impl Typed {
    /// Nothing is known of it yet.
    pub fn new(env: &Env) -> Self {
        Self {
            command: Cell::new("slugline"),
            ssh: env.get("SSH_CONNECTION"),
            api: env.get(ORIGIN),
            host: identity::host(env),
            origin: OnceCell::new(),
            released: Cell::new(false),
            unchanged: Cell::new(false),
            app: RefCell::new(None),
            actor: RefCell::new(None),
        }
    }

    /// Its name, as the table of commands has it.
    pub fn is(&self, command: &'static str) {
        self.command.set(match command {
            "git:receive" => "git push",
            other => other,
        });
    }

    /// The app that it is about.
    pub fn is_about(&self, app: &AppName) {
        *self.app.borrow_mut() = Some(app.clone());
    }

    /// Who typed it.
    pub fn is_by(&self, actor: &Actor) {
        *self.actor.borrow_mut() = Some(actor.clone());
    }

    /// There was nothing to do.
    pub fn changed_nothing(&self) {
        self.unchanged.set(true);
    }

    /// Puts on record what became of it, unless a release says so, or nothing was to be done or
    /// understood.
    pub fn note(
        &self,
        context: &Context,
        noted: Noted,
        matches: &ArgMatches,
        end: &commands::Outcome,
    ) {
        let about = || self.about(noted.words, matches);
        let (outcome, what) = match end {
            _ if flag(matches, "dry_run") => return,
            _ if self.released.get() && !noted.always => return,
            Ok(_) if self.unchanged.get() => return,
            Ok(_) => (Outcome::Done, about()),
            Err(error) if error.status == Status::Usage => return,
            Err(error) => (error.outcome, format!("{}: {}", about(), error.for_audit())),
        };
        if let Err(error) = self.write(context, outcome, &what)
            && end.is_ok()
        {
            let why = error.text;
            context
                .ui
                .warning(format_args!("It is not in the audit: {why}"));
        }
    }

    fn write(&self, context: &Context, outcome: Outcome, what: &str) -> Result<(), CommandError> {
        // What is refused where nothing is yet leaves nothing there.
        if outcome != Outcome::Done && !context.home.join("ledger.db").exists() {
            return Ok(());
        }
        let known = self.actor.borrow().clone();
        let actor = known.map_or_else(|| context.actor(), Ok)?;
        let app = self.app.borrow();
        let note = Note {
            at: MachineClock::new(&context.env)?.now(),
            app: app.as_ref(),
            actor: &actor,
            outcome,
            what,
        };
        Ok(context.ledger()?.note(&note)?)
    }

    /// The command with what it is about.
    fn about(&self, words: &[&str], matches: &ArgMatches) -> String {
        let mut about = self.command.get().to_owned();
        for word in words {
            let option = word.strip_prefix("--");
            let id = option.unwrap_or(word).replace('-', "_");
            if option.is_some() && flag(matches, &id) {
                about.push_str(&format!(" {word}"));
                continue;
            }
            let given = matches.try_get_raw(&id).ok().flatten();
            for value in given.into_iter().flatten() {
                let Some(public) = value.to_str().and_then(public) else {
                    continue;
                };
                if option.is_some() && public != "true" && public != "false" {
                    about.push_str(&format!(" {word} {public}"));
                } else if option.is_none() {
                    about.push_str(&format!(" {public}"));
                }
            }
        }
        about
    }

    fn place(&self) -> String {
        if let Some(api) = &self.api {
            return api.clone();
        }
        let from = match (&self.ssh, terminal()) {
            (Some(connection), _) => {
                let address = connection.split(' ').next().and_then(public);
                format!("ssh {}", address.unwrap_or("from somewhere"))
            }
            (None, Some(terminal)) => terminal,
            (None, None) => "no terminal".to_owned(),
        };
        format!("{} {from}", self.host)
    }
}

impl Caller for Typed {
    fn origin(&self) -> Origin {
        let origin = || Origin {
            command: self.command.get().to_owned(),
            place: self.place(),
        };
        self.origin.get_or_init(origin).clone()
    }

    fn recorded(&self) {
        self.released.set(true);
    }
}

fn flag(matches: &ArgMatches, id: &str) -> bool {
    let given = matches.try_get_one::<bool>(id);
    given.ok().flatten().copied().unwrap_or(false)
}

/// A word up to its first `=`, if it is one that names something.
fn public(word: &str) -> Option<&str> {
    let name = word.split('=').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@%".contains(c);
    let fits = !name.is_empty() && name.len() <= WORD && name.chars().all(plain);
    fits.then_some(name)
}

/// The terminal that this process has, such as `pts/3`.
fn terminal() -> Option<String> {
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let all = [input.as_fd(), output.as_fd(), errors.as_fd()];
    let number = all.iter().position(|one| one.is_terminal())?;
    let path = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    Some(
        path.strip_prefix("/dev")
            .unwrap_or(&path)
            .display()
            .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_something_is_told() {
        let check =
            |word: &str, expected: Option<&str>| assert_eq!(public(word), expected, "{word}");
        check("v40", Some("v40"));
        check("memcache:100mb", Some("memcache:100mb"));
        check("A=s3cret", Some("A"));
        check("=s3cret", None);
        check("./my policy.lua", None);
        check("a\u{1b}[31m", None);
        check(&"a".repeat(WORD + 1), None);
    }

    #[test]
    fn a_command_is_told_with_what_the_table_names() {
        let line = clap::Command::new("x").args([
            clap::Arg::new("release"),
            clap::Arg::new("branch").long("branch"),
            clap::Arg::new("unpin")
                .long("unpin")
                .action(clap::ArgAction::SetTrue),
            clap::Arg::new("url").long("url"),
        ]);
        let check = |typed: &str, expected: &str| {
            let matches = line.clone().get_matches_from(typed.split(' '));
            let typed = Typed {
                command: Cell::new("rollback"),
                ssh: None,
                api: None,
                host: String::new(),
                origin: OnceCell::new(),
                released: Cell::new(false),
                unchanged: Cell::new(false),
                app: RefCell::new(None),
                actor: RefCell::new(None),
            };
            let words = &["release", "--unpin", "--branch"];
            assert_eq!(typed.about(words, &matches), expected);
        };
        check("x", "rollback");
        check("x v40 --url s3cret", "rollback v40");
        check("x --unpin --branch live", "rollback --unpin --branch live");
    }
}
