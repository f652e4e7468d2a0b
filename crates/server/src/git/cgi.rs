//! A program that answers a request as CGI has it: the request in its environment and its input, the
//! answer in its output, both passed on as they come. It must not know what the program is.

use std::process::Stdio;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use crate::error::{ApiError, Kind};
use crate::pieces::Pieces;

/// How long a client may send nothing, or take nothing.
const IDLE: Duration = Duration::from_secs(120);
/// The largest head of an answer, in bytes.
const HEAD: usize = 16 * 1024;
/// What is read at once, in bytes.
const CHUNK: usize = 32 * 1024;
/// Pieces that wait for a client.
const AHEAD: usize = 4;

/// What is asked of the program.
pub(super) struct Asked {
    /// `PATH_INFO`.
    pub(super) path: String,
    /// Whether it goes on when the client is gone that had sent everything.
    pub(super) goes_on: bool,
    /// All else; its path is not heeded.
    pub(super) request: Request,
}

type Head = (StatusCode, HeaderMap);

/// Runs it. `place` is given back once it has ended.
///
/// # Errors
/// Where it cannot be run, or answers nothing.
pub(super) async fn run(
    program: std::process::Command,
    asked: Asked,
    place: OwnedSemaphorePermit,
) -> Result<Response, ApiError> {
    let silent = || ApiError::new(Kind::Unavailable, "git does not answer.");
    let mut command = Command::from(program);
    describe(&mut command, &asked)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null()).process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| ApiError::new(Kind::Unavailable, format!("git cannot be run: {error}")))?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(silent());
    };
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let (head, begun) = oneshot::channel();
    let (pieces, coming) = mpsc::channel(AHEAD);
    let (body, goes_on) = (asked.request.into_body(), asked.goes_on);
    tokio::spawn(async move {
        let feeding = async {
            // Without its end git takes nothing of it, and clears away what it had; told to end by a
            // signal it would leave that. Then the program says when it is done.
            feed(body, input).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = feeding => {}
            wanted = relay(output, head, pieces, goes_on) => if !wanted { end(group) },
        }
        let _ = child.wait().await;
        drop(place);
    });
    let (status, headers) = begun.await.map_err(|_| silent())?;
    let mut response = Response::new(Body::new(Pieces(coming)));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// Tells all that it started to end. Nobody else has its number: it has not been waited for.
fn end(group: Option<Pid>) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
    }
}

fn describe(command: &mut Command, asked: &Asked) -> Result<(), ApiError> {
    let headers = asked.request.headers();
    command
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", asked.request.method().as_str())
        .env("PATH_INFO", &asked.path)
        .env(
            "QUERY_STRING",
            asked.request.uri().query().unwrap_or_default(),
        );
    let protocol = HeaderName::from_static("git-protocol");
    // The length is not told: git would count, and where less comes end what it started by a signal, which
    // leaves behind what it had taken. What is not whole it finds out by itself.
    for (header, name) in [
        (CONTENT_TYPE, "CONTENT_TYPE"),
        (CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
        (protocol, "GIT_PROTOCOL"),
    ] {
        let Some(value) = headers.get(&header) else {
            continue;
        };
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.,:;=/+ ".contains(byte);
        let fits = value.len() <= 200 && value.as_bytes().iter().all(plain);
        match value.to_str() {
            Ok(text) if fits => command.env(name, text),
            _ => {
                let text = format!("The header {header} is none that git sends.");
                return Err(ApiError::new(Kind::BadRequest, text));
            }
        };
    }
    Ok(())
}

/// Passes on what the client sends, until that ends, the client is gone or sends nothing any more, or the
/// program reads no further.
async fn feed(mut body: Body, mut input: ChildStdin) {
    while let Ok(Some(Ok(frame))) = timeout(IDLE, body.frame()).await {
        if let Ok(data) = frame.into_data()
            && input.write_all(&data).await.is_err()
        {
            return;
        }
    }
}

/// Passes on what the program answers; false where nobody takes it any more, and it need not go on.
async fn relay(
    mut output: ChildStdout,
    head: oneshot::Sender<Head>,
    pieces: mpsc::Sender<Bytes>,
    goes_on: bool,
) -> bool {
    let mut buffer = vec![0; CHUNK];
    let mut first = Vec::new();
    let rest = loop {
        if let Some((parsed, length)) = parse(&first) {
            let there = head.send(parsed).is_ok();
            break there.then(|| first.split_off(length));
        }
        match output.read(&mut buffer).await {
            Ok(read @ 1..) if first.len() < HEAD => first.extend_from_slice(&buffer[..read]),
            _ => return true,
        }
    };
    let mut there = match rest {
        Some(rest) => rest.is_empty() || send(&pieces, rest.into()).await,
        None => false,
    };
    while there || goes_on {
        match output.read(&mut buffer).await {
            Ok(read @ 1..) if there => {
                there = send(&pieces, Bytes::copy_from_slice(&buffer[..read])).await;
            }
            Ok(1..) => {}
            _ => return true,
        }
    }
    false
}

async fn send(pieces: &mpsc::Sender<Bytes>, piece: Bytes) -> bool {
    matches!(timeout(IDLE, pieces.send(piece)).await, Ok(Ok(())))
}

/// The head of an answer and its length, once it is whole.
fn parse(text: &[u8]) -> Option<(Head, usize)> {
    let find = |end: &[u8]| Some(text.windows(end.len()).position(|at| at == end)? + end.len());
    let ends = [find(b"\r\n\r\n"), find(b"\n\n")];
    let length = ends.into_iter().flatten().min()?;
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    for line in String::from_utf8_lossy(&text[..length]).lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            status = code.unwrap_or(StatusCode::BAD_GATEWAY);
        } else if let (Ok(name), Ok(value)) =
            (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    Some(((status, headers), length))
}
