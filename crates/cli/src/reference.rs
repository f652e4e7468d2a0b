//! `docs/reference.md` against the declarations: every command with its arguments and options, the
//! exit statuses and the variables. `UPDATE=1` writes the page. It must not know what a command does.

use std::fmt::Write as _;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

use crate::args;
use crate::env::VARIABLES;
use crate::exit::Status;

/// The page, but for what is put in for the words in angle brackets.
const PAGE: &str = include_str!("reference.md");

/// Text for a cell of a table: options that it names are set as code, and a bar does not end it.
fn cell(text: &str) -> String {
    let text = text.replace('\n', " ").replace('|', "\\|");
    let word = |word: &str| match word.starts_with("--") && !word.contains('`') {
        true => {
            let bare = word.trim_end_matches([',', ';', '.']);
            format!("`{bare}`{}", &word[bare.len()..])
        }
        false => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn help(text: Option<&StyledStr>, of: &str) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    assert!(!text.is_empty(), "{of} has no help");
    text
}

/// How an argument is written: `NAME`, or `-n, --num N`.
fn written(arg: &Arg) -> String {
    let value = |arg: &Arg| match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().as_str().to_uppercase(),
    };
    if arg.is_positional() {
        return value(arg);
    }
    let short = arg.get_short().map(|c| format!("-{c}"));
    let long = arg.get_long().map(|name| format!("--{name}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let takes = match arg.get_action() {
        ArgAction::Set | ArgAction::Append => format!(" {}", value(arg)),
        _ => String::new(),
    };
    names.join(", ") + &takes
}

/// One row of a table.
fn row(out: &mut String, arg: &Arg, of: &str) {
    let written = written(arg);
    let mut text = help(arg.get_help(), &format!("{written} of {of}"));
    let default: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if !default.is_empty() && arg.get_action().takes_values() {
        write!(text, "; {} where nothing is said", default.join(" ")).unwrap();
    }
    let several = matches!(arg.get_action(), ArgAction::Append) && !arg.is_positional();
    if several && arg.get_value_delimiter().is_none() {
        text.push_str("; may be repeated");
    }
    let written = written.replace('|', "\\|");
    writeln!(out, "| `{written}` | {} |", cell(&text)).unwrap();
}

fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    let automatic = |arg: &Arg| matches!(arg.get_id().as_str(), "help" | "version");
    command
        .get_arguments()
        .filter(move |arg| !arg.is_global_set() && !automatic(arg) && !arg.is_hide_set())
}

fn table<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>, of: &str) {
    let mut args = args.peekable();
    if args.peek().is_some() {
        out.push_str("\n| | |\n|---|---|\n");
        args.for_each(|arg| row(out, arg, of));
    }
}

/// Where a heading of GitHub's pages is linked to.
fn anchor(name: &str) -> String {
    name.replace(':', "")
}

fn chapter(out: &mut String, command: &Command) {
    let name = command.get_name();
    let about = help(command.get_about(), name);
    write!(out, "### `{name}`\n\n{about}").unwrap();
    let aliases: Vec<_> = command
        .get_visible_aliases()
        .map(|alias| format!("`{alias}`"))
        .collect();
    if !aliases.is_empty() {
        write!(out, "; also {}", aliases.join(", ")).unwrap();
    }
    out.push_str(".\n\n```\n");
    let usage = command.clone().render_usage().to_string();
    let usage = usage
        .trim_start_matches("Usage: ")
        .replace(" [OPTIONS]", "");
    let options: Vec<&Arg> = own(command).filter(|arg| !arg.is_positional()).collect();
    out.push_str(usage.trim_end());
    if options.iter().any(|arg| !arg.is_required_set()) {
        out.push_str(" [OPTIONS]");
    }
    out.push_str("\n```\n");
    let (positional, rest): (Vec<&Arg>, Vec<&Arg>) = own(command).partition(|a| a.is_positional());
    table(out, positional.into_iter().chain(rest), name);
    out.push('\n');
}

fn page() -> String {
    let mut line = args::declare();
    line.build();
    let (mut list, mut commands, mut global) = (String::new(), String::new(), String::new());
    for command in line
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let (name, about) = (command.get_name(), help(command.get_about(), ""));
        writeln!(list, "| [`{name}`](#{}) | {about} |", anchor(name)).unwrap();
        chapter(&mut commands, command);
    }
    for arg in line.get_arguments().filter(|arg| arg.is_global_set()) {
        row(&mut global, arg, "every command");
    }
    let status = |status: Status| format!("| {} | {} |\n", status.number(), status.meaning());
    let variable = |(name, what): (&str, &str)| format!("| `{name}` | {} |\n", cell(what));
    let mut page = PAGE.to_owned();
    for (word, text) in [
        ("<list>", list),
        ("<global>", global),
        ("<statuses>", Status::ALL.map(status).concat()),
        ("<variables>", VARIABLES.map(variable).concat()),
        ("<commands>", commands),
    ] {
        assert_eq!(page.matches(word).count(), 1, "{word}");
        page = page.replace(word, text.trim_end());
    }
    page
}

#[test]
fn the_page_shows_the_commands_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        panic!("docs/reference.md is out of date: UPDATE=1 cargo test -p slugline reference");
    }
}
