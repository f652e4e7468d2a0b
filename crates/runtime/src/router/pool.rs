//! The connections to one web process: opened when they are needed, kept for a moment when they are
//! not. It must not know what is sent over them; the protocol is hyper's.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::body::Lent;
use super::failure::Failure;
use crate::ports::address;

/// Servers close connections that idle for a few seconds, and a request that is just being sent is
/// lost with it; so ours idle for less than any common server allows. And one that serves a single
/// connection at a time is not kept from the others for longer.
const IDLE: Duration = Duration::from_secs(1);

/// The connections to one port.
pub(super) struct Pool {
    port: u16,
    resting: Mutex<Resting>,
}

#[derive(Default)]
struct Resting {
    /// The latest is the last, and is taken first.
    senders: Vec<(SendRequest<Lent>, Instant)>,
    /// Whether somebody clears it up.
    attended: bool,
}

impl Pool {
    pub(super) fn new(port: u16) -> Arc<Self> {
        let resting = Mutex::default();
        Arc::new(Self { port, resting })
    }

    /// A connection that was used before and is free, if there is one.
    pub(super) fn rested(&self) -> Option<SendRequest<Lent>> {
        let mut resting = self.lock();
        // One that is not ready yet has an upload behind it that goes on after its answer.
        let ready = resting.senders.iter().rposition(|(it, _)| it.is_ready())?;
        let (sender, since) = resting.senders.swap_remove(ready);
        (since.elapsed() < IDLE).then_some(sender)
    }

    /// A new connection.
    ///
    /// # Errors
    /// Whether it was refused, or took longer than `limit`.
    pub(super) async fn connect(&self, limit: Duration) -> Result<SendRequest<Lent>, Failure> {
        let connected = timeout(limit, TcpStream::connect(address(self.port))).await;
        let stream = match connected {
            Err(_) => return Err(Failure::ConnectTimeout),
            Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => {
                return Err(Failure::ConnectTimeout);
            }
            Ok(Err(_)) => return Err(Failure::Refused),
            Ok(Ok(stream)) => stream,
        };
        // Small requests are not held back; where that cannot be set, they are only later.
        let _ = stream.set_nodelay(true);
        let shaken = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|_| Failure::Refused)?;
        // What goes wrong with it is told to whoever sends a request.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn rest(self: &Arc<Self>, sender: SendRequest<Lent>) {
        if sender.is_closed() {
            return;
        }
        let mut resting = self.lock();
        resting.senders.push((sender, Instant::now()));
        if !std::mem::replace(&mut resting.attended, true) {
            tokio::spawn(attend(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that have rested for too long, until there are none.
async fn attend(pool: Weak<Pool>) {
    loop {
        sleep(IDLE / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut resting = pool.lock();
        resting.senders.retain(|(_, since)| since.elapsed() < IDLE);
        if resting.senders.is_empty() {
            resting.attended = false;
            return;
        }
    }
}
