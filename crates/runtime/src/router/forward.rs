//! One request on its way to the app and its answer on the way back, both streamed. It must not
//! know how a route comes to lead where it leads.

use std::error::Error as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Either;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::{timeout, timeout_at};

use super::body::{Answer, Lent, Upload};
use super::failure::Failure;
use super::limits::RouterLimits;
use super::pool::Connection;
use super::record::Record;
use super::route::Closed;
use super::target::{InFlight, Target};
use super::{Body, headers, tunnel};

/// A refused connection mostly means that the process has just died. That long it is waited for
/// the supervisor to notice; then the request is tried once more, whatever the route says.
const NOTICE: Duration = Duration::from_secs(1);

/// A request that is ready to be sent, as often as it takes.
pub(super) struct Outgoing {
    pub(super) parts: Parts,
    pub(super) upload: Option<Upload>,
    /// The client's side, where it asks for another protocol.
    pub(super) upgrade: Option<OnUpgrade>,
}

/// An answer whose body is still to come, over the connection that it comes on.
struct Arrived {
    response: Response<Incoming>,
    connection: Connection,
    in_flight: InFlight,
}

/// How long a request may wait.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    /// For a web process that is being started.
    pub(super) hold: Duration,
    pub(super) limits: &'a RouterLimits,
}

impl From<Closed> for Failure {
    fn from(why: Closed) -> Self {
        match why {
            Closed::NotRunning | Closed::NoWeb | Closed::Stopped => Self::NoWeb,
            Closed::Blank => Self::Blank,
            Closed::Crashed => Self::AppCrashed,
            Closed::Booting => Self::BootTimeout,
        }
    }
}

/// Whether a request that failed may be sent once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// The app cannot have seen it.
    Unseen,
    /// A question, of several that a process had when it died.
    IfItDied,
}

/// Takes a request to an app and brings its answer.
///
/// # Errors
/// Why there is none, with the record of the request, which does not say so yet.
pub(super) async fn forward(
    mut request: Outgoing,
    mut record: Box<Record>,
    patience: Patience<'_>,
) -> Result<Response<Body>, (Failure, Box<Record>)> {
    let Arrived {
        mut response,
        connection,
        in_flight,
    } = match arrive(&request, &mut record, patience).await {
        Ok(arrived) => arrived,
        Err(failure) => return Err((failure, record)),
    };
    record.status = response.status().as_u16();
    // Ours is another connection: that the app speaks an older version does not concern it.
    *response.version_mut() = Version::HTTP_11;
    let window = patience.limits.between_bytes;
    let client = request.upgrade.take();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client) = client else {
            // Nobody asked for another protocol.
            return Err((Failure::BadResponse, record));
        };
        let app = hyper::upgrade::on(&mut response);
        if let Some(protocol) = headers::strip(response.headers_mut()) {
            headers::upgrade(response.headers_mut(), protocol);
        }
        headers::via(response.headers_mut());
        tunnel::open(client, app, in_flight, record, window);
        return Ok(response.map(|_| Either::Right(http_body_util::Full::default())));
    }
    headers::strip(response.headers_mut());
    headers::via(response.headers_mut());
    let upload = request.upload;
    Ok(response.map(|body| {
        Either::Left(Answer::new(
            body, connection, in_flight, record, upload, window,
        ))
    }))
}

/// Sends the request until there is an answer: once more, where that does no harm.
async fn arrive(
    request: &Outgoing,
    record: &mut Record,
    patience: Patience<'_>,
) -> Result<Arrived, Failure> {
    let mut failed: Option<Arc<Target>> = None;
    loop {
        let entered = record.route().enter(patience.hold, failed.as_deref());
        let in_flight = entered.await?;
        let target = Arc::clone(in_flight.target());
        record.target = Some(Arc::clone(&target));
        let failure = match attempt(request, in_flight, record, patience.limits).await {
            Ok(arrived) => return Ok(arrived),
            Err((failure, Again::No)) => return Err(failure),
            Err((failure, _)) if failed.is_some() => return Err(failure),
            Err((failure, Again::IfItDied)) => {
                if target.left_alone() || !record.route().lost(&target, NOTICE).await {
                    return Err(failure);
                }
                failure
            }
            Err((failure, Again::Unseen)) => failure,
        };
        if failure == Failure::ConnectTimeout && record.route().targets().len() < 2 {
            return Err(failure);
        }
        record.route().left(&target, NOTICE).await;
        failed = Some(target);
    }
}

/// Sends the request to one target.
async fn attempt(
    request: &Outgoing,
    in_flight: InFlight,
    record: &mut Record,
    limits: &RouterLimits,
) -> Result<Arrived, (Failure, Again)> {
    let begin = Instant::now();
    loop {
        let pool = in_flight.target().pool();
        let (mut connection, rested) = match pool.rested() {
            Some(connection) => (connection, true),
            None => {
                let connected = pool.connect(limits.connect).await;
                record.connect = Some(begin.elapsed());
                (
                    connected.map_err(|failure| (failure, Again::Unseen))?,
                    false,
                )
            }
        };
        record.connect = Some(begin.elapsed());
        record.sent = Some(Instant::now());
        let response = connection.sender.try_send_request(outgoing(request));
        let waited = wait(response, request.upload.as_ref(), limits).await;
        let mut error = match waited.map_err(|failure| (failure, Again::No))? {
            Ok(response) => {
                return Ok(Arrived {
                    response,
                    connection,
                    in_flight,
                });
            }
            Err(error) => error,
        };
        // The app closed a connection that had rested, and nothing of the request was sent.
        if rested && error.take_message().is_some() && is_untouched(request) {
            continue;
        }
        return Err(what_failed(request, &error.into_error()));
    }
}

/// Waits for an answer, as long as the upload goes on and a while longer.
async fn wait<T>(
    response: impl Future<Output = T>,
    upload: Option<&Upload>,
    limits: &RouterLimits,
) -> Result<T, Failure> {
    let Some(upload) = upload else {
        let waited = timeout(limits.first_byte, response).await;
        return waited.map_err(|_| Failure::RequestTimeout);
    };
    let mut response = std::pin::pin!(response);
    // Which of the two counts may change at any time.
    let shorter = limits.first_byte.min(limits.between_bytes);
    loop {
        let (deadline, failure) = upload.deadline(limits);
        let now = tokio::time::Instant::now();
        if deadline <= now {
            return Err(failure);
        }
        let look_again = deadline.min(now + shorter);
        if let Ok(response) = timeout_at(look_again, &mut response).await {
            return Ok(response);
        }
    }
}

fn outgoing(request: &Outgoing) -> Request<Lent> {
    let mut message = Request::new(Lent::new(request.upload.as_ref()));
    let path = request.parts.uri.path_and_query();
    *message.uri_mut() = path.map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
    *message.method_mut() = request.parts.method.clone();
    *message.headers_mut() = request.parts.headers.clone();
    message
}

fn is_untouched(request: &Outgoing) -> bool {
    request.upload.as_ref().is_none_or(Upload::is_untouched)
}

/// What is wrong, and whether it may be tried again. A connection is reset when a process dies before it
/// has read what was sent to it, and closed in good order when it dies later, or does not want to answer:
/// what may have made it do either is not done to it twice. Both count for questions only.
fn what_failed(request: &Outgoing, error: &hyper::Error) -> (Failure, Again) {
    if let Some(failure) = request.upload.as_ref().and_then(Upload::broken) {
        return (failure, Again::No);
    }
    if error.is_parse() {
        return (Failure::BadResponse, Again::No);
    }
    let again = match is_untouched(request) && request.parts.method.is_safe() {
        true if is_reset(error) => Again::Unseen,
        true => Again::IfItDied,
        false => Again::No,
    };
    (Failure::NoResponse, again)
}

fn is_reset(error: &hyper::Error) -> bool {
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

/// Makes a client's request ready to be sent, or says why it is not to be.
pub(super) fn prepare(mut request: Request<Incoming>) -> (Outgoing, Option<StatusCode>) {
    let wrong = (request.method() == Method::CONNECT).then_some(StatusCode::METHOD_NOT_ALLOWED);
    let protocol = headers::strip(request.headers_mut());
    let upgrade = protocol.map(|protocol| {
        headers::upgrade(request.headers_mut(), protocol);
        hyper::upgrade::on(&mut request)
    });
    headers::from_http2(&mut request);
    let (parts, body) = request.into_parts();
    let upload = (!body.is_end_stream()).then(|| Upload::new(body));
    let request = Outgoing {
        parts,
        upload,
        upgrade,
    };
    (request, wrong)
}
