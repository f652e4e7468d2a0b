//! The users that processes run under: numbers of a range that nobody else gives out, one for each
//! name, kept in a file of the home so that they outlive restarts. It must not know what a name is
//! the name of.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// The first number that is given out, as user and as group. Nothing else on a usual Linux gives out
/// numbers from here: those of containers end below 1,879,048,192, those of directory services below
/// 2,000,200,001.
pub const FIRST_USER: u32 = 2_100_000_000;
/// The last one.
pub const LAST_USER: u32 = 2_139_999_999;

const COUNT: u64 = (LAST_USER - FIRST_USER) as u64 + 1;

/// Why users cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read or written.
    #[error("cannot {what} the file of users {path:?}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A line of it is none of ours.
    #[error("line {line} of {path:?} is not a name and a user of ours")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Every number is taken.
    #[error("no user is left between {FIRST_USER} and {LAST_USER}")]
    Full,
}

/// The users of one home: the file `users` in it, a name and a number in each line.
#[derive(Clone, Debug)]
pub struct Users {
    home: PathBuf,
}

impl Users {
    /// Those of a home; nothing is opened yet.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
        }
    }

    /// The user of a name: the one that it always had, or a new one. Where it begins to look depends
    /// on home and name, so that two homes of one machine hardly ever come to the same number.
    ///
    /// # Errors
    /// [`UsersError`].
    pub fn of(&self, name: &str) -> Result<u32, UsersError> {
        if let Some((_, user)) = self.all()?.into_iter().find(|(known, _)| known == name) {
            return Ok(user);
        }
        let _turn = self.lock()?;
        // Somebody else may have been faster.
        let mut all = self.all()?;
        if let Some((_, user)) = all.iter().find(|(known, _)| known == name) {
            return Ok(*user);
        }
        let home = self.home.canonicalize();
        let home = home.unwrap_or_else(|_| self.home.clone());
        let begin = spread(&[home.as_os_str().as_encoded_bytes(), name.as_bytes()]);
        let taken = |user: &u32| all.iter().any(|(_, known)| known == user);
        // One more than are taken are enough to find one that is not.
        let user = (0..=all.len() as u64)
            .filter_map(|step| number(begin.wrapping_add(step)))
            .find(|user| !taken(user))
            .ok_or(UsersError::Full)?;
        all.push((name.to_owned(), user));
        self.write(&all)?;
        Ok(user)
    }

    /// All that have been given out, with their names, in the order in which that happened.
    ///
    /// # Errors
    /// [`UsersError`].
    pub fn all(&self) -> Result<Vec<(String, u32)>, UsersError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.cannot("read")(error)),
        };
        let lines = text.lines().enumerate();
        let parsed = lines.map(|(index, line)| {
            let line_number = index + 1;
            parse(line).ok_or_else(|| UsersError::Line {
                path: path.clone(),
                line: line_number,
            })
        });
        parsed.collect()
    }

    /// Takes the user of a name back: it may be given to another name.
    ///
    /// # Errors
    /// [`UsersError`].
    pub fn forget(&self, name: &str) -> Result<(), UsersError> {
        if !self.all()?.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        let _turn = self.lock()?;
        let mut all = self.all()?;
        all.retain(|(known, _)| known != name);
        self.write(&all)
    }

    fn path(&self) -> PathBuf {
        self.home.join("users")
    }

    fn cannot(&self, what: &'static str) -> impl FnOnce(io::Error) -> UsersError {
        let path = self.path();
        move |source| UsersError::Io { what, path, source }
    }

    fn lock(&self) -> Result<Flock<File>, UsersError> {
        let path = self.home.join("users.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        let file = file.map_err(self.cannot("lock"))?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| self.cannot("lock")(errno.into()))
    }

    /// Writes it beside its place: whoever reads sees the old one or the new one.
    fn write(&self, all: &[(String, u32)]) -> Result<(), UsersError> {
        let new = self.home.join(".new-users");
        let text: String = all
            .iter()
            .map(|(name, user)| format!("{name} {user}\n"))
            .collect();
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, self.path())
        });
        written.map_err(self.cannot("write"))
    }
}

fn parse(line: &str) -> Option<(String, u32)> {
    let (name, user) = line.split_once(' ')?;
    let user = user.parse().ok()?;
    let ours = (FIRST_USER..=LAST_USER).contains(&user) && !name.is_empty();
    ours.then(|| (name.to_owned(), user))
}

fn number(place: u64) -> Option<u32> {
    u32::try_from(place % COUNT).ok()?.checked_add(FIRST_USER)
}

/// A number that spreads well (FNV-1a), and is the same on every machine.
pub(crate) fn spread(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_stays_its_names_and_is_nobody_elses() {
        let home = tempfile::tempdir().unwrap();
        let users = Users::new(home.path());
        let mut given: Vec<u32> = (0..200)
            .map(|n| users.of(&format!("app-{n}")).unwrap())
            .collect();
        assert_eq!(users.of("app-7").unwrap(), given[7]);
        assert_eq!(Users::new(home.path()).of("app-199").unwrap(), given[199]);
        assert!(
            given
                .iter()
                .all(|user| (FIRST_USER..=LAST_USER).contains(user))
        );
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 200);
        users.forget("app-7").unwrap();
        users.forget("app-7").unwrap();
        assert_eq!(users.all().unwrap().len(), 199);
    }

    #[test]
    fn a_number_that_is_taken_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let users = Users::new(home.path());
        let first = users.of("one").unwrap();
        users.forget("one").unwrap();
        fs::write(home.path().join("users"), format!("other {first}\n")).unwrap();
        assert_eq!(users.of("one").unwrap(), first + 1);
    }

    #[test]
    fn many_at_once_get_different_ones() {
        let home = tempfile::tempdir().unwrap();
        let users = Users::new(home.path());
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let users = users.clone();
                std::thread::spawn(move || users.of(&format!("app-{n}")).unwrap())
            })
            .collect();
        let mut given: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 8);
        assert_eq!(users.all().unwrap().len(), 8);
    }

    #[test]
    fn a_file_that_somebody_spoiled_is_said_to_be() {
        let home = tempfile::tempdir().unwrap();
        for text in ["root 0\n", "x\n", "a 2100000000\n 2100000001\n"] {
            fs::write(home.path().join("users"), text).unwrap();
            let error = Users::new(home.path()).of("app").unwrap_err();
            assert!(matches!(error, UsersError::Line { .. }), "{error}");
        }
    }
}
