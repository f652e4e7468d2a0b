//! Brings the lines of requests to the logs of their apps, on a thread of its own, in batches: a
//! request never waits for a disk. It must not know what a line says.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::record::Facts;
use crate::logs::AppLog;

/// The source of the lines.
const SOURCE: &str = "router";
/// How many lines may wait to be written; more are dropped, and counted.
const WAITING: usize = 16 * 1024;
/// Lines that come within this time are written at once.
const GATHER: Duration = Duration::from_millis(5);

/// Where requests leave their lines.
#[derive(Clone)]
pub(super) struct Journal {
    lines: SyncSender<Note>,
    dropped: Arc<AtomicU64>,
}

/// Whoever writes the lines. When it is dropped, it waits until those that were left are written.
pub(crate) struct Writer {
    lines: SyncSender<Note>,
    thread: Option<JoinHandle<()>>,
}

enum Note {
    Line(Arc<AppLog>, Box<Facts>),
    End,
}

impl Journal {
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start() -> io::Result<(Self, Writer)> {
        let (lines, waiting) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("router-log".into())
            .spawn(move || write_all(&waiting, &counted))?;
        let writer = Writer {
            lines: lines.clone(),
            thread: Some(thread),
        };
        Ok((Self { lines, dropped }, writer))
    }

    /// Leaves a line; at once.
    pub(super) fn note(&self, log: &Arc<AppLog>, facts: Facts) {
        let line = Note::Line(Arc::clone(log), Box::new(facts));
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Both fail when the thread panicked, which cost lines and nothing else.
        let _ = self.lines.send(Note::End);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn write_all(waiting: &Receiver<Note>, dropped: &AtomicU64) {
    let mut goes_on = true;
    while goes_on {
        let Ok(first) = waiting.recv() else { return };
        // Whoever leaves a line in this time wakes nobody up, which would cost more than the line.
        std::thread::sleep(GATHER);
        let mut logs = Batch::new();
        for note in std::iter::once(first).chain(waiting.try_iter().take(WAITING)) {
            match note {
                Note::Line(log, facts) => {
                    let (_, lines) = logs
                        .entry(Arc::as_ptr(&log))
                        .or_insert_with(|| (log, Vec::new()));
                    lines.push(facts.line());
                }
                Note::End => goes_on = false,
            }
        }
        write(logs, dropped.swap(0, Ordering::Relaxed));
    }
}

type Batch = HashMap<*const AppLog, (Arc<AppLog>, Vec<String>)>;

/// Writes a batch, one piece for each log.
fn write(logs: Batch, dropped: u64) {
    for (log, mut lines) in logs.into_values() {
        if dropped > 0 {
            lines.push(format!(
                "at=warning desc=\"Lines of {dropped} requests of this machine were dropped\""
            ));
        }
        log.append(SOURCE, lines.iter().map(String::as_str));
    }
}
