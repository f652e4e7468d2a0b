//! Which arguments name files: those that a command reads are sent with it, and those that it would write are
//! refused, since they would be written elsewhere. It must not know how they are sent.

use clap::ArgMatches;

use crate::commands::releases::prune;

/// The arguments that name a file or a folder to be read, by command. `-` is standard input, and no file.
const READ: [(&str, &[&str]); 7] = [
    ("deploy", &["source"]),
    ("certs:add", &["cert", "key"]),
    ("tiers:add", &["script"]),
    ("plugins:install", &["from"]),
    ("plugins:update", &["from"]),
    ("import", &["file"]),
    (PRUNE, &["tier"]),
];

/// Its argument may name a script, or a tier that is installed.
const PRUNE: &str = "releases:prune";

/// The commands that write a file, with what is typed instead.
const WRITTEN: [(&str, &str); 2] = [
    ("backup", "slugline backup - > FILE"),
    ("export", "slugline export > FILE"),
];

/// Commands that read what is piped in.
const PIPED: [&str; 1] = ["run"];

fn values(matches: &ArgMatches, id: &str) -> Vec<String> {
    let given = matches.try_get_raw(id).ok().flatten();
    let values = given.into_iter().flatten();
    values
        .filter_map(|value| Some(value.to_str()?.to_owned()))
        .collect()
}

/// The files and folders that a command reads, as they were typed, in their order.
pub fn paths(command: &str, matches: &ArgMatches) -> Vec<String> {
    let ids = READ.iter().find(|(name, _)| *name == command);
    let ids = ids.map_or(&[][..], |(_, ids)| ids);
    let mut paths: Vec<_> = ids.iter().flat_map(|id| values(matches, id)).collect();
    paths.retain(|path| path != "-" && (command != PRUNE || prune::is_script(path)));
    paths
}

/// Whether a command reads what is in the folders of a folder. A plugin is the files at its top: beside them may be
/// all that it was built from.
pub fn is_deep(command: &str) -> bool {
    command == "deploy"
}

/// Whether a command reads what is piped in.
pub fn is_piped(command: &str, matches: &ArgMatches) -> bool {
    let ids = READ.iter().find(|(name, _)| *name == command);
    let ids = ids.map_or(&[][..], |(_, ids)| ids);
    let mut values = ids.iter().flat_map(|id| values(matches, id));
    PIPED.contains(&command) || values.any(|value| value == "-")
}

/// Why a command is refused that would write a file at the server, if it would.
pub fn written(command: &str, matches: &ArgMatches) -> Option<String> {
    let (_, instead) = WRITTEN.iter().find(|(name, _)| *name == command)?;
    let file = values(matches, "file")
        .into_iter()
        .find(|file| file != "-")?;
    Some(format!(
        "The file {file} would be written at the server.\nHave it written here: {instead}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn parsed(line: &str) -> (String, ArgMatches) {
        let matches = args::declare().get_matches_from(line.split(' '));
        let (name, matches) = matches.subcommand().unwrap();
        (name.to_owned(), matches.clone())
    }

    #[test]
    fn every_argument_that_names_a_file_is_known() {
        let mut line = args::declare();
        line.build();
        for command in line.get_subcommands() {
            let ids = READ.iter().find(|(name, _)| *name == command.get_name());
            for id in ids.map_or(&[][..], |(_, ids)| ids) {
                let known = command.get_arguments().any(|arg| arg.get_id() == id);
                assert!(known, "{} has no {id}", command.get_name());
            }
        }
    }

    #[test]
    fn what_is_read_is_found() {
        let check = |line: &str, expected: &[&str]| {
            let (name, matches) = parsed(line);
            assert_eq!(paths(&name, &matches), expected, "{line}");
        };
        check("slugline deploy", &["."]);
        check("slugline deploy /etc/passwd -a x", &["/etc/passwd"]);
        check("slugline certs:add a.b c.pem k.pem", &["c.pem", "k.pem"]);
        check("slugline import -", &[]);
        check("slugline plugins:update x --yes", &[]);
        check("slugline releases:prune --dry-run --tier basic", &[]);
        check(
            "slugline releases:prune --dry-run --tier ./p.lua",
            &["./p.lua"],
        );
        check("slugline run cat /etc/passwd", &[]);
    }

    #[test]
    fn what_would_be_written_elsewhere_is_refused() {
        let check = |line: &str, expected: bool| {
            let (name, matches) = parsed(line);
            assert_eq!(written(&name, &matches).is_some(), expected, "{line}");
        };
        check("slugline backup x.slugline", true);
        check("slugline backup -", false);
        check("slugline export", false);
        check("slugline export x.json", true);
        check("slugline import x.json", false);
    }

    #[test]
    fn what_is_piped_in_is_sent_only_to_those_who_read_it() {
        let check = |line: &str, expected: bool| {
            let (name, matches) = parsed(line);
            assert_eq!(is_piped(&name, &matches), expected, "{line}");
        };
        check("slugline run cat", true);
        check("slugline import -", true);
        check("slugline import x", false);
        check("slugline releases", false);
    }
}
