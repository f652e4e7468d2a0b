//! Answers that go on: lines of a log, as they come. Each follower is a task that waits, not a thread. It
//! must not know where lines come from.

use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backend::LogReader;
use crate::standing::Standing;

/// The shortest and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// How often something is sent at least, so that whoever is gone is found out.
const SIGN: Duration = Duration::from_secs(20);

/// Whether the door is being closed: what goes on ends then.
#[derive(Clone, Debug)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

impl Closing {
    pub(crate) async fn wait(&mut self) {
        // Without a door, nothing closes it.
        if self.0.wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A body whose parts come one by one.
pub(crate) struct Parts(mpsc::Receiver<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// How lines are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As `text/event-stream`, each line an event with its number.
    Events,
    /// As they are.
    Plain,
}

/// Sends lines until there are no more, or for as long as somebody reads them.
pub(crate) fn send(
    reader: Box<dyn LogReader>,
    way: Way,
    following: Option<(Standing, Closing)>,
) -> Parts {
    let (sender, parts) = mpsc::channel(1);
    tokio::spawn(async move {
        match following {
            Some((standing, mut closing)) => {
                let gone = sender.clone();
                tokio::select! {
                    () = follow(reader, way, &sender) => {}
                    () = standing.lost() => {}
                    () = closing.wait() => {}
                    () = gone.closed() => {}
                }
            }
            // What there is comes with the first look.
            None => {
                if let Some((_, text, _)) = read(reader, way).await {
                    let _ = sender.send(text.into()).await;
                }
            }
        }
    });
    Parts(parts)
}

type Read = (Box<dyn LogReader>, String, bool);

/// Reads on a thread that may wait; `None` where the log cannot be read.
async fn read(mut reader: Box<dyn LogReader>, way: Way) -> Option<Read> {
    let done = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        let mut show = |number: u64, line: &str| add(&mut text, way, number, line);
        let more = reader.read(&mut show).ok()?;
        Some((reader, text, more))
    });
    done.await.ok().flatten()
}

fn add(text: &mut String, way: Way, number: u64, line: &str) {
    // Writing to a string does not fail.
    let _ = match way {
        // What ends a line would end the event.
        Way::Events => write!(text, "id: {number}\ndata: {}\n\n", line.replace('\r', " ")),
        Way::Plain => writeln!(text, "{line}"),
    };
}

async fn follow(mut reader: Box<dyn LogReader>, way: Way, sender: &mpsc::Sender<Bytes>) {
    let (mut pause, mut sent) = (PAUSES.0, Instant::now());
    while let Some((back, text, more)) = read(reader, way).await {
        reader = back;
        if !text.is_empty() {
            if sender.send(text.into()).await.is_err() {
                return;
            }
            sent = Instant::now();
        }
        if more {
            pause = PAUSES.0;
            continue;
        }
        if way == Way::Events && sent.elapsed() >= SIGN {
            sent = Instant::now();
            if sender.send(Bytes::from_static(b":\n\n")).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}
