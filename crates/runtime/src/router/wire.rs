//! The connection of a client, with an eye on the clock and on the heads of its requests. It must
//! not know what a request asks for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::RouterLimits;
use super::scan::Scan;

/// Begins every HTTP/2 connection, and no request of HTTP/1.
const HTTP2: &[u8] = b"PRI ";
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// What the service tells the connection that it serves.
#[derive(Default)]
pub(super) struct Pulse {
    /// How many requests are being served.
    serving: AtomicUsize,
    /// How many have been begun.
    begun: AtomicUsize,
}

/// A request that is being served.
pub(super) struct Serving(Arc<Pulse>);

impl Serving {
    pub(super) fn new(pulse: &Arc<Pulse>) -> Self {
        pulse.serving.fetch_add(1, Ordering::Relaxed);
        pulse.begun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(pulse))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection of a client. Reading from it fails where a head is too slow; a head that is ambiguous
/// is made unreadable, so that it is refused like any other nonsense.
pub(super) struct Wire<S: AsyncWrite + Unpin> {
    stream: S,
    pulse: Arc<Pulse>,
    limits: Arc<RouterLimits>,
    /// The first bytes of the connection.
    first: Vec<u8>,
    scan: Scan,
    /// The head that is read is ambiguous: none of it is to be understood any more.
    spoiled: bool,
    /// How many requests had been begun when the present wait for a head began.
    seen: usize,
    waiting: Instant,
    /// Whether a part of a head has come.
    begun: bool,
    too_slow: bool,
    reading: Option<Pin<Box<Sleep>>>,
    /// Since when the client takes nothing.
    stuck: Option<Instant>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>, limits: Arc<RouterLimits>) -> Self {
        Self {
            stream,
            pulse,
            limits,
            first: Vec::with_capacity(HTTP2.len()),
            scan: Scan::default(),
            spoiled: false,
            seen: 0,
            waiting: Instant::now(),
            begun: false,
            too_slow: false,
            reading: None,
            stuck: None,
            writing: None,
        }
    }

    fn is_http2(&self) -> bool {
        self.first == HTTP2
    }

    /// Whether what is read now is the head of a request.
    fn reads_head(&mut self) -> bool {
        if self.pulse.serving.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let begun = self.pulse.begun.load(Ordering::Relaxed);
        if begun != self.seen {
            self.seen = begun;
            self.waiting = Instant::now();
            self.begun = false;
            self.scan = Scan::default();
        }
        true
    }

    /// Takes note of bytes that were read; true if they are not to be understood.
    fn take_note(&mut self, bytes: &[u8]) -> bool {
        if self.first.len() < HTTP2.len() {
            let missing = HTTP2.len() - self.first.len();
            self.first.extend(bytes.iter().take(missing));
        }
        if self.is_http2() {
            return false;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.waiting = Instant::now();
        }
        self.spoiled || self.scan.feed(bytes)
    }

    /// Makes a head of these bytes that nobody accepts, and that is at its end soon.
    fn spoil(&mut self, bytes: &mut [u8]) {
        bytes.fill(b'\n');
        if !std::mem::replace(&mut self.spoiled, true) {
            bytes[..1].fill(0);
        }
    }

    /// How long the client may say nothing now; HTTP/2 has messages of its own to find out who is
    /// still there.
    fn patience(&self) -> Option<Duration> {
        match (self.seen, self.begun) {
            (0, _) | (_, true) => Some(self.limits.head),
            _ if self.is_http2() => None,
            _ => Some(self.limits.idle),
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(patience) = self.patience() else {
            return Poll::Pending;
        };
        let until = self.waiting + patience;
        if poll_until(&mut self.reading, until, cx).is_pending() {
            return Poll::Pending;
        }
        self.too_slow = self.begun;
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Has the connection looked at after a while: nobody reads from it between the end of a request
    /// and the beginning of the next.
    fn look_again(&mut self, cx: &mut Context<'_>) {
        let idle = self.limits.idle;
        let alarm = self
            .reading
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + idle)));
        while alarm.as_mut().poll(cx).is_ready() {
            alarm.as_mut().reset(Instant::now() + idle);
        }
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let since = *self.stuck.get_or_insert_with(Instant::now);
        let until = since + self.limits.between_bytes;
        poll_until(&mut self.writing, until, cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Ready at `until`. An alarm that is set rings once too often rather than being set anew each time.
fn poll_until(
    alarm: &mut Option<Pin<Box<Sleep>>>,
    until: Instant,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
    if alarm.deadline() > until {
        alarm.as_mut().reset(until);
    }
    while alarm.as_mut().poll(cx).is_ready() {
        if until <= Instant::now() {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(until);
    }
    Poll::Pending
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let reads_head = this.reads_head();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        match polled {
            Poll::Pending if reads_head => this.poll_patience(cx).map(Err),
            Poll::Pending => {
                this.look_again(cx);
                Poll::Pending
            }
            Poll::Ready(Ok(())) if reads_head => {
                let fresh = &mut buffer.filled_mut()[before..];
                if !fresh.is_empty() && this.take_note(fresh) {
                    this.spoil(fresh);
                }
                Poll::Ready(Ok(()))
            }
            polled => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncWrite + Unpin> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.too_slow {
            // A client that does not take it now has no use for it.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.stream).poll_write(&mut cx, TOO_SLOW);
            let _ = Pin::new(&mut self.stream).poll_flush(&mut cx);
        }
    }
}
