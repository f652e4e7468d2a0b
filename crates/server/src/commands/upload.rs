//! The files and folders that a client sends for a command's arguments: each into a place of its own in a
//! private folder. It must not know what they are for.

use std::fs::OpenOptions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::attend::Frames;
use super::frame::{Kind, Sent, SentKind};
use crate::backend::Backend;

/// How long a client may send nothing.
const IDLE: Duration = Duration::from_secs(120);
/// The most bytes of all that one command is sent: as much as an app may have.
const MOST: u64 = 2 << 30;
/// Parts that wait for the disk.
const AHEAD: usize = 4;

/// Receives them in their order. Answers where each is.
///
/// # Errors
/// In words for the client.
pub(super) async fn receive(
    frames: &mut Frames<impl AsyncRead + Unpin>,
    sent: &[Sent],
    backend: &Arc<dyn Backend>,
    folder: &Path,
) -> Result<Vec<(String, PathBuf)>, String> {
    let (mut paths, mut left) = (Vec::new(), MOST);
    for (number, one) in sent.iter().enumerate() {
        let to = folder.join(format!("sent-{number}"));
        if one.kind != SentKind::Missing {
            let of_one = |why: String| format!("{}: {why}", one.path);
            self::one(frames, one.kind, backend, (&to, &mut left))
                .await
                .map_err(of_one)?;
        }
        paths.push((one.path.clone(), to));
    }
    Ok(paths)
}

async fn one(
    frames: &mut Frames<impl AsyncRead + Unpin>,
    kind: SentKind,
    backend: &Arc<dyn Backend>,
    (to, left): (&Path, &mut u64),
) -> Result<(), String> {
    let (parts, coming) = mpsc::channel(AHEAD);
    let coming = Coming {
        parts: coming,
        part: Vec::new(),
        read: 0,
    };
    let (to, backend) = (to.to_owned(), Arc::clone(backend));
    let written = tokio::task::spawn_blocking(move || match kind {
        SentKind::Folder => unpack(&*backend, coming, &to),
        _ => write(coming, &to).map_err(|error| error.to_string()),
    });
    let ended = pass(frames, parts, left).await;
    let written = written.await.map_err(|error| error.to_string())?;
    // What is wrong with what was sent says more than that it went no further.
    written.and(ended)
}

fn unpack(backend: &dyn Backend, mut coming: Coming, to: &Path) -> Result<(), String> {
    let done = backend.unpack(&mut coming, to);
    done.map_err(|error| error.to_string())
}

fn write(mut coming: Coming, to: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut coming, &mut file)?;
    file.flush()
}

/// Passes parts on until the end, or until nobody takes them.
async fn pass(
    frames: &mut Frames<impl AsyncRead + Unpin>,
    parts: mpsc::Sender<io::Result<Vec<u8>>>,
    left: &mut u64,
) -> Result<(), String> {
    loop {
        let frame = timeout(IDLE, frames.next()).await;
        let frame = frame.map_err(|_| "nothing more came".to_owned())?;
        let why = match frame {
            Ok(frame) => match (frame.kind, frame.bytes) {
                (Kind::Part, bytes) if bytes.len() as u64 <= *left => {
                    *left -= bytes.len() as u64;
                    if parts.send(Ok(bytes)).await.is_err() {
                        return Err("it was not taken".to_owned());
                    }
                    continue;
                }
                (Kind::Part, _) => format!("it is larger than {MOST} bytes"),
                (Kind::PartEnd, text) if text.is_empty() => return Ok(()),
                (Kind::PartEnd, text) => String::from_utf8_lossy(&text).into_owned(),
                _ => "this is not what was to come".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        let _ = parts.send(Err(io::Error::other(why.clone()))).await;
        return Err(why);
    }
}

/// What comes, for who reads without waiting in turns.
struct Coming {
    parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    part: Vec<u8>,
    read: usize,
}

impl Read for Coming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.part.len() {
            match self.parts.blocking_recv() {
                Some(part) => (self.part, self.read) = (part?, 0),
                None => return Ok(0),
            }
        }
        let rest = &self.part[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}
