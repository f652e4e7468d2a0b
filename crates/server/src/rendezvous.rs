//! Where a person at a client meets a command that was run for them: what one writes, the other reads. It
//! must not know what the command is.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use crate::backend::Held;
use crate::sessions::{KEPT, Sessions};
use crate::standing::Standing;

/// What clients send at the end of what they read.
const END: u8 = 4;
/// What comes sooner after an [`END`] says that it was none.
const AFTER_END: Duration = Duration::from_millis(200);
/// A client that has not sent its [`END`] is not left sooner than this after it came: Heroku's CLI dies of a
/// connection that has ended when it comes to the end of its own input, and its exit status is lost.
const MEETING: Duration = Duration::from_secs(1);

/// A command that waits for somebody.
pub(crate) struct Waiting {
    pub(crate) held: Held,
    /// Whether it has a terminal, which knows the end of input itself.
    pub(crate) terminal: bool,
    /// With what it was begun: without that it is ended.
    pub(crate) standing: Standing,
    /// When it is ended at the latest.
    pub(crate) until: Option<Instant>,
}

/// Those that wait.
pub(crate) type Rendezvous = Sessions<Waiting>;

/// Has a command wait for somebody, for as long as anything is kept. Answers the secret to be said.
pub(crate) fn wait(rendezvous: &Arc<Rendezvous>, waiting: Waiting) -> String {
    let secret = rendezvous.put(waiting);
    let (weak, kept) = (Arc::downgrade(rendezvous), secret.clone());
    tokio::spawn(async move {
        tokio::time::sleep(KEPT).await;
        // It is ended with this.
        drop(weak.upgrade().and_then(|all| all.take_late(&kept)));
    });
    secret
}

/// Brings both together until the command has ended, its time is up, the client is gone, or its token good
/// for nothing: then it is ended.
pub(crate) async fn meet(stream: impl AsyncRead + AsyncWrite + Unpin, waiting: Waiting) {
    let (until, standing) = (waiting.until, waiting.standing.clone());
    let met = async {
        tokio::select! {
            met = together(stream, waiting) => met,
            () = standing.lost() => Ok(()),
        }
    };
    // How it ended is the client's matter.
    match until {
        Some(until) => drop(timeout_at(until, met).await),
        None => drop(met.await),
    }
}

async fn together(stream: impl AsyncRead + AsyncWrite + Unpin, waiting: Waiting) -> io::Result<()> {
    let Held {
        input,
        output,
        alive,
    } = waiting.held;
    let (input, output) = (here(input)?, here(output)?);
    let (mut from, mut to) = tokio::io::split(stream);
    to.write_all(b"rendezvous\r\n").await?;
    to.flush().await?;
    let (at_end, met) = (Notify::new(), Instant::now());
    let mut read = pin!(into_command(&mut from, input, (!waiting.terminal, &at_end)));
    let done = tokio::select! {
        done = &mut read => done,
        done = out_of_command(&output, &mut to) => {
            let said = async {
                tokio::select! {
                    () = at_end.notified() => {}
                    _ = &mut read => {}
                }
            };
            let _ = timeout_at(met + MEETING, said).await;
            done
        }
    };
    let _ = to.shutdown().await;
    drop(alive);
    done
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe for types that lie about their descriptor; a file does not"
)]
fn here(descriptor: OwnedFd) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(File::from(descriptor))
}

/// Until the client is gone. What a command that reads nothing any more is sent is passed over. Says where
/// the client has perhaps come to its end.
async fn into_command(
    from: &mut (impl AsyncRead + Unpin),
    input: AsyncFd<File>,
    (ends, at_end): (bool, &Notify),
) -> io::Result<()> {
    let (mut input, mut buffer) = (Some(input), vec![0; 16 * 1024]);
    let mut held_back = false;
    loop {
        let read = from.read(&mut buffer);
        let count = match held_back {
            false => read.await?,
            true => match timeout(AFTER_END, read).await {
                Ok(count) => {
                    held_back = false;
                    write(&mut input, &[END]).await;
                    count?
                }
                Err(_) => {
                    (input, held_back) = (None, false);
                    continue;
                }
            },
        };
        if count == 0 {
            return Ok(());
        }
        let mut bytes = &buffer[..count];
        if bytes.last() == Some(&END) {
            at_end.notify_one();
        }
        if ends && bytes.last() == Some(&END) {
            (bytes, held_back) = (&bytes[..count - 1], true);
        }
        write(&mut input, bytes).await;
    }
}

/// Writes all of it, unless nobody reads it any more.
async fn write(input: &mut Option<AsyncFd<File>>, mut bytes: &[u8]) {
    while let (Some(to), false) = (&input, bytes.is_empty()) {
        let written = to.async_io(Interest::WRITABLE, |mut file| file.write(bytes));
        match written.await {
            Ok(count) if count > 0 => bytes = &bytes[count..],
            _ => *input = None,
        }
    }
}

/// Until the command has ended.
async fn out_of_command(
    output: &AsyncFd<File>,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = output.async_io(Interest::READABLE, |mut file| file.read(&mut buffer));
        match read.await {
            // A terminal ends with an error.
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).await?,
        }
        to.flush().await?;
    }
}
