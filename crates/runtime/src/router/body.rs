//! Bodies on their way through the router: lent to the app, counted and timed on their way back.
//! Trailers stay behind, like all that concerns one connection only. It must not know where a
//! message goes.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::failure::Failure;
use super::limits::RouterLimits;
use super::pool::Connection;
use super::record::Record;
use super::target::InFlight;

/// The body of a request, and how far it has come. An attempt to send it that failed before it took
/// the first byte leaves it for the next.
#[derive(Clone)]
pub(super) struct Upload(Arc<Mutex<Progress>>);

struct Progress {
    body: Option<Incoming>,
    /// When the app took something the last time.
    latest: Instant,
    /// Whether the app waits for the client.
    waits: bool,
    /// What is wrong with the client, or what it sends.
    broken: Option<Failure>,
}

/// A body lent to one attempt.
pub(super) struct Lent {
    upload: Option<Upload>,
    taken: Option<Incoming>,
    hint: SizeHint,
}

/// The body of an app's answer. Its request counts as in flight until it is dropped.
pub(super) struct Answer {
    body: Incoming,
    /// Where the answer has its end: the connection may be used again then.
    connection: Option<Connection>,
    in_flight: InFlight,
    record: Box<Record>,
    upload: Option<Upload>,
    window: Duration,
    /// Since when the app is silent.
    silent: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

/// Why an answer was cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    /// The app broke off.
    #[error("the app broke off its answer")]
    App(#[source] hyper::Error),
    /// It was silent for too long.
    #[error("the app was silent for too long")]
    Idle,
}

impl Upload {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(Progress {
            body: Some(body),
            latest: Instant::now(),
            waits: false,
            broken: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing has been taken of it.
    pub(super) fn is_untouched(&self) -> bool {
        self.lock().body.is_some()
    }

    /// What the client did wrong, if it did.
    pub(super) fn broken(&self) -> Option<Failure> {
        self.lock().broken
    }

    /// When the wait for an answer is over, and what is wrong then.
    pub(super) fn deadline(&self, limits: &RouterLimits) -> (Instant, Failure) {
        let progress = self.lock();
        if progress.waits {
            (progress.latest + limits.between_bytes, Failure::ClientIdle)
        } else {
            (progress.latest + limits.first_byte, Failure::RequestTimeout)
        }
    }

    fn latest(&self) -> Instant {
        self.lock().latest
    }
}

impl Lent {
    pub(super) fn new(upload: Option<&Upload>) -> Self {
        let hint = match upload {
            Some(upload) => {
                let progress = upload.lock();
                progress.body.as_ref().map(HttpBody::size_hint)
            }
            None => Some(SizeHint::with_exact(0)),
        };
        Self {
            upload: upload.cloned(),
            taken: None,
            hint: hint.unwrap_or_default(),
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(upload) = &this.upload else {
            return Poll::Ready(None);
        };
        let mut progress = upload.lock();
        if this.taken.is_none() {
            this.taken = progress.body.take();
        }
        let Some(body) = &mut this.taken else {
            return Poll::Ready(None);
        };
        loop {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            if progress.waits != polled.is_pending() || polled.is_ready() {
                progress.latest = Instant::now();
            }
            progress.waits = polled.is_pending();
            match ready!(polled) {
                Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    progress.broken = Some(what_broke(&error));
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.taken {
            Some(body) => body.is_end_stream(),
            None => self.hint.exact() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.taken
            .as_ref()
            .map_or_else(|| self.hint, HttpBody::size_hint)
    }
}

/// A body that broke off, or one that never was one.
fn what_broke(error: &hyper::Error) -> Failure {
    let source = std::error::Error::source(error);
    let kind = source
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    match kind {
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => Failure::Malformed,
        _ => Failure::ClientInterrupted,
    }
}

impl Answer {
    pub(super) fn new(
        body: Incoming,
        connection: Connection,
        in_flight: InFlight,
        record: Box<Record>,
        upload: Option<Upload>,
        window: Duration,
    ) -> Self {
        Self {
            body,
            connection: Some(connection),
            in_flight,
            record,
            upload,
            window,
            silent: None,
            alarm: None,
            ended: false,
        }
    }

    /// Ready when nothing has gone either way for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let silent = *self.silent.get_or_insert_with(Instant::now);
        let window = self.window;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(silent + window)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            let uploaded = self.upload.as_ref().map_or(silent, Upload::latest);
            let over = silent.max(uploaded) + window;
            if over <= Instant::now() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(over);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        loop {
            let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(cx) else {
                ready!(this.poll_silence(cx));
                this.record.fail(Failure::IdleConnection);
                return Poll::Ready(Some(Err(Cut::Idle)));
            };
            this.silent = None;
            match next {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        this.record.bytes += data.len() as u64;
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Some(Err(error)) => {
                    this.record.fail(Failure::ServerInterrupted);
                    return Poll::Ready(Some(Err(Cut::App(error))));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // The end of an answer with a length is known before it is asked for.
        if self.ended || self.body.is_end_stream() {
            self.record.complete = true;
            if let Some(connection) = self.connection.take() {
                self.in_flight.target().pool().rest(connection);
            }
        }
    }
}
