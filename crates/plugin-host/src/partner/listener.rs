//! The listener for a vendor that answers later: open as long as one command waits, one request a
//! connection, each bounded in size and time. It must not know what a request means.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::desk::{Desk, Incoming, Outgoing};

/// The head of a request may have so many bytes.
const HEAD: usize = 16 << 10;
/// And so many headers.
const HEADERS: usize = 64;
/// The body may have so many bytes.
const BODY: usize = 1 << 20;
/// A request must have come after so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many requests are read at the same time.
const CONNECTIONS: usize = 16;

/// An open port. It is closed when this is dropped.
pub(super) struct Listener {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Listener {
    pub(super) fn open(address: SocketAddr) -> io::Result<(Self, TcpListener)> {
        let socket = TcpListener::bind(address)?;
        let listener = Self {
            address: socket.local_addr()?,
            over: Arc::new(AtomicBool::new(false)),
        };
        Ok((listener, socket))
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers whoever comes, until this is dropped.
    pub(super) fn serve(&self, socket: TcpListener, desk: Arc<Desk>) {
        let over = Arc::clone(&self.over);
        let busy = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for connection in socket.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(connection) = connection else {
                    // Such as: no descriptor is free. It may be better in a moment.
                    std::thread::sleep(Duration::from_millis(50));
                    continue;
                };
                let slot = Slot::take(&busy);
                if slot.is_full() {
                    continue;
                }
                let desk = Arc::clone(&desk);
                std::thread::spawn(move || {
                    // Who hangs up wants no answer.
                    let _ = serve(connection, &desk);
                    drop(slot);
                });
            }
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread, which then closes the port.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// A place among the connections.
struct Slot(Arc<AtomicUsize>, usize);

impl Slot {
    fn take(busy: &Arc<AtomicUsize>) -> Self {
        let before = busy.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(busy), before)
    }

    fn is_full(&self) -> bool {
        self.1 >= CONNECTIONS
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(mut connection: TcpStream, desk: &Desk) -> io::Result<()> {
    let mut reader = Bounded {
        connection: connection.try_clone()?,
        until: Instant::now() + PATIENCE,
        read: Vec::new(),
    };
    let answer = match reader.request() {
        Ok(request) => desk.answer(&request),
        Err(error) if error.kind() == ErrorKind::InvalidData => Outgoing {
            status: 400,
            json: serde_json::json!({ "message": error.to_string() }),
        },
        Err(error) => return Err(error),
    };
    let body = answer.json.to_string();
    let Outgoing { status, .. } = answer;
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n",
        if status == 200 { "OK" } else { "Refused" },
        body.len()
    );
    connection.set_write_timeout(Some(PATIENCE))?;
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}

/// Reads one request, within its time.
struct Bounded {
    connection: TcpStream,
    until: Instant,
    read: Vec<u8>,
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

impl Bounded {
    fn more(&mut self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.connection.set_read_timeout(Some(left))?;
        let mut chunk = [0; 4096];
        match self.connection.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.read.extend_from_slice(&chunk[..read]);
                Ok(())
            }
        }
    }

    fn request(&mut self) -> io::Result<Incoming> {
        let (mut request, framing, used) = loop {
            if let Some(head) = head(&self.read)? {
                break head;
            }
            if self.read.len() > HEAD {
                return Err(bad("the head is too long"));
            }
            self.more()?;
        };
        self.read.drain(..used);
        if framing.expects {
            self.connection
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match framing.chunked {
            true => self.chunks()?,
            false => self.take(framing.length)?,
        };
        Ok(request)
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > BODY {
            return Err(bad("the body is too long"));
        }
        while self.read.len() < length {
            self.more()?;
        }
        Ok(self.read.drain(..length).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match httparse::parse_chunk_size(&self.read) {
                Err(_) => return Err(bad("a chunk has no size")),
                Ok(httparse::Status::Partial) if self.read.len() > HEAD => {
                    return Err(bad("a chunk has no size"));
                }
                Ok(httparse::Status::Partial) => self.more()?,
                // What may follow the last chunk is of no interest.
                Ok(httparse::Status::Complete((_, 0))) => return Ok(body),
                Ok(httparse::Status::Complete((used, size))) => {
                    self.read.drain(..used);
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    if size > BODY.saturating_sub(body.len()) {
                        return Err(bad("the body is too long"));
                    }
                    body.extend(self.take(size)?);
                    // The end of the line after it.
                    self.take(2)?;
                }
            }
        }
    }
}

/// How the body comes.
#[derive(Default)]
struct Framing {
    length: usize,
    chunked: bool,
    expects: bool,
}

/// The head, if it is whole, and how many bytes it has.
fn head(read: &[u8]) -> io::Result<Option<(Incoming, Framing, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(read).map_err(|_| bad("this is no HTTP"))?;
    let httparse::Status::Complete(used) = parsed else {
        return Ok(None);
    };
    let (mut framing, mut authorization) = (Framing::default(), String::new());
    for header in &*head.headers {
        let value = std::str::from_utf8(header.value).map_err(|_| bad("a header is no text"))?;
        match header.name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => {
                let length = value.trim().parse();
                framing.length = length.map_err(|_| bad("content-length is no number"))?;
            }
            "transfer-encoding" => framing.chunked = value.trim().eq_ignore_ascii_case("chunked"),
            "expect" => framing.expects = value.trim().eq_ignore_ascii_case("100-continue"),
            _ => {}
        }
    }
    let path = head.path.unwrap_or_default();
    let incoming = Incoming {
        method: head.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        authorization,
        body: Vec::new(),
    };
    Ok(Some((incoming, framing, used)))
}
