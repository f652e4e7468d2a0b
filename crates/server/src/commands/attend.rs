//! A client and the process of its command, together until the process has ended: input, signals and sizes one
//! way, output and the exit status the other. It must not know what the command is.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval_at, timeout};

use super::frame::{CREDIT, Decoder, Frame, Kind, encode};
use super::process::{Started, resize, tell};
use crate::desk::Admitted;
use crate::standing::ASKED;
use crate::stream::Closing;

/// How long a client may take nothing: a person may have stopped what it shows.
const STALLED: Duration = Duration::from_secs(600);
/// How often the client is told that we are there.
const SIGN: Duration = Duration::from_secs(20);
/// How long a process that was told of a hang-up may take before it is told to end.
const GRACE: Duration = Duration::from_secs(30);
/// How long output is waited for that comes after the end of a process.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What is read at once, in bytes.
const CHUNK: usize = 16 * 1024;
/// Frames that wait for the client.
const AHEAD: usize = 4;
/// The end of input, at a terminal.
const END: u8 = 4;

/// Frames as they come.
pub(super) struct Frames<R> {
    from: R,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            decoder: Decoder::default(),
        }
    }

    /// The next one. What has come is not lost where nobody waits for it any longer.
    pub(super) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            if let Some(frame) = self.decoder.frame().map_err(malformed)? {
                return Ok(frame);
            }
            let mut buffer = [0; CHUNK];
            match self.from.read(&mut buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.decoder.push(&buffer[..count]),
            }
        }
    }
}

/// What is said to the client, by whoever has something to say.
#[derive(Clone)]
pub(super) struct Say(mpsc::Sender<Vec<u8>>);

impl Say {
    /// Says it; `false` where nobody listens any more.
    pub(super) async fn say(&self, kind: Kind, bytes: &[u8]) -> bool {
        self.0.send(encode(kind, bytes)).await.is_ok()
    }
}

/// Writes what is said, until nobody says anything any more or the client takes nothing.
pub(super) fn speak(mut to: impl AsyncWrite + Send + Unpin + 'static) -> Say {
    let (say, mut said) = mpsc::channel::<Vec<u8>>(AHEAD);
    tokio::spawn(async move {
        while let Some(frame) = said.recv().await {
            let written = async {
                to.write_all(&frame).await?;
                to.flush().await
            };
            if !matches!(timeout(STALLED, written).await, Ok(Ok(()))) {
                return;
            }
        }
        let _ = timeout(STALLED, to.shutdown()).await;
    });
    Say(say)
}

/// Attends to a process until it has ended. Whoever leaves takes it along.
pub(super) async fn attend(
    mut frames: Frames<impl AsyncRead + Unpin>,
    say: Say,
    started: Started,
    (mut closing, admitted): (Closing, Admitted),
) {
    let Started {
        mut child,
        input,
        output,
        errors,
        terminal,
    } = started;
    let terminal = terminal.map(|(terminal, reads)| (Arc::new(terminal), reads));
    let reads = terminal.as_ref().filter(|(_, reads)| *reads);
    let input = match reads {
        Some((terminal, _)) => Some(into(Input::Terminal(Arc::clone(terminal)), say.clone())),
        None => input.map(|input| into(Input::Pipe(input), say.clone())),
    };
    let (shut, closed) = watch::channel([false; 2]);
    let mut words = tokio::task::JoinSet::new();
    if let Some(output) = output {
        words.spawn(out_of(output, Kind::Output, say.clone(), closed.clone()));
    }
    if let Some(errors) = errors {
        words.spawn(out_of(errors, Kind::Errors, say.clone(), closed));
    }
    if let Some((terminal, _)) = &terminal {
        words.spawn(shown(Arc::clone(terminal), say.clone()));
    }
    let there = Hands {
        input,
        shut,
        terminal: terminal.map(|(terminal, _)| terminal),
    };
    let mut sign = interval_at(Instant::now() + SIGN, SIGN);
    let mut check = interval_at(Instant::now() + ASKED, ASKED);
    let why = loop {
        tokio::select! {
            ended = child.wait() => return end(ended, words, &say).await,
            frame = frames.next() => if !frame.is_ok_and(|frame| there.take(frame, &child)) {
                break None;
            },
            () = say.0.closed() => break None,
            () = closing.wait() => break Some("The server ends.".to_owned()),
            _ = sign.tick() => { let _ = say.0.try_send(encode(Kind::Sign, b"")); }
            // A disk that fails takes nothing from anybody.
            _ = check.tick() => match admitted.still().await {
                Err(why) if why.is_refusal() => break Some(why.message().to_owned()),
                _ => {}
            },
        }
    };
    tell(&child, 1);
    if let Some(why) = why {
        say.say(Kind::Trouble, why.as_bytes()).await;
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        tell(&child, 15);
        let _ = child.wait().await;
    }
}

/// What frames are for.
struct Hands {
    input: Option<Typed>,
    shut: watch::Sender<[bool; 2]>,
    terminal: Option<Arc<AsyncFd<File>>>,
}

impl Hands {
    /// `false` where the client does what none of ours does.
    fn take(&self, frame: Frame, child: &Child) -> bool {
        match (frame.kind, frame.bytes.as_slice()) {
            (Kind::Input, _) => {
                return self
                    .input
                    .as_ref()
                    .is_none_or(|input| input.take(frame.bytes));
            }
            (Kind::Size, &[a, b, c, d]) => {
                if let Some(terminal) = &self.terminal {
                    let number = |high, low| u16::from_be_bytes([high, low]);
                    resize(terminal.get_ref(), [number(a, b), number(c, d)]);
                }
            }
            (Kind::Signal, &[signal]) => tell(child, signal.into()),
            (Kind::Closed, &[which @ 1..=2]) => {
                let which = usize::from(which) - 1;
                self.shut.send_modify(|shut| shut[which] = true);
            }
            _ => return false,
        }
        true
    }
}

/// How much of the room for what waits is taken by this: by an end as well, or nobody would count ends.
fn weight(bytes: &[u8]) -> usize {
    bytes.len().max(1)
}

/// Input that waits to be read: as much at most as the client was let send.
struct Typed {
    to: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Typed {
    fn take(&self, bytes: Vec<u8>) -> bool {
        let weight = weight(&bytes);
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        let within = before + weight <= CREDIT as usize;
        // Who reads nothing any more does not hear of it.
        let _ = self.to.send(bytes);
        within
    }
}

/// Where a command reads.
enum Input {
    Pipe(tokio::process::ChildStdin),
    Terminal(Arc<AsyncFd<File>>),
}

/// Passes input on, and tells the client how much was read. What a command that reads nothing any more is sent
/// is passed over.
fn into(mut input: Input, say: Say) -> Typed {
    let (to, mut coming) = mpsc::unbounded_channel::<Vec<u8>>();
    let waiting = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&waiting);
    tokio::spawn(async move {
        while let Some(bytes) = coming.recv().await {
            let done = match &mut input {
                // Dropping it is its end.
                Input::Pipe(_) if bytes.is_empty() => return,
                Input::Pipe(pipe) => pipe.write_all(&bytes).await,
                Input::Terminal(terminal) if bytes.is_empty() => type_in(terminal, &[END]).await,
                Input::Terminal(terminal) => type_in(terminal, &bytes).await,
            };
            if done.is_err() {
                return;
            }
            left.fetch_sub(weight(&bytes), Ordering::Relaxed);
            let read = u32::try_from(bytes.len()).unwrap_or(CREDIT);
            if !say.say(Kind::Credit, &read.to_be_bytes()).await {
                return;
            }
        }
    });
    Typed { to, waiting }
}

async fn type_in(terminal: &AsyncFd<File>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = terminal.async_io(Interest::WRITABLE, |mut file| file.write(bytes));
        bytes = &bytes[written.await?..];
    }
    Ok(())
}

/// Passes output on until its end, or until nobody reads it any more: then our end is closed, as theirs is.
async fn out_of(
    mut from: impl AsyncRead + Unpin,
    kind: Kind,
    say: Say,
    mut closed: watch::Receiver<[bool; 2]>,
) {
    let which = usize::from(kind == Kind::Errors);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = closed.wait_for(|closed| closed[which]) => return,
        };
        match read {
            Ok(count @ 1..) if say.say(kind, &buffer[..count]).await => {}
            _ => return,
        }
    }
}

/// Passes on what a terminal shows.
async fn shown(terminal: Arc<AsyncFd<File>>, say: Say) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = terminal.async_io(Interest::READABLE, |mut file| file.read(&mut buffer));
        match read.await {
            Ok(count @ 1..) if say.say(Kind::Terminal, &buffer[..count]).await => {}
            // A terminal that nobody has open any more ends with an error.
            _ => return,
        }
    }
}

async fn end(ended: io::Result<ExitStatus>, mut words: tokio::task::JoinSet<()>, say: &Say) {
    // What it left behind may hold on to its output.
    let _ = timeout(LAST_WORDS, async {
        while words.join_next().await.is_some() {}
    })
    .await;
    let status = match ended {
        Ok(status) => {
            let signal = status.signal().map(|signal| 128 + signal);
            status.code().or(signal).unwrap_or(1)
        }
        Err(_) => 1,
    };
    let status = u8::try_from(status).unwrap_or(1);
    say.say(Kind::Ended, &[status]).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_input_that_nobody_reads_are_counted_as_well() {
        let (to, _waiting) = mpsc::unbounded_channel();
        let typed = Typed {
            to,
            waiting: Arc::default(),
        };
        assert!((0..CREDIT).all(|_| typed.take(Vec::new())));
        assert!(!typed.take(Vec::new()));
    }
}
