//! Bodies of answers that are written by a thread of their own, as fast as they are read. It must not know
//! what is written.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use tokio::sync::mpsc::{Sender, channel};

use crate::error::{ApiError, Kind};
use crate::pieces::Pieces;

/// So many are written at once, each on a thread.
const MANY: usize = 32;
/// How much is sent at once, in bytes.
const PIECE: usize = 64 * 1024;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A place among those that are written.
struct Place;

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that `work` writes. One that cannot be written to its end is cut off.
pub(crate) fn pour(
    work: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Result<Body, ApiError> {
    let place = Place;
    if RUNNING.fetch_add(1, Ordering::Relaxed) >= MANY {
        let text = format!("{MANY} downloads run already. Try again when one has ended.");
        return Err(ApiError::new(Kind::Unavailable, text));
    }
    let (sender, pieces) = channel(4);
    std::thread::spawn(move || {
        let _place = place;
        let mut out = io::BufWriter::with_capacity(PIECE, Out(sender));
        // Whoever reads is gone, or sees that it is cut off: a compressed stream has an end of its own.
        let _ = work(&mut out).and_then(|()| out.flush());
    });
    Ok(Body::new(Pieces(pieces)))
}

struct Out(Sender<Bytes>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
