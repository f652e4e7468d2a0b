//! Brings the output of one process to its app's log. The pipe is always drained, so that no process
//! waits for its log longer than a disk needs that does not hang. It must not know what the process is.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::lines::{LastLines, Splitter};
use super::{AppLog, Batch};
use crate::unit::Heard;
use crate::written::Writing;

/// As much as a pipe holds.
const CHUNK: usize = 64 * 1024;

/// The last lines of a process, shared with whoever asks why it died.
#[derive(Clone, Default)]
pub(crate) struct Last(Arc<Mutex<LastLines>>);

impl Last {
    /// Takes them.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *last).into_vec()
    }
}

/// Brings the output of a process to the log, under the name `source`, until nobody can write to it
/// any more; all of it is in the file then. Who is to hear it as well holds the process up while not
/// listening. Lines are at most `line_bytes` long.
pub(crate) async fn pump(
    mut output: pipe::Receiver,
    log: Arc<AppLog>,
    source: String,
    line_bytes: usize,
    last: Last,
    heard: Option<(mpsc::Sender<Heard>, Arc<Writing>)>,
) {
    let mut splitter = Splitter::new(line_bytes);
    let mut buffer = vec![0; CHUNK];
    let mut batch = Batch::new(source);
    loop {
        let count = output.read(&mut buffer).await.unwrap_or(0);
        let mut lines = Vec::new();
        {
            let mut last = last.0.lock().unwrap_or_else(PoisonError::into_inner);
            let take = |line: &str| {
                batch.push(line);
                last.push(line);
                if let Some((_, writing)) = &heard {
                    writing.written.line(line);
                    lines.push(line.to_owned());
                }
            };
            match count {
                0 => splitter.finish(take),
                _ => splitter.push(&buffer[..count], take),
            }
        }
        log.room().await;
        log.take(&mut batch);
        if let Some((heard, _)) = heard.as_ref().filter(|_| !lines.is_empty()) {
            // It fails when nobody listens any more; then it is in the log alone.
            let _ = heard.send(Heard::Lines(lines)).await;
        }
        if count == 0 {
            break;
        }
        // A process that floods its log must not keep requests waiting.
        tokio::task::yield_now().await;
    }
    log.settled().await;
}
