//! The logs of apps: what their processes write, what the router answers, and what happens to them,
//! line by line. Lines are handed over and never waited for; a thread of their own brings them to
//! files ([`writer`]), which are rotated ([`files`]) and which commands read by themselves ([`tail`],
//! [`follow`]); another sends them to drains ([`drains`]). It must not know what the lines say.

pub(crate) mod drains;
pub(crate) mod files;
pub(crate) mod follow;
pub(crate) mod line;
mod lines;
pub(crate) mod pump;
pub(crate) mod tail;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slugline_core::app::AppName;
use slugline_core::settings::Drain;
use tokio::time::timeout;

use self::drains::{Tap, Thread};
use self::files::{LogFile, Sizes};
use self::line::stamp;
use self::writer::{Desk, Writer};
use crate::limits::Limits;

/// How long a disk that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The logs of all apps.
pub(crate) struct Logs {
    dir: PathBuf,
    limits: Arc<Limits>,
    writer: Arc<Writer>,
    thread: Arc<Thread>,
    apps: Mutex<BTreeMap<AppName, Arc<AppLog>>>,
}

/// The log of one app.
pub(crate) struct AppLog {
    app: AppName,
    limits: Arc<Limits>,
    writer: Arc<Writer>,
    desk: Arc<Desk>,
    thread: Arc<Thread>,
    taps: Mutex<Vec<Tap>>,
}

/// Lines of one source that are handed over together.
pub(crate) struct Batch {
    source: String,
    /// What each line begins with; empty while there is none.
    begin: String,
    text: String,
    lines: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with the lock left nothing half-done that matters to a log.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the log of an app that is gone, so that the next of its name begins with none. No daemon
/// is needed, and one that runs notices.
///
/// # Errors
/// Where a file cannot be removed.
pub fn remove_log(logs: &Path, app: &AppName) -> std::io::Result<()> {
    files::remove(logs, app)
}

impl Logs {
    /// Starts the thread that writes.
    pub(crate) fn new(dir: PathBuf, limits: &Limits) -> std::io::Result<Self> {
        Ok(Self {
            dir,
            limits: Arc::new(limits.clone()),
            writer: Arc::new(Writer::start()?),
            thread: Arc::default(),
            apps: Mutex::default(),
        })
    }

    /// The log of an app; nothing is written or created before its first line.
    pub(crate) fn app(&self, app: &AppName) -> Arc<AppLog> {
        let mut apps = lock(&self.apps);
        let log = apps.entry(app.clone()).or_insert_with(|| {
            let sizes = Sizes {
                bytes: self.limits.log_bytes,
                older: self.limits.log_files,
            };
            let file = LogFile::new(&self.dir, app, sizes);
            Arc::new(AppLog {
                app: app.clone(),
                limits: Arc::clone(&self.limits),
                writer: Arc::clone(&self.writer),
                desk: Arc::new(Desk::new(file)),
                thread: Arc::clone(&self.thread),
                taps: Mutex::default(),
            })
        });
        Arc::clone(log)
    }

    /// Waits until all lines that were handed over are in their files, but not for ever.
    pub(crate) async fn settled(&self) {
        settled(&self.writer).await;
    }

    /// Waits until all lines are in their files, and ends all drains, once they have sent what waits
    /// or have had a few seconds to.
    pub(crate) async fn close(&self) {
        self.settled().await;
        let logs: Vec<_> = lock(&self.apps).values().cloned().collect();
        let ends: Vec<_> = logs.iter().flat_map(|log| log.drain_to(&[])).collect();
        for end in ends {
            end.await;
        }
    }
}

impl AppLog {
    /// Appends lines of one source, such as `router` or `app[web.1]`, each with the time. It never
    /// waits, whatever the disk does: where that lies far behind, or cannot be written, lines are
    /// lost, and a line says how many.
    pub(crate) fn append<'a>(&self, source: &str, lines: impl IntoIterator<Item = &'a str>) {
        let mut batch = Batch::new(source.to_owned());
        lines.into_iter().for_each(|line| batch.push(line));
        self.take(&mut batch);
    }

    /// Appends what is in a batch, which is empty then.
    pub(crate) fn take(&self, batch: &mut Batch) {
        if batch.lines > 0 {
            {
                // Inside the lock, so that drains have the order that the file has.
                let taps = lock(&self.taps);
                self.writer.append(&self.desk, &batch.text, batch.lines);
                if !taps.is_empty() {
                    let text = batch.text.as_str().into();
                    taps.iter().for_each(|tap| tap.push(&text, batch.lines));
                }
            }
            batch.clear();
        }
    }

    /// Waits, not for long, while the disk is far behind: see [`Desk::room`].
    pub(crate) async fn room(&self) {
        self.desk.room().await;
    }

    /// From now on lines go to these drains, and to no others. Those that were there before go on;
    /// of those that were not named the ends are answered, which come by themselves.
    pub(crate) fn drain_to(
        self: &Arc<Self>,
        drains: &[Drain],
    ) -> Vec<impl Future<Output = ()> + use<>> {
        let mut taps = lock(&self.taps);
        let (stay, go): (Vec<_>, _) = std::mem::take(&mut *taps)
            .into_iter()
            .partition(|tap| drains.iter().any(|drain| tap.is(drain)));
        *taps = stay;
        for drain in drains {
            if !taps.iter().any(|tap| tap.is(drain)) {
                let log = Arc::downgrade(self);
                taps.extend(Tap::open(&self.thread, &self.app, drain, &self.limits, log));
            }
        }
        go.into_iter().map(Tap::close).collect()
    }

    /// As [`Logs::settled`].
    pub(crate) async fn settled(&self) {
        settled(&self.writer).await;
    }
}

async fn settled(writer: &Writer) {
    // It fails when the disk hangs, which must not keep anybody from anything else.
    let _ = timeout(PATIENCE, writer.settled()).await;
}

impl Batch {
    pub(crate) fn new(source: String) -> Self {
        Self {
            source,
            begin: String::new(),
            text: String::new(),
            lines: 0,
        }
    }

    /// One line, without its end.
    pub(crate) fn push(&mut self, line: &str) {
        if self.lines == 0 {
            self.begin = format!("{} {}: ", stamp(), self.source);
        }
        self.text.extend([self.begin.as_str(), line, "\n"]);
        self.lines += 1;
    }

    fn clear(&mut self) {
        self.text.clear();
        self.lines = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(dir: &Path) -> Logs {
        let limits = Limits {
            log_bytes: 200,
            ..Limits::default()
        };
        Logs::new(dir.to_owned(), &limits).unwrap()
    }

    fn run(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(future);
    }

    #[test]
    fn lines_have_their_time_and_source_and_are_there_once_settled() {
        let dir = tempfile::tempdir().unwrap();
        let (logs, app) = (logs(dir.path()), AppName::new("myapp").unwrap());
        let log = logs.app(&app);
        for number in 0..20 {
            log.append("app[web.1]", [format!("line {number}").as_str()]);
        }
        log.append("router", ["one", "two"]);
        log.append("nothing", []);
        run(logs.settled());
        let lines = tail::tail(dir.path(), &app, 3).unwrap();
        assert!(
            lines[0].ends_with("+00:00 app[web.1]: line 19"),
            "{lines:?}"
        );
        assert!(lines[2].ends_with("+00:00 router: two"), "{lines:?}");
        assert_eq!(lines[0].find(' '), Some("2012-02-19T07:32:10+00:00".len()));
        // 200 bytes a file, and as many files as are kept.
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 1 + Limits::default().log_files);
    }

    #[test]
    fn what_a_broken_disk_lost_is_counted_when_it_works_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let (logs, app) = (logs(&folder), AppName::new("myapp").unwrap());
        let log = logs.app(&app);
        log.append("a", ["1", "2"]);
        run(logs.settled());
        log.append("a", ["3"]);
        run(logs.settled());
        std::fs::create_dir(&folder).unwrap();
        log.append("a", ["4"]);
        run(logs.settled());
        log.append("a", ["5"]);
        run(logs.settled());
        let lines = tail::tail(&folder, &app, 9).unwrap();
        let said: Vec<_> = lines.iter().map(|line| &line[26..]).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        let error = "slugline[logs]: Error L10 (output buffer overflow): 3 messages dropped since ";
        assert!(said[0].starts_with(error), "{said:?}");
        assert_eq!(said[1..], ["a: 4", "a: 5"]);
    }
}
