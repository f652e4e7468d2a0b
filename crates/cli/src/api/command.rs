//! Commands of our own client, as the server has them carried out: read by the same declarations as at this
//! machine, and run by this same program in a process of its own. It must not know how the client is spoken with.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use slugline_server::backend::Unavailable;
use slugline_server::commands::frame::NewCommand;
use slugline_server::commands::{Permitted, Understood};
use tempfile::TempDir;

use crate::args::{self, Global};
use crate::commands::{self, plugin_host};
use crate::context::Context;
use crate::env::ORIGIN;
use crate::remote::asked::{self, Asked};
use crate::remote::sent;
use crate::usage;

/// The folder of the home in which each command has one of its own.
const FOLDER: &str = "remote";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a client's words ask for.
///
/// # Errors
/// Why they ask for nothing here.
pub fn understand(wanted: &NewCommand) -> Result<Understood, String> {
    let names: Vec<&str> = commands::names().collect();
    let typed = std::iter::once("slugline".to_owned()).chain(wanted.words.iter().cloned());
    let words = args::normalise(typed.collect(), &names);
    let matches = args::declare().try_get_matches_from(&words);
    let matches = matches.map_err(|error| misunderstood(wanted, &error))?;
    let global = Global::from_arg_matches(&matches);
    let global = global.map_err(|error| misunderstood(wanted, &error))?;
    let (name, given) = matches.subcommand().ok_or("There is no command.")?;
    let known = commands::known(name).ok_or("There is no such command.")?;
    let need = known.reach.need(given, global.app.is_some());
    let need = need.ok_or_else(|| format!("`{name}` is not for another machine to ask for."))?;
    if global.actor.is_some() {
        return Err("--as is not for a server: its token says who acts.".to_owned());
    }
    if let Some(why) = sent::written(name, given) {
        return Err(why);
    }
    Ok(Understood {
        name: known.name,
        need,
        app: global.app.or_else(|| wanted.app.clone()),
        paths: sent::paths(name, given),
    })
}

fn misunderstood(wanted: &NewCommand, error: &clap::Error) -> String {
    let (ours, theirs) = (VERSION, shown(&wanted.version));
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "There is no command.".to_owned(),
        ErrorKind::InvalidSubcommand => format!(
            "The server does not know this command: it is Slugline {ours}, and the client {theirs}."
        ),
        _ => format!(
            "The server, Slugline {ours}, does not understand what the client, {theirs}, has sent:\n{}",
            usage::plain(error)
        ),
    }
}

fn shown(version: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-+.".contains(*c);
    version.chars().filter(plain).take(40).collect()
}

/// Makes a folder for one command.
///
/// # Errors
/// Where the disk fails.
pub fn private_folder(home: &Path) -> Result<TempDir, Unavailable> {
    let all = home.join(FOLDER);
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&all);
    let private = fs::Permissions::from_mode(0o700);
    let made = made.and_then(|()| {
        tempfile::Builder::new()
            .permissions(private)
            .tempdir_in(&all)
    });
    made.map_err(|error| Unavailable(format!("cannot write {}: {error}", all.display())))
}

/// Removes what a server has left that ended without stopping.
pub fn tidy(home: &Path) {
    // What cannot be removed now is, the next time.
    let _ = fs::remove_dir_all(home.join(FOLDER));
}

/// The program that carries a command out, in a folder with nothing in it, and with nothing of the environment
/// but our own settings and what a deploy needs.
///
/// # Errors
/// Where the disk fails.
pub fn program(context: &Context, permitted: &Permitted<'_>) -> Result<Command, Unavailable> {
    let wanted = permitted.wanted;
    let asked = Asked {
        words: wanted.words.clone(),
        app: permitted.app.as_ref().map(ToString::to_string),
        machine: permitted.machine,
        token: permitted.token.to_string(),
        only: permitted.only.as_ref().map(ToString::to_string),
        url: permitted.url.clone(),
        paths: permitted.paths.clone(),
    };
    let (path, work) = (
        permitted.folder.join("asked"),
        permitted.folder.join("work"),
    );
    let written = fs::create_dir(&work).and_then(|()| write(&path, &asked));
    let cannot = |error| Unavailable(format!("cannot write {}: {error}", path.display()));
    written.map_err(cannot)?;
    let mut command = Command::new(plugin_host::program());
    command.arg(asked::NAME).arg(&path);
    command.current_dir(&work).env_clear();
    command.envs(context.env.of_hook());
    command
        .env("SLUGLINE_HOME", &context.home)
        .env("SLUGLINE_ACTOR", permitted.caller.actor.as_str())
        .env(ORIGIN, &permitted.caller.place)
        .env("GIT_CEILING_DIRECTORIES", permitted.folder);
    let texts = [("TERM", &wanted.term), ("TZ", &wanted.zone)];
    for (name, text) in texts {
        if let Some(text) = text.as_deref().filter(|text| is_name(text)) {
            command.env(name, text);
        }
    }
    match wanted.no_colour {
        true => command.env("NO_COLOR", "1"),
        false => command.env_remove("NO_COLOR"),
    };
    Ok(command)
}

fn write(path: &Path, asked: &Asked) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&serde_json::to_vec(asked)?)
}

/// The name of a terminal or a time zone: none that is the path of a file.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+_/<>,.:".contains(c);
    let path = text.starts_with(['/', ':', '.']) || text.contains("..");
    !path && text.len() <= 64 && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_and_no_file() {
        for good in ["MST7", "Europe/Vienna", "<+03>-3", "xterm-256color"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["/etc/passwd", ":/etc/x", "../x", "a/../b", "a b", "a\n"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
