//! Bodies that are large: taken into a file piece by piece, of limited size, and not from whoever sends too
//! slowly. No thread waits for what is to come. It must not know what they are.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout};

use crate::error::{ApiError, Kind};

/// How much is written at once, in bytes.
const PIECE: usize = 1024 * 1024;

/// What may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So many bytes.
    pub(crate) bytes: u64,
    /// So long nothing may come.
    pub(crate) silence: Duration,
    /// So long it may take in all.
    pub(crate) whole: Duration,
}

impl Limits {
    /// 1 GiB, within an hour, and never nothing for 30 s.
    pub(crate) const CODE: Self = Self {
        bytes: 1 << 30,
        silence: Duration::from_secs(30),
        whole: Duration::from_secs(3600),
    };
}

/// Writes a body into a file. Answers that, with its SHA-256 in hexadecimal digits.
pub(crate) async fn receive(
    mut body: Body,
    file: File,
    limits: Limits,
) -> Result<(File, String), ApiError> {
    let known = hyper::body::Body::size_hint(&body).lower();
    if known > limits.bytes {
        return Err(too_large(limits));
    }
    let (mut writer, mut length) = (Writer::new(file), 0);
    let end = Instant::now() + limits.whole;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let coming = timeout(limits.silence.min(left), body.frame());
        let Some(frame) = coming.await.map_err(|_| too_slow())? else {
            break;
        };
        let frame = frame.map_err(|_| ApiError::new(Kind::BadRequest, "The body ended early."))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len() as u64;
        if length > limits.bytes {
            return Err(too_large(limits));
        }
        writer.pending.push(data);
        writer.held += writer.pending.last().map_or(0, Bytes::len);
        if writer.held >= PIECE {
            writer = writer.write().await?;
        }
    }
    let writer = writer.write().await?;
    let digest = writer.hasher.finalize();
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((writer.file, digest))
}

fn too_large(limits: Limits) -> ApiError {
    let text = format!("The body is larger than {} bytes.", limits.bytes);
    ApiError::new(Kind::TooLarge, text)
}

fn too_slow() -> ApiError {
    ApiError::new(Kind::BadRequest, "The body came too slowly.")
}

struct Writer {
    file: File,
    hasher: Sha256,
    pending: Vec<Bytes>,
    held: usize,
}

impl Writer {
    fn new(file: File) -> Self {
        Self {
            file,
            hasher: Sha256::new(),
            pending: Vec::new(),
            held: 0,
        }
    }

    /// Writes what is pending, on a thread that may wait.
    async fn write(mut self) -> Result<Self, ApiError> {
        let written = tokio::task::spawn_blocking(move || {
            for piece in self.pending.drain(..) {
                self.hasher.update(&piece);
                self.file.write_all(&piece)?;
            }
            self.held = 0;
            Ok::<_, std::io::Error>(self)
        });
        let failed = |error: String| {
            let text = format!("What was sent cannot be kept: {error}");
            ApiError::new(Kind::Unavailable, text)
        };
        match written.await {
            Ok(Ok(writer)) => Ok(writer),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("it was given up".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pieces::Pieces;
    use std::io::{Read as _, Seek as _, SeekFrom};
    use tokio::sync::mpsc;

    const SMALL: Limits = Limits {
        bytes: 3 * 1024 * 1024,
        silence: Duration::from_millis(100),
        whole: Duration::from_secs(20),
    };

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn what_comes_is_in_the_file_with_its_digest() {
        run(async {
            let (sender, pieces) = mpsc::channel(1);
            let file = tempfile::tempfile().unwrap();
            let sending = tokio::spawn(async move {
                for _ in 0..2500 {
                    sender.send(Bytes::from_static(&[7; 1000])).await.unwrap();
                }
            });
            let received = receive(Body::new(Pieces(pieces)), file, SMALL).await;
            sending.await.unwrap();
            let (mut file, digest) = received.unwrap();
            let mut all = Vec::new();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_end(&mut all).unwrap();
            assert_eq!(all, vec![7; 2_500_000]);
            let expected = Sha256::digest(&all);
            let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, expected);
        });
    }

    #[test]
    fn what_is_too_large_or_too_slow_is_refused() {
        let check = |limits: Limits, pieces: usize, expected: &str| {
            run(async {
                let (sender, receiver) = mpsc::channel(1);
                let sending = tokio::spawn(async move {
                    for _ in 0..pieces {
                        if sender.send(Bytes::from_static(&[7; 1000])).await.is_err() {
                            return;
                        }
                    }
                    // It says no more, and does not end.
                    sender.closed().await;
                });
                let file = tempfile::tempfile().unwrap();
                let error = receive(Body::new(Pieces(receiver)), file, limits).await;
                assert_eq!(error.unwrap_err().message(), expected);
                sending.await.unwrap();
            });
        };
        check(SMALL, 3200, "The body is larger than 3145728 bytes.");
        check(SMALL, 10, "The body came too slowly.");
        let hurried = Limits {
            silence: Duration::from_secs(20),
            whole: Duration::from_millis(100),
            ..SMALL
        };
        check(hurried, 10, "The body came too slowly.");
        run(async {
            let whole = Body::from(vec![0; 4 * 1024 * 1024]);
            let file = tempfile::tempfile().unwrap();
            assert!(receive(whole, file, SMALL).await.is_err());
        });
    }
}
