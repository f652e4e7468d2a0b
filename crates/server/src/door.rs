//! The port that the API listens on: HTTP/1.1 and HTTP/2, and TLS on the same port where there is a
//! certificate, told apart by the first byte. Whoever says a secret that a client was told is brought to the command that
//! waits for it. It must not know what is asked.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Version};
use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
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
use crate::unread::answered;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// How long requests may take that are under way when the door closes.
const DRAIN: Duration = Duration::from_secs(10);
/// What a client begins with that speaks TLS.
const HANDSHAKE: u8 = 0x16;
/// How long a client may not answer whether it is there still.
const SIGN: Duration = Duration::from_secs(20);
/// How long a client may say nothing before it is asked whether it is there still.
const SILENT: Duration = Duration::from_secs(60);
/// The most connections at once, where the files that may be open are more than twice as many.
const CONNECTIONS: u64 = 4096;
/// Requests of one connection of HTTP/2 at once.
const STREAMS: u32 = 100;
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
    let places = Arc::new(Semaphore::new(most()));
    loop {
        let accepting = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepting => accepted,
            _ = &mut closed => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (routes, watcher) = (routes.clone(), under_way.watcher());
                let rendezvous = Arc::clone(&rendezvous);
                let tls = certificate.as_ref();
                let tls = tls.map(|in_use| TlsAcceptor::from(in_use.config()));
                tokio::spawn(async move {
                    greet(stream, peer, tls, (routes, rendezvous, watcher, HEAD)).await;
                    drop(place);
                });
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

/// How many connections there may be at once; others wait to be let in. What the daemon opens besides, for
/// its apps, finds room however many they are.
fn most() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let most = files.map_or(CONNECTIONS, |files| (files / 2).clamp(1, CONNECTIONS));
    usize::try_from(most).unwrap_or(1)
}

/// Has the system ask clients that say nothing whether they are there: one whose machine has died never says so,
/// and a command that it was attached to would run on.
fn notices_loss(stream: impl AsFd) -> Result<(), Errno> {
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, SILENT)?;
    sockopt::set_tcp_keepintvl(&stream, SIGN)?;
    sockopt::set_tcp_keepcnt(&stream, 3)
}

/// What a connection may come to, and how long it may take for the head of a request.
type Behind = (Router, Arc<Rendezvous>, Watcher, Duration);

/// Looks at what the client says first: TLS begins with a byte that nothing else here begins with.
async fn greet(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, behind: Behind) {
    // Answers are written whole.
    let _ = stream.set_nodelay(true);
    let _ = notices_loss(&stream);
    let mut byte = [0];
    if !matches!(timeout(behind.3, stream.peek(&mut byte)).await, Ok(Ok(1))) {
        return;
    }
    match tls {
        Some(tls) if byte[0] == HANDSHAKE => {
            if let Ok(Ok(stream)) = timeout(behind.3, tls.accept(stream)).await {
                serve(stream, (peer, true), behind).await;
            }
        }
        // What is said in the clear stays on this machine.
        _ if peer.ip().to_canonical().is_loopback() => serve(stream, (peer, false), behind).await,
        _ => {
            let routes = Router::new().fallback(only_tls);
            requests(stream, (peer, false), routes, (behind.2, behind.3)).await;
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
    (routes, rendezvous, watcher, head): Behind,
) {
    // A connection that says nothing, or nothing that makes sense, is closed.
    match timeout(head, first(stream)).await {
        Ok(Ok(First::Http(stream))) => requests(stream, peer, routes, (watcher, head)).await,
        Ok(Ok(First::Secret(secret, stream))) => {
            if let Some(waiting) = rendezvous.take(&secret) {
                meet(stream, waiting).await;
            }
        }
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Why a request is none, where it does not say in one way alone how long it is and whom it is for: somebody
/// before us may have read it otherwise (RFC 9112, sections 3.2 and 6.1).
fn unclear(request: &Request<Incoming>) -> Option<&'static str> {
    let headers = request.headers();
    let mut all = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |one: &HeaderValue| one.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !all.next().is_none_or(chunked) || all.next().is_some() {
        return Some("The request does not say plainly how long it is.");
    }
    let hosts = headers.get_all(HOST).iter().count();
    let must = request.version() == Version::HTTP_11;
    (hosts > 1 || (must && hosts == 0))
        .then_some("The request does not say plainly whom it is for.")
}

/// Refuses it; nothing more is read of the connection.
fn refused(why: &str) -> Response {
    let mut response = ApiError::new(Kind::BadRequest, why).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (peer, tls): (SocketAddr, bool),
    routes: Router,
    (watcher, head): (Watcher, Duration),
) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        let unclear = unclear(&request);
        request.extensions_mut().insert(ConnectInfo(peer));
        if tls {
            // As a proxy before us would say: addresses that are told are of the same kind.
            let https = HeaderValue::from_static("https");
            request.headers_mut().insert("x-forwarded-proto", https);
        }
        let mut routes = routes.clone();
        async move {
            if let Some(why) = unclear {
                return Ok(refused(why));
            }
            // A router is always ready.
            let call = async |request| match routes.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            Ok::<_, Infallible>(answered(request.map(Body::new), call).await)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head)
        .keep_alive_timeout(SIGN)
        .max_concurrent_streams(STREAMS);
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    // How a connection ends is its client's matter.
    let _ = watcher.watch(connection.into_owned()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SHORT: Duration = Duration::from_millis(100);

    /// A client, and what has its connection go on.
    async fn let_in() -> (TcpStream, GracefulShutdown) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, peer) = listener.accept().await.unwrap();
        let routes = Router::new().fallback(|| std::future::ready("hello"));
        let under_way = GracefulShutdown::new();
        let behind = (routes, Arc::default(), under_way.watcher(), SHORT);
        tokio::spawn(greet(stream, peer, None, behind));
        (client.unwrap(), under_way)
    }

    /// All that is answered until the connection is closed.
    async fn answered(mut client: TcpStream) -> String {
        let mut text = Vec::new();
        // Closed before all was read, it is reset.
        let _ = client.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn whoever_is_let_in_is_asked_whether_they_are_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        let (stream, _client) = (accepted.unwrap().0, client.unwrap());
        assert!(!sockopt::socket_keepalive(&stream).unwrap());
        notices_loss(&stream).unwrap();
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), SILENT);
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), SIGN);
        assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), 3);
    }

    #[tokio::test]
    async fn who_says_nothing_or_says_it_slowly_is_let_go() {
        let (silent, _open) = let_in().await;
        assert_eq!(answered(silent).await, "");
        for begins in ["GET / HTTP/1.1\r\nA: ", "PRI * HT", "0a1b"] {
            let (mut slow, _open) = let_in().await;
            slow.write_all(begins.as_bytes()).await.unwrap();
            let begun = tokio::time::Instant::now();
            // What is said bit by bit does not gain time.
            while slow.write_all(b"a").await.is_ok() && begun.elapsed() < 50 * SHORT {
                tokio::time::sleep(SHORT / 10).await;
            }
            assert!(begun.elapsed() < 50 * SHORT, "{begins}");
        }
        let (mut idle, _open) = let_in().await;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        idle.write_all(request).await.unwrap();
        let text = answered(idle).await;
        assert!(
            text.starts_with("HTTP/1.1 200") && text.ends_with("hello"),
            "{text}"
        );
    }
}
