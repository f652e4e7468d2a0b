//! The port that the API listens on: HTTP/1.1 and HTTP/2, and TLS on the same port where there is a
//! certificate, told apart by the first byte. Whoever says a secret that a client was told is brought to the command that
//! waits for it. It must not know what is asked.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::backend::Backend;
use crate::certificate::InUse;
use crate::error::{ApiError, Kind};
use crate::first::{First, first};
use crate::rendezvous::{Rendezvous, meet};
use crate::routes_until;
use crate::stream::Closing;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// How long requests may take that are under way when the door closes.
const DRAIN: Duration = Duration::from_secs(10);
/// What a client begins with that speaks TLS.
const HANDSHAKE: u8 = 0x16;
/// Requests that wait for the disk, for plugins or for a release at once.
const WAITING: usize = 64;

/// A port that is open.
#[derive(Debug)]
pub struct Open {
    address: SocketAddr,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is needed to open one.
pub struct Door {
    /// Where it listens: bound already.
    pub listener: TcpListener,
    /// What answers.
    pub backend: Arc<dyn Backend>,
    /// With what it speaks TLS.
    pub certificate: Option<InUse>,
}

/// Listens from now on, on a thread of its own.
///
/// # Errors
/// Where the system refuses what it needs.
pub fn open(door: Door) -> io::Result<Open> {
    let address = door.listener.local_addr()?;
    door.listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WAITING)
        .thread_name("api")
        .build()?;
    let (close, closed) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("api".to_owned())
        .spawn(move || runtime.block_on(listen(door, closed)))?;
    Ok(Open {
        address,
        close: Some(close),
        thread: Some(thread),
    })
}

impl Open {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Open {
    /// Takes no more requests, and waits for those that are under way, 10 s at most.
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(door: Door, mut closed: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(door.listener) else {
        return;
    };
    let (ending, open) = tokio::sync::watch::channel(false);
    let certificate = door.certificate;
    let rendezvous = Arc::default();
    let routes = routes_until(door.backend, Closing(open), Arc::clone(&rendezvous));
    let under_way = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut closed => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (routes, watcher) = (routes.clone(), under_way.watcher());
                let rendezvous = Arc::clone(&rendezvous);
                let tls = certificate.as_ref();
                let tls = tls.map(|in_use| TlsAcceptor::from(in_use.config()));
                tokio::spawn(greet(stream, peer, tls, (routes, rendezvous, watcher)));
            }
            // Too many files are open: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    drop((listener, routes));
    ending.send_replace(true);
    let all = async {
        under_way.shutdown().await;
        // What goes on over connections that have become others' tells whoever is there.
        ending.closed().await;
    };
    let _ = tokio::time::timeout(DRAIN, all).await;
}

/// What a connection may come to.
type Behind = (Router, Arc<Rendezvous>, Watcher);

/// Looks at what the client says first: TLS begins with a byte that nothing else here begins with.
async fn greet(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, behind: Behind) {
    // Answers are written whole.
    let _ = stream.set_nodelay(true);
    let mut byte = [0];
    if !matches!(timeout(HEAD, stream.peek(&mut byte)).await, Ok(Ok(1))) {
        return;
    }
    match tls {
        Some(tls) if byte[0] == HANDSHAKE => {
            if let Ok(Ok(stream)) = timeout(HEAD, tls.accept(stream)).await {
                serve(stream, (peer, true), behind).await;
            }
        }
        // What is said in the clear stays on this machine.
        _ if peer.ip().to_canonical().is_loopback() => serve(stream, (peer, false), behind).await,
        _ => {
            let routes = Router::new().fallback(only_tls);
            requests(stream, (peer, false), routes, behind.2).await;
        }
    }
}

async fn only_tls() -> ApiError {
    let text = "From another machine only TLS is spoken: use https:// and make a new token, since \
                this one has crossed the network in the clear.";
    ApiError::new(Kind::Forbidden, text)
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: (SocketAddr, bool),
    (routes, rendezvous, watcher): Behind,
) {
    // A connection that says nothing, or nothing that makes sense, is closed.
    match timeout(HEAD, first(stream)).await {
        Ok(Ok(First::Http(stream))) => requests(stream, peer, routes, watcher).await,
        Ok(Ok(First::Secret(secret, stream))) => {
            if let Some(waiting) = rendezvous.take(&secret) {
                meet(stream, waiting).await;
            }
        }
        Ok(Err(_)) | Err(_) => {}
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (peer, tls): (SocketAddr, bool),
    routes: Router,
    watcher: Watcher,
) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if tls {
            // As a proxy before us would say: addresses that are told are of the same kind.
            let https = HeaderValue::from_static("https");
            request.headers_mut().insert("x-forwarded-proto", https);
        }
        let mut routes = routes.clone();
        // A router is always ready.
        routes.call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new());
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    // How a connection ends is its client's matter.
    let _ = watcher.watch(connection.into_owned()).await;
}
