//! Brings the output of one process to its app's log. The pipe is always drained, so that no process
//! ever waits for its log. It must not know what the process is.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use super::lines::{LastLines, Splitter};
use super::{AppLog, Batch};

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
/// any more; all of it is in the file then. Lines are at most `line_bytes` long.
pub(crate) async fn pump(
    mut output: pipe::Receiver,
    log: Arc<AppLog>,
    source: String,
    line_bytes: usize,
    last: Last,
) {
    let mut splitter = Splitter::new(line_bytes);
    let mut buffer = vec![0; CHUNK];
    let mut batch = Batch::new(source);
    loop {
        let count = output.read(&mut buffer).await.unwrap_or(0);
        {
            let mut last = last.0.lock().unwrap_or_else(PoisonError::into_inner);
            let take = |line: &str| {
                batch.push(line);
                last.push(line);
            };
            match count {
                0 => splitter.finish(take),
                _ => splitter.push(&buffer[..count], take),
            }
        }
        log.take(&mut batch);
        if count == 0 {
            break;
        }
        // A process that floods its log must not keep requests waiting.
        tokio::task::yield_now().await;
    }
    log.settled().await;
}
