//! The lines that wait for one drain, bounded: whoever adds some never waits, and where there are too
//! many the oldest go, counted. It must not know where they are sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::logs::writer::Dropped;

/// Lines of the log, each with its end.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) text: Arc<str>,
    pub(super) count: u64,
}

pub(super) struct Queue {
    limit: usize,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Lines>,
    bytes: usize,
    dropped: Dropped,
    closed: bool,
}

impl Queue {
    /// Room for `limit` bytes, but always for one batch.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(super) fn push(&self, lines: Lines) {
        let mut waiting = self.lock();
        waiting.bytes += lines.text.len();
        waiting.lines.push_back(lines);
        while waiting.bytes > self.limit && waiting.lines.len() > 1 {
            if let Some(oldest) = waiting.lines.pop_front() {
                waiting.bytes -= oldest.text.len();
                waiting.dropped.add(oldest.count);
            }
        }
        drop(waiting);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// Lines that could not be delivered are counted as the others that were dropped.
    pub(super) fn lost(&self, count: u64) {
        self.lock().dropped.add(count);
    }

    /// Nothing more is added; what waits can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// The oldest lines, behind one that says how many were dropped before them; `None` once it is
    /// closed and empty.
    pub(super) async fn next(&self) -> Option<Lines> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.lock();
                if let Some(lines) = waiting.take() {
                    return Some(lines);
                }
                if waiting.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    pub(super) async fn closed(&self) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.lock().closed {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Lines> {
        let lines = self.lines.pop_front()?;
        self.bytes -= lines.text.len();
        let Some(said) = std::mem::take(&mut self.dropped).line() else {
            return Some(lines);
        };
        Some(Lines {
            text: format!("{said}{}", lines.text).into(),
            count: lines.count + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        Lines {
            text: text.into(),
            count: text.lines().count() as u64,
        }
    }

    #[tokio::test]
    async fn the_oldest_go_and_are_counted() {
        let queue = Queue::new(10);
        for text in ["1\n2\n", "3\n4\n", "5\n6\n", "7\n8\n"] {
            queue.push(lines(text));
        }
        let first = queue.next().await.unwrap();
        let said = first.text.lines().next().unwrap();
        assert!(said.contains("): 4 messages dropped since "), "{said}");
        assert!(first.text.ends_with("\n5\n6\n"));
        assert_eq!(first.count, 3);
        assert_eq!(&*queue.next().await.unwrap().text, "7\n8\n");
        queue.push(lines("one that is larger than all room\n"));
        queue.close();
        assert_eq!(queue.next().await.unwrap().count, 1);
        assert!(queue.next().await.is_none());
        queue.closed().await;
    }
}
