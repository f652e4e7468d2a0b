//! `~/.netrc`: where curl and git look for passwords, too. It is read, and one machine's entry is put in its
//! place or taken out; everything else in it stays as it is. It must not know what a token is good for.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::error::CommandError;

/// Whoever logs in: the API heeds no name.
const LOGIN: &str = "slugline";

/// Where it is.
///
/// # Errors
/// Where there is no home.
pub fn path(env: &Env) -> Result<PathBuf, CommandError> {
    let home = env.get("HOME").map(PathBuf::from);
    let home = home.ok_or_else(|| CommandError::usage("There is no ~/.netrc: HOME is not set."))?;
    Ok(home.join(".netrc"))
}

/// The password for a machine, by the first of these names that is there.
///
/// # Errors
/// Where it cannot be read, or others can.
pub fn password(path: &Path, names: &[&str]) -> Result<Option<String>, CommandError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let entries = entries(&text);
    let of = |name: &&str| {
        let entry = entries.iter().find(|entry| entry.machine == *name)?;
        entry.password.map(str::to_owned)
    };
    Ok(names.iter().find_map(of))
}

/// Puts a machine's password in, in the place of what is there for it.
///
/// # Errors
/// Where the file cannot be read or written, or others can read it.
pub fn set(path: &Path, machine: &str, password: &str) -> Result<(), CommandError> {
    let text = read(path)?.unwrap_or_default();
    let mut text = without(&text, machine);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    // An entry for everybody else ends the search of whoever reads the file.
    let line = format!("machine {machine} login {LOGIN} password {password}\n");
    write(path, &format!("{line}{text}"))
}

/// Takes a machine's entry out. Answers whether there was one.
///
/// # Errors
/// As [`set`].
pub fn remove(path: &Path, machine: &str) -> Result<bool, CommandError> {
    let Some(text) = read(path)? else {
        return Ok(false);
    };
    let left = without(&text, machine);
    if left == text {
        return Ok(false);
    }
    write(path, &left)?;
    Ok(true)
}

fn read(path: &Path) -> Result<Option<String>, CommandError> {
    let shown = path.display();
    let cannot = |error: io::Error| CommandError::failed(format!("cannot read {shown}: {error}"));
    let known = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(cannot)?,
    };
    if known.permissions().mode() & 0o077 != 0 {
        let text = format!("Others may read {shown}, in which passwords are.");
        return Err(CommandError::failed(text).hint(&format!("Mend it: chmod 600 {shown}")));
    }
    fs::read_to_string(path).map(Some).map_err(cannot)
}

/// Written beside it and renamed, so that nobody finds half of it. A link stays one.
fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let written = || {
        let above = place.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::with_prefix_in(".netrc-", above)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&place)?;
        Ok(())
    };
    written().map_err(|error: io::Error| {
        CommandError::failed(format!("cannot write {}: {error}", path.display()))
    })
}

/// One entry, and where it stands in the text.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    machine: &'a str,
    password: Option<&'a str>,
    from: usize,
    to: usize,
}

/// Words with the places where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(begin) = rest.find(|c: char| !c.is_whitespace()) else {
            break;
        };
        let word = &rest[begin..];
        // What follows is for people, to the end of the line.
        if word.starts_with('#') {
            at += begin + word.find('\n').unwrap_or(word.len());
            continue;
        }
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        words.push((at + begin, &word[..end]));
        at += begin + end;
        if word[..end] == *"macdef" {
            // A macro goes on to the first empty line.
            let rest = &text[at..];
            at += rest.find("\n\n").unwrap_or(rest.len());
        }
    }
    words
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let words = words(text);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let (mut open, mut place) = (false, 0);
    while let Some((at, word)) = words.get(place).copied() {
        let value = words.get(place + 1).copied();
        match (word, value) {
            ("machine", Some((from, machine))) => {
                entries.push(Entry {
                    machine,
                    password: None,
                    from: at,
                    to: from + machine.len(),
                });
                open = true;
            }
            ("login" | "account" | "password", Some((from, value))) => {
                if let Some(entry) = entries.last_mut().filter(|_| open) {
                    entry.to = from + value.len();
                    if word == "password" {
                        entry.password = Some(value);
                    }
                }
            }
            _ => {
                open = false;
                place += 1;
                continue;
            }
        }
        place += 2;
    }
    entries
}

/// The text without the entries of a machine, and without the rest of a line that ends with one.
fn without(text: &str, machine: &str) -> String {
    let mut left = String::new();
    let mut at = 0;
    for entry in entries(text)
        .iter()
        .filter(|entry| entry.machine == machine)
    {
        left.push_str(&text[at..entry.from]);
        let rest = &text[entry.to..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        let line = rest[blank..].starts_with('\n');
        at = entry.to + if line { blank + 1 } else { 0 };
    }
    left.push_str(&text[at..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nmachine a.example.com login jim password one # really\n\
        machine b.example.com:8081\n  login x\n  password two\n\
        macdef init\nmachine evil password three\n\n\
        default login anonymous password four\n";

    #[test]
    fn a_password_is_found_by_its_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netrc");
        assert_eq!(password(&path, &["a"]).unwrap(), None);
        fs::write(&path, TEXT).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let check = |names: &[&str], expected: Option<&str>| {
            assert_eq!(
                password(&path, names).unwrap().as_deref(),
                expected,
                "{names:?}"
            );
        };
        check(&["a.example.com:443", "a.example.com"], Some("one"));
        check(&["b.example.com:8081", "b.example.com"], Some("two"));
        // What is for everybody is not for a server of ours, and a macro names none.
        check(&["c.example.com"], None);
        check(&["evil"], None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = password(&path, &["a.example.com"]).unwrap_err();
        assert!(error.text.contains("chmod 600"), "{}", error.text);
    }

    #[test]
    fn an_entry_is_replaced_and_taken_out_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netrc");
        set(&path, "b.example.com:8081", "secret").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let line = "machine b.example.com:8081 login slugline password secret\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), line);
        fs::write(&path, TEXT).unwrap();
        set(&path, "b.example.com:8081", "secret").unwrap();
        let rest = TEXT.replace(
            "machine b.example.com:8081\n  login x\n  password two\n",
            "",
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}{rest}"));
        assert!(remove(&path, "b.example.com:8081").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), rest);
        assert!(!remove(&path, "b.example.com:8081").unwrap());
        assert!(remove(&path, "a.example.com").unwrap());
        let left = fs::read_to_string(&path).unwrap();
        assert!(left.starts_with("# mine\n # really\nmacdef"), "{left}");
    }
}
