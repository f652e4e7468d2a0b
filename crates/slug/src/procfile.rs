//! The Procfile: which processes an app has. It must not know how they are run.

use std::collections::BTreeMap;

use slugline_core::slug::ProcessType;

/// The file's name, at the root of the app.
pub const FILE: &str = "Procfile";

/// The longest name of a process type, in characters.
pub const MAX_TYPE: usize = 40;

/// The type that commands have which are run once, so that no process can have it.
const ONE_OFF: &str = "run";

/// What is wrong with a Procfile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Procfile line {line}: {why}")]
pub struct ProcfileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Reads `type: command` lines. Empty lines and lines that begin with `#` are skipped; lines may
/// end in CR LF, and the text may begin with a byte order mark. A type is 1 to [`MAX_TYPE`]
/// letters, digits, `_` and `-`, is there once, and is not `run`; a command is not empty.
///
/// # Errors
/// [`ProcfileError`] for the first line that is wrong.
pub fn parse(bytes: &[u8]) -> Result<BTreeMap<ProcessType, String>, ProcfileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut processes = BTreeMap::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let bad = |why: String| ProcfileError {
            line: index + 1,
            why,
        };
        let line = std::str::from_utf8(line).map_err(|_| bad("it is not UTF-8".to_owned()))?;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, command) = process(line).map_err(bad)?;
        if processes
            .insert(name.to_owned(), command.to_owned())
            .is_some()
        {
            return Err(bad(format!("{name} is there a second time")));
        }
    }
    Ok(processes)
}

fn process(line: &str) -> Result<(&str, &str), String> {
    if line.contains('\0') {
        return Err("it holds a NUL byte".to_owned());
    }
    let Some((name, command)) = line.split_once(':') else {
        return Err("write it as `type: command`, such as `web: python3 app.py`".to_owned());
    };
    let (name, command) = (name.trim_end(), command.trim_start());
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > MAX_TYPE || !name.chars().all(legal) {
        let shown: String = name.chars().take(60).collect();
        return Err(format!(
            "{shown:?} is not a process type: use 1 to {MAX_TYPE} letters, digits, _ and -"
        ));
    }
    if name == ONE_OFF {
        return Err(format!(
            "{ONE_OFF} is what `slugline run` starts; choose another name for this process type"
        ));
    }
    if command.is_empty() {
        return Err(format!("{name} has no command"));
    }
    Ok((name, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|(name, command)| ((*name).to_owned(), (*command).to_owned()));
        assert_eq!(parse(text.as_ref()).unwrap(), expected.collect());
    }

    fn refused(text: impl AsRef<[u8]>, expected: &str) {
        assert_eq!(parse(text.as_ref()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn good_files() {
        check("", &[]);
        check("web: python3 app.py\n", &[("web", "python3 app.py")]);
        check("web:run", &[("web", "run")]);
        check("web : run\t\n", &[("web", "run")]);
        check(
            "\u{feff}# processes\r\n\r\nweb: a\r\nworker_2-x: b c\r\n",
            &[("web", "a"), ("worker_2-x", "b c")],
        );
        check("web: a: b # c", &[("web", "a: b # c")]);
        check("web: echo ü", &[("web", "echo ü")]);
        let long = "t".repeat(40);
        check(format!("{long}: x"), &[(&long, "x")]);
    }

    #[test]
    fn bad_files_name_the_line() {
        let form = "write it as `type: command`, such as `web: python3 app.py`";
        let rule = "is not a process type: use 1 to 40 letters, digits, _ and -";
        let long = "t".repeat(41);
        refused("web python3 app.py", &format!("Procfile line 1: {form}"));
        refused("web: a\n\nworker", &format!("Procfile line 3: {form}"));
        refused(": a", &format!("Procfile line 1: \"\" {rule}"));
        refused("my web: a", &format!("Procfile line 1: \"my web\" {rule}"));
        refused("wéb: a", &format!("Procfile line 1: \"wéb\" {rule}"));
        refused(
            format!("{long}: a"),
            &format!("Procfile line 1: {long:?} {rule}"),
        );
        let taken = "run is what `slugline run` starts; choose another name for this process type";
        refused("web: a\nrun: b", &format!("Procfile line 2: {taken}"));
        refused("web:", "Procfile line 1: web has no command");
        refused("web:  \r\n", "Procfile line 1: web has no command");
        refused(
            "web: a\r\nweb: b",
            "Procfile line 2: web is there a second time",
        );
        refused(b"web: a\nx: \xff", "Procfile line 2: it is not UTF-8");
        refused("web: a\0b", "Procfile line 1: it holds a NUL byte");
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_understood_can_be_written_again(text in "([a-c#]{0,2}[: \r\n\t]{0,2}){0,12}") {
            if let Ok(processes) = parse(text.as_bytes()) {
                let again: String = processes
                    .iter()
                    .map(|(name, command)| format!("{name}: {command}\n"))
                    .collect();
                prop_assert_eq!(parse(again.as_bytes()), Ok(processes));
            }
        }
    }
}
