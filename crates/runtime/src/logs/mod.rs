//! The logs of apps: one file each, with one older file behind it, and whoever follows. It must
//! not know what the lines say.

pub(crate) mod lines;
pub(crate) mod tail;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slugline_core::app::AppName;
use tokio::sync::broadcast;

/// How many batches of lines a follower may lie behind before it misses some.
const BEHIND: usize = 1024;

/// The logs of all apps.
pub(crate) struct Logs {
    dir: PathBuf,
    limit: u64,
    apps: Mutex<BTreeMap<AppName, Arc<AppLog>>>,
}

/// The log of one app.
pub(crate) struct AppLog {
    path: PathBuf,
    limit: u64,
    file: Mutex<Option<(File, u64)>>,
    followers: broadcast::Sender<Arc<str>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with the lock left nothing half-done that matters to a log.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The log file of an app in the folder of logs.
pub(crate) fn file(dir: &Path, app: &AppName) -> PathBuf {
    dir.join(format!("{app}.log"))
}

/// The file that a log file was renamed to when it was full.
pub(crate) fn older(file: &Path) -> PathBuf {
    file.with_extension("log.1")
}

impl Logs {
    pub(crate) fn new(dir: PathBuf, limit: u64) -> Self {
        Self {
            dir,
            limit,
            apps: Mutex::default(),
        }
    }

    /// The log of an app; nothing is written or created before its first line.
    pub(crate) fn app(&self, app: &AppName) -> Arc<AppLog> {
        let mut apps = lock(&self.apps);
        let log = apps.entry(app.clone()).or_insert_with(|| {
            Arc::new(AppLog {
                path: file(&self.dir, app),
                limit: self.limit,
                file: Mutex::default(),
                followers: broadcast::Sender::new(BEHIND),
            })
        });
        Arc::clone(log)
    }
}

impl AppLog {
    /// Appends lines of one source, such as `app[web.1]`, each with the time. A log that cannot be
    /// written (a full disk) loses lines, and nothing else: those who follow still get them.
    pub(crate) fn append<'a>(&self, source: &str, lines: impl IntoIterator<Item = &'a str>) {
        let now = jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%S+00:00")
            .to_string();
        let mut text = String::new();
        for line in lines {
            text.extend([now.as_str(), " ", source, ": ", line, "\n"]);
        }
        if text.is_empty() {
            return;
        }
        let mut file = lock(&self.file);
        if self.write(&mut file, &text).is_err() {
            *file = None;
        }
        // Inside the lock, so that all see one order. It fails when nobody follows.
        let _ = self.followers.send(text.into());
    }

    /// The last `count` lines, and whatever is appended from then on: no line is in neither, and
    /// none in both.
    pub(crate) fn follow(
        &self,
        count: usize,
    ) -> std::io::Result<(Vec<String>, broadcast::Receiver<Arc<str>>)> {
        let _held = lock(&self.file);
        Ok((
            tail::tail_file(&self.path, count)?,
            self.followers.subscribe(),
        ))
    }

    fn write(&self, open: &mut Option<(File, u64)>, text: &str) -> std::io::Result<()> {
        let size = text.len() as u64;
        if open
            .as_ref()
            .is_some_and(|(_, length)| length + size > self.limit)
        {
            *open = None;
            std::fs::rename(&self.path, older(&self.path))?;
        }
        let (file, length) = match open {
            Some(pair) => pair,
            None => {
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.path)?;
                let length = file.metadata()?.len();
                open.insert((file, length))
            }
        };
        file.write_all(text.as_bytes())?;
        *length += size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limit: u64) -> (tempfile::TempDir, Arc<AppLog>) {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(dir.path().to_owned(), limit);
        let log = logs.app(&AppName::new("myapp").unwrap());
        (dir, log)
    }

    #[test]
    fn a_full_file_makes_room_and_the_one_before_it_is_kept() {
        let (dir, log) = log(200);
        for number in 0..20 {
            log.append("app[web.1]", [format!("line {number}").as_str()]);
        }
        let app = AppName::new("myapp").unwrap();
        let lines = tail::tail(dir.path(), &app, 3).unwrap();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].ends_with("+00:00 app[web.1]: line 17"),
            "{lines:?}"
        );
        assert_eq!(lines[0].find(' '), Some("2012-02-19T07:32:10+00:00".len()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let all = tail::tail(dir.path(), &app, 100).unwrap();
        assert!((4..=10).contains(&all.len()), "{all:?}");
        assert!(all.last().unwrap().ends_with(": line 19"));
    }

    #[test]
    fn a_follower_gets_the_end_and_then_what_comes() {
        let (_dir, log) = log(1000);
        log.append("a", ["1", "2"]);
        let (past, mut coming) = log.follow(1).unwrap();
        assert!(past.len() == 1 && past[0].ends_with(" a: 2"), "{past:?}");
        log.append("a", ["3"]);
        assert!(coming.try_recv().unwrap().ends_with(" a: 3\n"));
        assert!(coming.try_recv().is_err());
    }
}
