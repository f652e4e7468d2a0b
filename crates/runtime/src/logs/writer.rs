//! The thread that writes logs to the disk, so that the daemon waits for none: whoever has lines hands
//! them over and goes on. All that has come for an app while the disk was busy is one write. Nothing
//! is held back: what was handed over is written at once, or when the write before it is done. It must
//! not know what the lines say.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::files::LogFile;
use super::line::{ABOUT_LOGS, overflow, stamp};
use super::{PATIENCE, lock};

/// How many bytes of an app may wait for the disk before lines are dropped.
const WAITING: usize = 16 * 1024 * 1024;
/// How far a process may be ahead of the disk before it is slowed down: as much as stays in the caches of a
/// processor, since more would be slower.
const AHEAD: usize = 1024 * 1024;
/// How long a process that writes faster than the disk is held up, before lines are dropped.
const HELD_UP: Duration = Duration::from_secs(1);
/// A buffer that grew larger than this is not kept.
const KEPT: usize = 2 * AHEAD;

/// Lines that wait to be written, of one app, and their file.
pub(super) struct Desk {
    waiting: Mutex<Waiting>,
    /// Told when the writer has taken what waited.
    taken: Notify,
    /// Only the writer opens it.
    file: Mutex<Sink>,
}

#[derive(Default)]
struct Waiting {
    text: String,
    /// Whether the writer knows of it.
    queued: bool,
    /// Whether somebody was held up in vain since the writer came by.
    hangs: bool,
    dropped: Dropped,
}

struct Sink {
    file: LogFile,
    spare: String,
    dropped: Dropped,
}

/// How many lines were dropped, and since when.
#[derive(Default)]
pub(crate) struct Dropped {
    count: u64,
    since: String,
}

/// What the writer is to do, in order.
enum Job {
    Write(Arc<Desk>),
    Tell(oneshot::Sender<()>),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

/// The way to the writer. Dropping it waits until all is written, but not for ever.
pub(super) struct Writer {
    shared: Arc<Shared>,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Writer {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let (tell, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("logs".to_owned());
        thread.spawn(move || {
            of_thread.work();
            drop(tell);
        })?;
        let ended = Mutex::new(ended);
        Ok(Self { shared, ended })
    }

    /// Takes whole lines over. It never waits for the disk: where that lies too far behind, they
    /// are dropped and counted.
    pub(super) fn append(&self, desk: &Arc<Desk>, text: &str, lines: u64) {
        let mut waiting = lock(&desk.waiting);
        if waiting.text.len() + text.len() > WAITING {
            waiting.dropped.add(lines);
        } else {
            waiting.text.push_str(text);
        }
        if !std::mem::replace(&mut waiting.queued, true) {
            drop(waiting);
            self.shared.push(Job::Write(Arc::clone(desk)));
        }
    }

    /// Answers once all that was taken over before is written.
    pub(super) fn settled(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.shared.push(Job::Tell(tell));
        told
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.more.notify_one();
        // It fails when the thread has ended, and when the disk hangs.
        let _ = lock(&self.ended).recv_timeout(PATIENCE);
    }
}

impl Shared {
    fn push(&self, job: Job) {
        lock(&self.queue).jobs.push_back(job);
        self.more.notify_one();
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            match job {
                Job::Write(desk) => desk.write(),
                // It fails when nobody waits any more.
                Job::Tell(tell) => drop(tell.send(())),
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self
                .more
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Desk {
    pub(super) fn new(file: LogFile) -> Self {
        Self {
            waiting: Mutex::default(),
            taken: Notify::new(),
            file: Mutex::new(Sink {
                file,
                spare: String::new(),
                dropped: Dropped::default(),
            }),
        }
    }

    /// Waits while much is to be written yet, so that a process which writes faster than the disk is as
    /// fast as that: for a second at most, and where the disk hangs not a second time.
    pub(super) async fn room(&self) {
        let taken = self.taken.notified();
        {
            let waiting = lock(&self.waiting);
            if waiting.text.len() <= AHEAD || waiting.hangs {
                return;
            }
        }
        if timeout(HELD_UP, taken).await.is_err() {
            lock(&self.waiting).hangs = true;
        }
    }

    fn write(&self) {
        let mut sink = lock(&self.file);
        let spare = std::mem::take(&mut sink.spare);
        let (text, dropped) = {
            let mut waiting = lock(&self.waiting);
            waiting.queued = false;
            waiting.hangs = false;
            let text = std::mem::replace(&mut waiting.text, spare);
            (text, std::mem::take(&mut waiting.dropped))
        };
        self.taken.notify_waiters();
        sink.write(text, dropped);
    }
}

impl Sink {
    fn write(&mut self, mut text: String, dropped: Dropped) {
        if let Some(line) = self.dropped.line() {
            text.insert_str(0, &line);
        }
        let lines = text.lines().count() as u64;
        // These came after the text.
        if let Some(line) = dropped.line() {
            text.push_str(&line);
        }
        match self.file.write(text.as_bytes()) {
            Ok(()) => self.dropped = Dropped::default(),
            // The disk is full or broken: apps go on, and their lines are lost.
            Err(_) => {
                let earlier = u64::from(self.dropped.count > 0);
                self.dropped
                    .add(lines.saturating_sub(earlier) + dropped.count);
            }
        }
        text.clear();
        if text.capacity() <= KEPT {
            self.spare = text;
        }
    }
}

impl Dropped {
    pub(crate) fn add(&mut self, lines: u64) {
        if self.count == 0 {
            self.since = stamp();
        }
        self.count += lines;
    }

    /// The line that says so; `None` where nothing was dropped.
    pub(crate) fn line(&self) -> Option<String> {
        let text = (self.count > 0).then(|| overflow(self.count, &self.since))?;
        Some(format!("{} {ABOUT_LOGS}: {text}\n", stamp()))
    }
}

#[cfg(test)]
mod tests {
    use slugline_core::app::AppName;

    use super::*;
    use crate::logs::files::Sizes;

    fn desk(dir: &std::path::Path) -> Arc<Desk> {
        let sizes = Sizes {
            bytes: 1 << 30,
            older: 1,
        };
        let app = AppName::new("myapp").unwrap();
        Arc::new(Desk::new(LogFile::new(dir, &app, sizes)))
    }

    #[test]
    fn who_writes_faster_than_the_disk_is_held_up_but_not_by_one_that_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let (desk, writer) = (desk(dir.path()), Writer::start().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let line = format!("T a: {}\n", "x".repeat(1024 * 1024));
        let hanging = lock(&desk.file);
        for _ in 0..12 {
            writer.append(&desk, &line, 1);
        }
        runtime.block_on(desk.room());
        assert!(lock(&desk.waiting).hangs, "it has waited in vain");
        let again = std::time::Instant::now();
        runtime.block_on(desk.room());
        assert!(again.elapsed() < HELD_UP, "and does not do so again");
        drop(hanging);
        writer.settled().blocking_recv().unwrap();
        for _ in 0..100 {
            runtime.block_on(desk.room());
            writer.append(&desk, &line, 1);
        }
        writer.settled().blocking_recv().unwrap();
        let app = AppName::new("myapp").unwrap();
        let lines = crate::tail(dir.path(), &app, 1000).unwrap();
        assert_eq!(lines.len(), 112, "none is dropped");
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_waiting_and_what_is_too_much_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("myapp").unwrap();
        let desk = desk(dir.path());
        let writer = Writer::start().unwrap();
        let line = format!("T a: {}\n", "x".repeat(1024 * 1024));
        let hanging = lock(&desk.file);
        for _ in 0..40 {
            writer.append(&desk, &line, 1);
        }
        let settled = writer.settled();
        drop(hanging);
        settled.blocking_recv().unwrap();
        writer.append(&desk, "T a: last\n", 1);
        writer.settled().blocking_recv().unwrap();
        let lines = crate::tail(dir.path(), &app, 100).unwrap();
        // What the writer had begun with is in hand, and no more than what may wait beside it.
        let (kept, said) = (lines.len() - 2, &lines[lines.len() - 2]);
        assert!((15..=31).contains(&kept), "{kept}");
        let dropped = format!(
            "Error L10 (output buffer overflow): {} messages dropped",
            40 - kept
        );
        assert!(said.contains(&dropped), "{said}");
        assert_eq!(lines[lines.len() - 1], "T a: last");
    }
}
