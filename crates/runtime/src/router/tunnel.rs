//! Connections that were upgraded, to WebSockets mostly: bytes go both ways until either side ends
//! or both are silent for too long. It must not know the protocol that is spoken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep_until};

use super::failure::Failure;
use super::record::Record;
use super::target::InFlight;

/// Joins both sides, once both have agreed. The request is in flight, and its record open, until
/// the end.
pub(super) fn open(
    client: OnUpgrade,
    app: OnUpgrade,
    in_flight: InFlight,
    mut record: Box<Record>,
    window: Duration,
) {
    tokio::spawn(async move {
        if let (Ok(client), Ok(app)) = tokio::join!(client, app) {
            let heard = Heard::new();
            let mut client = Side::new(client, &heard, None);
            let received = Arc::new(AtomicU64::new(0));
            let mut app = Side::new(app, &heard, Some(Arc::clone(&received)));
            tokio::select! {
                // It ends when either side does; an error is one of the ways to end.
                _ = copy_bidirectional(&mut client, &mut app) => {}
                () = heard.silence(window) => record.fail(Failure::IdleConnection),
            }
            record.bytes = received.load(Ordering::Relaxed);
            record.complete = true;
        }
        drop(in_flight);
    });
}

/// When anything was heard the last time.
struct Heard {
    begin: Instant,
    /// In milliseconds since `begin`.
    latest: Arc<AtomicU64>,
}

impl Heard {
    fn new() -> Self {
        Self {
            begin: Instant::now(),
            latest: Arc::default(),
        }
    }

    /// Waits until nothing has been heard for `window`.
    async fn silence(&self, window: Duration) {
        loop {
            let latest = Duration::from_millis(self.latest.load(Ordering::Relaxed));
            let until = self.begin + latest + window;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

/// One side, which tells when it was heard.
struct Side {
    stream: TokioIo<Upgraded>,
    begin: Instant,
    latest: Arc<AtomicU64>,
    received: Option<Arc<AtomicU64>>,
}

impl Side {
    fn new(stream: Upgraded, heard: &Heard, received: Option<Arc<AtomicU64>>) -> Self {
        Self {
            stream: TokioIo::new(stream),
            begin: heard.begin,
            latest: Arc::clone(&heard.latest),
            received,
        }
    }
}

impl AsyncRead for Side {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.latest.store(now, Ordering::Relaxed);
            if let Some(received) = &self.received {
                received.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl AsyncWrite for Side {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
