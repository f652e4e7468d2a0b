//! The router: takes the requests of clients, over HTTP/1.1 and HTTP/2, to the web processes of the
//! apps, and leaves a line in the app's log for each. It must not know processes; it sees targets,
//! and the table that says which app has which.

mod body;
mod failure;
mod forward;
mod headers;
mod journal;
mod limits;
mod pages;
mod pool;
mod record;
pub(crate) mod route;
pub(crate) mod routes;
mod scan;
pub(crate) mod target;
mod tunnel;
mod wire;
mod workers;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use limits::RouterLimits;

use body::Answer;
use failure::Failure;
use forward::{Patience, forward};
use journal::Journal;
use record::{Facts, Record};
use route::Route;
use routes::Routes;
use wire::{Pulse, Serving, Wire};
use workers::Arrival;
use workers::Workers;

/// The body of an answer: an app's, or a page of ours.
type Body = Either<Answer, Full<Bytes>>;

/// What every connection needs.
pub(crate) struct Router {
    routes: Arc<Routes>,
    journal: Journal,
    limits: Arc<RouterLimits>,
    /// How long a request waits for a web process that is being started.
    hold: Duration,
    http: auto::Builder<TokioExecutor>,
}

/// A port that the router listens at.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) port: u16,
    /// Where it speaks TLS.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Where a request came in.
#[derive(Clone)]
struct Edge {
    /// The address of the client.
    client_text: String,
    /// The router's port.
    port: u16,
    /// Whether it speaks TLS there.
    secure: bool,
}

impl Edge {
    fn new(client: IpAddr, port: u16, secure: bool) -> Self {
        Self {
            // An address of the old kind, as a socket for both kinds has it, is shown as people know it.
            client_text: client.to_canonical().to_string(),
            port,
            secure,
        }
    }
}

impl Router {
    /// Starts the threads that serve connections.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        routes: Arc<Routes>,
        limits: &RouterLimits,
        hold: Duration,
    ) -> io::Result<Arc<Workers>> {
        let (journal, writer) = Journal::start()?;
        let router = Self {
            routes,
            journal,
            limits: Arc::new(limits.clone()),
            hold,
            http: http(limits),
        };
        Workers::start(&Arc::new(router), writer).map(Arc::new)
    }

    /// Takes connections for ever, and gives them to the workers.
    pub(crate) async fn serve(workers: Arc<Workers>, door: Door) {
        loop {
            let accepted = door.listener.accept().await;
            let arrived = accepted.and_then(|(stream, peer)| {
                // Small answers are not held back; where that cannot be set, they are only
                // later.
                let _ = stream.set_nodelay(true);
                Ok(Arrival {
                    stream: stream.into_std()?,
                    edge: Edge::new(peer.ip(), door.port, door.tls.is_some()),
                    tls: door.tls.clone(),
                })
            });
            match arrived {
                Ok(arrival) => workers.give(arrival),
                // Out of descriptors, mostly: some will be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn secure(self: Arc<Self>, shaken: tokio_rustls::Accept<TcpStream>, edge: Edge) {
        // A client that does not come to an end, or wants a host without a certificate, is let go.
        if let Ok(Ok(stream)) = timeout(self.limits.head, shaken).await {
            self.connection(stream, edge).await;
        }
    }

    async fn connection<S>(self: Arc<Self>, stream: S, edge: Edge)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = Arc::new(Pulse::default());
        let wire = Wire::new(stream, Arc::clone(&pulse), Arc::clone(&self.limits));
        let edge = Arc::new(edge);
        let service = service_fn(|request| {
            let serving = Serving::new(&pulse);
            let (router, edge) = (Arc::clone(&self), Arc::clone(&edge));
            async move { Ok::<_, Infallible>(router.answer(request, &edge, serving).await) }
        });
        let wire = TokioIo::new(wire);
        // An error is a client that went away or spoke no HTTP, which concerns nobody else.
        let _ = self
            .http
            .serve_connection_with_upgrades(wire, service)
            .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        edge: &Edge,
        serving: Serving,
    ) -> Response<Body> {
        let host = host(&request).unwrap_or_default().to_owned();
        let Some(route) = self.routes.find(&host) else {
            return pages::no_app(&host, &self.routes.apps(), edge.port);
        };
        let html = pages::wants_html(request.headers());
        let (mut outgoing, wrong) = forward::prepare(request);
        if let Some(status) = wrong {
            return pages::refused(status);
        }
        headers::forwarded(&mut outgoing.parts.headers, edge);
        let (request_id, forwarded_for) = headers::told(&outgoing.parts.headers);
        let facts = Facts {
            method: outgoing.parts.method.clone(),
            path: outgoing.parts.uri.path_and_query().cloned(),
            host,
            request_id,
            forwarded_for,
            secure: edge.secure,
            ..Facts::default()
        };
        let (counted, requests) = route.request();
        let mut record = Record::new(facts, counted, serving, self.journal.clone());
        let refused = self.refusal(&route, requests);
        let patience = Patience {
            hold: self.hold,
            limits: &self.limits,
        };
        let failure = match refused {
            Some(failure) => failure,
            None => match forward(outgoing, record, patience).await {
                Ok(response) => return response,
                Err((failure, unsent)) => {
                    record = unsent;
                    failure
                }
            },
        };
        let (response, length) = pages::failed(route.app(), failure, html);
        record.fail(failure);
        record.bytes = length;
        record.complete = true;
        response
    }

    /// Why a request is not even tried.
    fn refusal(&self, route: &Route, requests: usize) -> Option<Failure> {
        if route.is_maintained() {
            Some(Failure::Maintenance)
        } else if requests > self.limits.requests {
            Some(Failure::BacklogTooDeep)
        } else {
            None
        }
    }
}

/// Both versions of the protocol, within the limits.
fn http(limits: &RouterLimits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    let bytes = limits.head_bytes as usize;
    // The connection itself looks at the clock.
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(bytes.max(8192));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes)
        .max_concurrent_streams(250)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(limits.head);
    http
}

/// The host that a request is for, with its port if it names one.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let named = request.uri().authority().map(Authority::as_str);
    named.or_else(|| request.headers().get(HOST)?.to_str().ok())
}
