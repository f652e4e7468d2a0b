//! The first bytes of a connection, which say what it is for: a secret that somebody was told, or HTTP. It
//! must not know what a secret is of.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// The longest line that may be a secret, in bytes.
const LONGEST: usize = 200;

/// The length of a secret: some clients send no line end after it.
const SECRET: usize = 64;
/// For how long a line end is waited for then.
const LINE_END: Duration = Duration::from_millis(500);

/// What a connection is for.
pub(crate) enum First<S> {
    /// Somebody has said a secret; what came after it is still to be read.
    Secret(String, Again<S>),
    /// HTTP, all of it still to be read.
    Http(Again<S>),
}

/// Reads as much as it takes to know. Methods of HTTP are in capitals; secrets are digits and small letters.
///
/// # Errors
/// Those of the connection; `InvalidData` where it is neither.
pub(crate) async fn first<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<First<S>> {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 256];
        let more = stream.read(&mut buffer);
        let count = if read.len() == SECRET {
            match timeout(LINE_END, more).await {
                Ok(count) => count?,
                Err(_) => {
                    let secret = String::from_utf8(read).map_err(|_| io::ErrorKind::InvalidData)?;
                    let stream = Again {
                        read: Vec::new(),
                        stream,
                    };
                    return Ok(First::Secret(secret, stream));
                }
            }
        } else {
            more.await?
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&buffer[..count]);
        if !is_of_secret(read[0]) {
            return Ok(First::Http(Again { read, stream }));
        }
        if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
            let rest = read.split_off(end + 1);
            let line = String::from_utf8(read).map_err(|_| io::ErrorKind::InvalidData)?;
            let secret = line.trim_end();
            if !secret.bytes().all(is_of_secret) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let stream = Again { read: rest, stream };
            return Ok(First::Secret(secret.to_owned(), stream));
        }
        if read.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn is_of_secret(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_lowercase()
}

/// A connection of which something was read that is to be read again.
pub(crate) struct Again<S> {
    read: Vec<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Again<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..count]);
        self.read.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Again<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(bytes: &[u8]) -> Option<(Option<String>, Vec<u8>)> {
        let (secret, mut stream) = match first(bytes).await {
            Ok(First::Secret(secret, stream)) => (Some(secret), stream),
            Ok(First::Http(stream)) => (None, stream),
            Err(_) => return None,
        };
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        Some((secret, rest))
    }

    #[tokio::test]
    async fn a_secret_is_told_from_a_request() {
        let request = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(said(request).await, Some((None, request.to_vec())));
        let preface = b"PRI * HTTP/2.0\r\n\r\n";
        assert_eq!(said(preface).await, Some((None, preface.to_vec())));
        let secret = Some("0a1b".to_owned());
        for line in [&b"0a1b\r\nls\n"[..], b"0a1b\nls\n"] {
            let expected = Some((secret.clone(), b"ls\n".to_vec()));
            assert_eq!(said(line).await, expected);
        }
        for bad in [&b""[..], b"0a1b", b"get / HTTP/1.1\r\n", &[b'a'; 300]] {
            assert_eq!(said(bad).await, None, "{bad:?}");
        }
    }
}
