//! The master key of a ledger: a file of mode 0600 beside the database, or a key that the operator
//! keeps elsewhere and hands over as text or through a command. It must not know what is sealed
//! with it, and never lets a key into an error.
//!
//! The master key seals nothing but the keys in the table `data_key` (`sealing.rs`).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use slugline_core::port::LedgerError;

use crate::fault::Result;

/// The name of the key's file in the home.
pub const KEY_FILE: &str = "ledger.key";

const HEAD: &str = "\
# The key to the values in ledger.db. Without it they cannot be read: keep a copy of it elsewhere.\n";

/// Where the master key of a ledger is.
#[derive(Clone, Default)]
pub enum KeySource {
    /// In the file `ledger.key` of the home, which is made with a new ledger.
    #[default]
    File,
    /// Here: 64 hexadecimal digits.
    Given(String),
    /// What this command, run by `sh -c`, prints: 64 hexadecimal digits.
    Command(String),
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File => "File",
            Self::Given(_) => "Given",
            Self::Command(_) => "Command",
        })
    }
}

/// One master key: 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Master([u8; 32]);

impl Master {
    /// A new one, from the system's randomness.
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What names it without giving it away: 16 hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"slugline master key\0");
        context.update(&self.0);
        hex(&context.finish().as_ref()[..8])
    }

    fn parse(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok().map(Self)
    }
}

/// Fills from the system's randomness.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    let filled = SystemRandom::new().fill(bytes);
    Ok(filled.map_err(|_| unusable("the system gave no random bytes"))?)
}

/// The master keys that are at hand, the newest first. A file holds two of them only while a
/// rotation is under way.
pub(crate) fn masters(home: &Path, source: &KeySource) -> Result<Vec<Master>> {
    let (text, whence) = match source {
        KeySource::File => return in_file(home),
        KeySource::Given(text) => (text.clone(), "the key in SLUGLINE_KEY"),
        KeySource::Command(command) => (printed(command)?, "what SLUGLINE_KEY_COMMAND prints"),
    };
    let master = Master::parse(text.trim());
    let why = || {
        unusable(format!(
            "{whence} is not 64 hexadecimal digits; a new one comes from: openssl rand -hex 32"
        ))
    };
    Ok(vec![master.ok_or_else(why)?])
}

/// The master key of a new ledger; where it is to be in a file and is not, it is made.
pub(crate) fn master_of_new(home: &Path, source: &KeySource) -> Result<Master> {
    if matches!(source, KeySource::File) && !file(home).exists() {
        let made = create(home, &Master::random()?);
        // Another process may have been faster: then its key is the key.
        if let Err(error) = made
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(error.into());
        }
    }
    let masters = masters(home, source)?;
    let newest = masters.into_iter().next();
    Ok(newest.ok_or_else(|| unusable(format!("{} holds no key", file(home).display())))?)
}

/// The file of a home's key.
pub(crate) fn file(home: &Path) -> PathBuf {
    home.join(KEY_FILE)
}

fn in_file(home: &Path) -> Result<Vec<Master>> {
    let path = file(home);
    let shown = path.display();
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(unusable(format!(
                "{shown} is missing, and without it config vars cannot be read. Put it back from \
                 your backup, or give the key in SLUGLINE_KEY"
            ))
            .into());
        }
        other => other?,
    };
    let mode = std::fs::metadata(&path)?.mode();
    if mode & 0o077 != 0 {
        return Err(unusable(format!(
            "{shown} can be read by others. Mend it: chmod 600 {shown}"
        ))
        .into());
    }
    let damaged = || unusable(format!("{shown} holds a line that is no key"));
    Ok(of_file(&text).ok_or_else(damaged)?)
}

/// The keys in the text of a file; `None` where a line is none.
pub(crate) fn of_file(text: &str) -> Option<Vec<Master>> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Master::parse).collect()
}

/// Writes the file of a home that has none. It appears whole or not at all.
fn create(home: &Path, master: &Master) -> std::io::Result<()> {
    let own = written(home, std::slice::from_ref(master))?;
    let linked = std::fs::hard_link(&own, file(home));
    std::fs::remove_file(&own)?;
    linked?;
    File::open(home)?.sync_all()
}

/// Replaces the keys in the file, durably.
pub(crate) fn replace(home: &Path, masters: &[Master]) -> Result<()> {
    let own = written(home, masters)?;
    std::fs::rename(&own, file(home))?;
    Ok(File::open(home)?.sync_all()?)
}

/// A file of its own name in the home with these keys, durable.
fn written(home: &Path, masters: &[Master]) -> std::io::Result<PathBuf> {
    let own = crate::connection::own_name(home, "key");
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(true).mode(0o600);
    let mut open = how.open(&own)?;
    let mut text = HEAD.to_owned();
    for master in masters {
        text.push_str(&hex(&master.0));
        text.push('\n');
    }
    open.write_all(text.as_bytes())?;
    open.sync_all()?;
    Ok(own)
}

fn printed(command: &str) -> Result<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null());
    let output = shell.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        let why = format!("SLUGLINE_KEY_COMMAND failed with {}", output.status);
        return Err(unusable(why).into());
    }
    let text = String::from_utf8(output.stdout);
    Ok(text.map_err(|_| unusable("SLUGLINE_KEY_COMMAND did not print text"))?)
}

pub(crate) fn unusable(why: impl Into<String>) -> LedgerError {
    LedgerError::Key(why.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_is_its_owners_alone() {
        let home = slugline_testkit::private_folder();
        let first = master_of_new(home.path(), &KeySource::File).unwrap();
        let again = master_of_new(home.path(), &KeySource::File).unwrap();
        assert!(first == again);
        let mode = std::fs::metadata(file(home.path())).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_used_says_why_and_shows_no_key() {
        let home = slugline_testkit::private_folder();
        let check = |source: &KeySource, expected: &str| {
            let error: LedgerError = masters(home.path(), source).err().unwrap().into();
            let text = error.to_string();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("5ec2e7"), "{text}");
        };
        check(&KeySource::File, "ledger.key is missing");
        check(&KeySource::Given("5ec2e7".into()), "not 64 hexadecimal");
        check(
            &KeySource::Command("echo 5ec2e7".into()),
            "not 64 hexadecimal",
        );
        check(&KeySource::Command("exit 3".into()), "exit status: 3");
        std::fs::write(file(home.path()), "5ec2e7\n").unwrap();
        check(&KeySource::File, "chmod 600");
        replace(home.path(), &[Master::random().unwrap()]).unwrap();
        assert_eq!(masters(home.path(), &KeySource::File).unwrap().len(), 1);
    }

    #[test]
    fn a_key_is_taken_from_a_command() {
        let home = slugline_testkit::private_folder();
        let key = "0f".repeat(32);
        let given = masters(home.path(), &KeySource::Given(key.clone())).unwrap();
        let printed = masters(home.path(), &KeySource::Command(format!("echo {key}"))).unwrap();
        assert!(given == printed);
        assert_eq!(given[0].fingerprint().len(), 16);
    }
}
