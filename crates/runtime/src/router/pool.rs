//! The connections to one web process: opened when they are needed, kept for a moment when they are
//! not. It must not know what is sent over them; the protocol is hyper's.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;
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
    connections: Vec<(Connection, Instant)>,
    /// Whether somebody clears it up.
    attended: bool,
}

/// One connection.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Lent>,
    /// The thread in whose event loop it lives; on another each step is a message to that one.
    thread: ThreadId,
}

impl Pool {
    pub(super) fn new(port: u16) -> Arc<Self> {
        let resting = Mutex::default();
        Arc::new(Self { port, resting })
    }

    /// A connection that was used before and is free, if there is one; one of this thread rather than of
    /// another, but that rather than a new one: there are apps that serve one connection at a time.
    pub(super) fn rested(&self) -> Option<Connection> {
        let here = std::thread::current().id();
        let mut resting = self.lock();
        // One that is not ready yet has an upload behind it that goes on after its answer.
        let ready = |(it, _): &(Connection, Instant)| it.sender.is_ready();
        let all = &resting.connections;
        let own = all.iter().rposition(|it| it.0.thread == here && ready(it));
        let chosen = own.or_else(|| all.iter().rposition(ready))?;
        let (connection, since) = resting.connections.swap_remove(chosen);
        (since.elapsed() < IDLE).then_some(connection)
    }

    /// A new connection.
    ///
    /// # Errors
    /// Whether it was refused, or took longer than `limit`.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Connection, Failure> {
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
        let thread = std::thread::current().id();
        Ok(Connection { sender, thread })
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn rest(self: &Arc<Self>, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut resting = self.lock();
        resting.connections.push((connection, Instant::now()));
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
        resting
            .connections
            .retain(|(_, since)| since.elapsed() < IDLE);
        if resting.connections.is_empty() {
            resting.attended = false;
            return;
        }
    }
}
