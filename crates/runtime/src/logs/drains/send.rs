//! Sends messages to one drain: over a connection that is kept, or as posts. It must not know what is
//! done about what fails.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::address::{DrainAddress, Kind};
use super::connect::{SendError, Stream, connect};
use super::frame::{Dialect, Frames};

/// How much of an answer is read.
const ANSWER: usize = 64 * 1024;

/// The way to one drain.
pub(super) struct Sender {
    address: DrainAddress,
    id: String,
    patience: Duration,
    open: Option<Open>,
    /// How many posts there were, for their names.
    posts: u64,
}

enum Open {
    Syslog(Box<dyn Stream>),
    Http(SendRequest<Full<Bytes>>),
}

impl Sender {
    pub(super) fn new(address: DrainAddress, id: &str, patience: Duration) -> Self {
        Self {
            address,
            id: id.to_owned(),
            patience,
            open: None,
            posts: 0,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.address.kind {
            Kind::Syslog => Dialect::Standard,
            Kind::Http => Dialect::Logplex,
        }
    }

    /// The name of the next messages; it stays the same when they are sent again.
    pub(super) fn name(&mut self) -> String {
        self.posts += 1;
        let now = jiff::Timestamp::now().as_microsecond();
        format!("{}-{now:x}-{}", self.id, self.posts)
    }

    /// Sends messages, within the time that a drain has. After an error the next are sent over a new
    /// connection, and whether any of these arrived is not known.
    pub(super) async fn send(&mut self, frames: &Frames, name: &str) -> Result<(), SendError> {
        let open = self.open.take();
        let patience = self.patience;
        let sent = timeout(patience, self.over(open, frames, name)).await;
        self.open = sent.unwrap_or(Err(SendError::Late(patience)))?;
        Ok(())
    }

    /// The connection, where it can be used again.
    async fn over(
        &self,
        open: Option<Open>,
        frames: &Frames,
        name: &str,
    ) -> Result<Option<Open>, SendError> {
        match self.ready(open).await? {
            Open::Syslog(mut stream) => {
                let written = stream.write_all(&frames.bytes).await;
                written.map_err(|error| SendError::Broke(error.to_string()))?;
                let flushed = stream.flush().await;
                flushed.map_err(|error| SendError::Broke(error.to_string()))?;
                Ok(Some(Open::Syslog(stream)))
            }
            Open::Http(mut sender) => {
                let answered = self.post(&mut sender, frames, name).await?;
                Ok(answered.then_some(Open::Http(sender)))
            }
        }
    }

    /// A connection that is open, as far as can be told.
    async fn ready(&self, mut open: Option<Open>) -> Result<Open, SendError> {
        let mut byte = [0];
        let usable = match &mut open {
            // A syslog server says nothing: what can be read is the end.
            Some(Open::Syslog(stream)) => timeout(Duration::ZERO, stream.read(&mut byte))
                .await
                .is_err(),
            Some(Open::Http(sender)) => sender.ready().await.is_ok(),
            None => false,
        };
        if let (Some(open), true) = (open, usable) {
            return Ok(open);
        }
        let stream = connect(&self.address).await?;
        if self.address.kind == Kind::Syslog {
            return Ok(Open::Syslog(stream));
        }
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broke)?;
        // It ends with the sender, or says why where the sender can hear it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Open::Http(sender))
    }

    /// Posts messages, and answers whether the connection can be used again.
    async fn post(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        frames: &Frames,
        name: &str,
    ) -> Result<bool, SendError> {
        let mut request = Request::post(&self.address.path)
            .header(header::HOST, self.address.authority())
            .header(header::USER_AGENT, "slugline")
            .header(header::CONTENT_TYPE, "application/logplex-1")
            .header("Logplex-Msg-Count", frames.count)
            .header("Logplex-Frame-Id", name)
            .header("Logplex-Drain-Token", &self.id);
        if let Some(user) = &self.address.user {
            let user: Vec<u8> = percent_decode_str(user).collect();
            let basic = format!("Basic {}", STANDARD.encode(user));
            request = request.header(header::AUTHORIZATION, basic);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(&frames.bytes)));
        let request = request.map_err(|error| SendError::Broke(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(broke)?;
        let status = answer.status();
        let whole = Limited::new(answer.into_body(), ANSWER)
            .collect()
            .await
            .is_ok();
        let later = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        match status {
            _ if status.is_success() => Ok(whole),
            _ if status.is_client_error() && !later.contains(&status) => {
                Err(SendError::Refused(status.as_u16()))
            }
            _ => Err(SendError::Answered(status.as_u16())),
        }
    }
}

fn broke(error: hyper::Error) -> SendError {
    SendError::Broke(error.to_string())
}
