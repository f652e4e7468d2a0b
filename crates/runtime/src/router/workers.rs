//! The threads that serve connections, one a core: each has an event loop of its own, and a connection
//! stays on the one that it was given to. It must not know what is asked over a connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use super::journal::Writer;
use super::{Edge, Router};

/// With more of them the apps are what is waited for.
const MOST: usize = 8;

/// All of them. Dropping it ends them, and what is open with them.
pub(crate) struct Workers {
    threads: Vec<Worker>,
    /// Dropped last, so that requests which are cut off leave their lines.
    _lines: Writer,
}

struct Worker {
    arriving: Option<UnboundedSender<Arrival>>,
    /// How many connections it has.
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A client that has connected.
pub(super) struct Arrival {
    /// Not registered with any event loop.
    pub(super) stream: std::net::TcpStream,
    pub(super) edge: Edge,
    pub(super) tls: Option<TlsAcceptor>,
}

/// Counts a connection until it is closed.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Starts as many as there are cores.
    ///
    /// # Errors
    /// When a thread or its event loop cannot be started.
    pub(super) fn start(router: &Arc<Router>, lines: Writer) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores.min(MOST)).map(|_| Worker::start(Arc::clone(router)));
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
            _lines: lines,
        })
    }

    /// Gives a connection to the one that has the fewest.
    pub(super) fn give(&self, arrival: Arrival) {
        let open = |worker: &&Worker| worker.open.load(Ordering::Relaxed);
        if let Some(worker) = self.threads.iter().min_by_key(open) {
            worker.open.fetch_add(1, Ordering::Relaxed);
            // It fails when the thread panicked; then the client is let go.
            let _ = worker.arriving.as_ref().map(|it| it.send(arrival));
        }
    }
}

impl Worker {
    fn start(router: Arc<Router>) -> io::Result<Self> {
        let (sender, arriving) = unbounded_channel();
        let open = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&open);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("router".to_owned())
            .spawn(move || runtime.block_on(work(router, arriving, count)))?;
        Ok(Self {
            arriving: Some(sender),
            open,
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.arriving = None;
        // It fails when the thread panicked, which has ended it as well.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn work(
    router: Arc<Router>,
    mut arriving: UnboundedReceiver<Arrival>,
    open: Arc<AtomicUsize>,
) {
    while let Some(arrival) = arriving.recv().await {
        let (router, open) = (Arc::clone(&router), Open(Arc::clone(&open)));
        tokio::spawn(async move {
            // It fails where descriptors are out: the client is let go.
            if let Ok(stream) = TcpStream::from_std(arrival.stream) {
                match &arrival.tls {
                    None => router.connection(stream, arrival.edge).await,
                    Some(tls) => router.secure(tls.accept(stream), arrival.edge).await,
                }
            }
            drop(open);
        });
    }
}
