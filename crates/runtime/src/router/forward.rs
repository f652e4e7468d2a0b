//! One request on its way to the app and its answer on the way back, both streamed. It must not
//! know how a route comes to lead where it leads.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Either;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Error;
use hyper_util::rt::TokioIo;
use slugline_core::app::AppName;

use super::route::Route;
use super::target::{InFlight, Target};
use super::{Body, headers, pages};

/// A refused connection mostly means that the process has just died. That long it is waited for
/// the supervisor to notice; then the request is tried once more, whatever the route says.
const NOTICE: Duration = Duration::from_secs(1);

/// Where a request came in.
#[derive(Clone)]
pub(crate) struct Edge {
    /// The address of the client.
    pub(crate) client: IpAddr,
    /// The router's port.
    pub(crate) port: u16,
}

/// The body of a request, lent to one attempt to send it: an attempt that failed before it took
/// the first byte leaves it for the next.
pub(crate) struct Lent {
    body: Loan,
    taken: Option<Incoming>,
    hint: SizeHint,
    empty: bool,
}

type Loan = Arc<Mutex<Option<Incoming>>>;

/// The body of an answer. Its request counts as in flight until it is dropped.
pub(crate) struct Counted {
    body: Incoming,
    _in_flight: InFlight,
}

/// Takes a request to an app and brings its answer.
pub(super) async fn forward(
    mut request: Request<Incoming>,
    app: &AppName,
    route: &Route,
    edge: &Edge,
    hold: Duration,
) -> Response<Body> {
    let client_side = hyper::upgrade::on(&mut request);
    let (mut parts, body) = request.into_parts();
    let protocol = headers::strip(&mut parts.headers);
    headers::forwarded(&mut parts.headers, edge);
    let upgrades = protocol.is_some();
    if let Some(protocol) = protocol {
        headers::upgrade(&mut parts.headers, protocol);
    }
    let (hint, empty) = (body.size_hint(), body.is_end_stream());
    let loan: Loan = Arc::new(Mutex::new(Some(body)));
    let mut failed: Option<Arc<Target>> = None;
    loop {
        let in_flight = match route.enter(hold, failed.as_deref()).await {
            Ok(in_flight) => in_flight,
            Err(why) => return pages::not_up(app, why),
        };
        let body = Lent {
            body: Arc::clone(&loan),
            taken: None,
            hint,
            empty,
        };
        let attempt = outgoing(&parts, in_flight.target().port(), body);
        match in_flight.target().client.request(attempt).await {
            Ok(response) if upgrades => return tunnel(response, client_side, in_flight),
            Ok(response) => return answer(response, in_flight),
            Err(error) if failed.is_none() && may_try_again(&error, &parts.method, &loan) => {
                let target = Arc::clone(in_flight.target());
                drop(in_flight);
                route.left(&target, NOTICE).await;
                failed = Some(target);
            }
            Err(_) => return pages::no_answer(app),
        }
    }
}

fn outgoing(parts: &Parts, port: u16, body: Lent) -> Request<Lent> {
    let mut request = Request::new(body);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    // A path that was one stays one; should it not, the app's root answers.
    *request.uri_mut() = format!("http://127.0.0.1:{port}{path}")
        .parse()
        .unwrap_or_else(|_| {
            let mut root = hyper::http::uri::Parts::from(Uri::from_static("http://127.0.0.1/"));
            root.authority = format!("127.0.0.1:{port}").parse().ok();
            Uri::from_parts(root).unwrap_or_default()
        });
    *request.method_mut() = parts.method.clone();
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = parts.headers.clone();
    request
}

/// Whether the app cannot have seen the request: nobody took the connection; or it was reset, as
/// happens when a process dies before it has read what was sent to it. The latter counts for
/// questions only, since a part may have been read. A connection that is closed in good order was
/// not unread: whatever made the app close it is not done to it twice.
fn may_try_again(error: &Error, method: &Method, loan: &Loan) -> bool {
    let untouched = loan
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some();
    untouched && (error.is_connect() || (method.is_safe() && is_reset(error)))
}

fn is_reset(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            );
        }
        cause = error.source();
    }
    false
}

fn answer(mut response: Response<Incoming>, in_flight: InFlight) -> Response<Body> {
    headers::strip(response.headers_mut());
    // Ours is another connection: that the app speaks an older version does not concern it.
    *response.version_mut() = Version::HTTP_11;
    response.map(|body| {
        Either::Left(Counted {
            body,
            _in_flight: in_flight,
        })
    })
}

/// Where the app agrees to change the protocol, both connections become one.
fn tunnel(
    mut response: Response<Incoming>,
    client_side: OnUpgrade,
    in_flight: InFlight,
) -> Response<Body> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return answer(response, in_flight);
    }
    let app_side = hyper::upgrade::on(&mut response);
    let protocol = headers::strip(response.headers_mut());
    if let Some(protocol) = protocol {
        headers::upgrade(response.headers_mut(), protocol);
    }
    tokio::spawn(async move {
        if let (Ok(client), Ok(app)) = tokio::join!(client_side, app_side) {
            splice(client, app).await;
        }
        drop(in_flight);
    });
    response.map(|_| Either::Right(http_body_util::Full::default()))
}

async fn splice(client: Upgraded, app: Upgraded) {
    let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
    // It ends when either side does; an error is one of the ways to end.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut app).await;
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.taken.is_none() {
            let body = self
                .body
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            self.taken = body;
        }
        match &mut self.taken {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken
            .as_ref()
            .map_or(self.empty, HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.taken
            .as_ref()
            .map_or_else(|| self.hint, HttpBody::size_hint)
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
