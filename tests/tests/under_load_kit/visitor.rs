//! Visitors of an app: each asks again and again in its own way and notes what it got. They speak HTTP by
//! hand, so that nothing is tried again behind the test's back. They must not know what is right.

use std::io::{BufRead as _, BufReader, Error, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Diary;

/// How a visitor asks.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// On one connection, as long as the router keeps it open.
    KeptAlive,
    /// On a new connection each time.
    Fresh,
    /// For an answer that takes its time.
    Slow,
    /// For an answer in pieces, which must all be of one release.
    Streaming,
    /// A conversation, which must all be with one release.
    WebSocket,
}

/// Where the app is.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) host: String,
}

/// So long at most is waited for anything: a hang is a failure.
const LIMIT: Duration = Duration::from_secs(60);

/// Visits until the diary is over, once in every `pace`.
pub(crate) fn visit(way: Way, place: &Place, pace: Duration, diary: &Diary) {
    let mut kept: Option<BufReader<TcpStream>> = None;
    while !diary.is_over() {
        let asked = Instant::now();
        let (kind, answer) = match way {
            Way::KeptAlive => ("kept alive", on_kept(&mut kept, place)),
            Way::Fresh => ("fresh", once(place, "/")),
            Way::Slow => ("slow", once(place, "/slow")),
            Way::Streaming => ("streaming", once(place, "/stream").and_then(one_release)),
            Way::WebSocket => ("websocket", converse(place).and_then(one_release)),
        };
        diary.note(kind, asked, answer.map_err(|error| error.to_string()));
        std::thread::sleep(pace.saturating_sub(asked.elapsed()));
    }
}

fn connect(place: &Place) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", place.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(BufReader::new(stream))
}

fn ask(connection: &mut BufReader<TcpStream>, place: &Place, path: &str, more: &str) -> Result<()> {
    let host = &place.host;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    connection.get_mut().write_all(request.as_bytes())
}

fn once(place: &Place, path: &str) -> Result<String> {
    let mut connection = connect(place)?;
    ask(&mut connection, place, path, "Connection: close\r\n")?;
    answer(&mut connection).map(|(body, _)| body)
}

/// A connection that was closed between two requests is no failure; one that is closed on a request is.
fn on_kept(kept: &mut Option<BufReader<TcpStream>>, place: &Place) -> Result<String> {
    let mut connection = match kept.take().filter(is_open) {
        Some(connection) => connection,
        None => connect(place)?,
    };
    ask(&mut connection, place, "/", "")?;
    let (body, goes_on) = answer(&mut connection)?;
    *kept = goes_on.then_some(connection);
    Ok(body)
}

fn is_open(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    let _ = stream.set_nonblocking(true);
    let peeked = stream.peek(&mut [0]);
    let _ = stream.set_nonblocking(false);
    matches!(peeked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Status and headers, in lower case.
fn head(connection: &mut BufReader<TcpStream>) -> Result<(String, Vec<String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            let what = format!(
                "the connection was closed after {} lines of the head",
                lines.len()
            );
            return Err(Error::other(what));
        }
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let status = lines.remove(0);
    Ok((status, lines))
}

/// The body of an answer that must be 200, and whether the connection goes on.
fn answer(connection: &mut BufReader<TcpStream>) -> Result<(String, bool)> {
    let (status, headers) = head(connection)?;
    let header = |name: &str| {
        let found = headers
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(str::trim)
    };
    let mut body = Vec::new();
    if header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            connection.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16)
                .map_err(|_| Error::other(format!("it was cut off after {} bytes", body.len())))?;
            let mut piece = vec![0; size + 2];
            connection.read_exact(&mut piece)?;
            body.extend(&piece[..size]);
            if size == 0 {
                break;
            }
        }
    } else {
        let length = header("content-length").and_then(|length| length.parse().ok());
        body = vec![0; length.unwrap_or(0)];
        connection.read_exact(&mut body)?;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    if !status.contains(" 200 ") {
        return Err(Error::other(format!("{status}: {body}")));
    }
    Ok((body, header("connection") != Some("close")))
}

/// Ten messages to and fro within a second.
fn converse(place: &Place) -> Result<String> {
    let mut connection = connect(place)?;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    ask(&mut connection, place, "/socket", upgrade)?;
    let (status, _) = head(&mut connection)?;
    if !status.contains(" 101 ") {
        return Err(Error::other(status));
    }
    let mut said = String::new();
    for number in 0..10_u8 {
        // A masked text frame whose mask is zero.
        let frame = [0x81, 0x81, 0, 0, 0, 0, b'0' + number];
        connection.get_mut().write_all(&frame)?;
        let mut head = [0; 2];
        connection.read_exact(&mut head)?;
        let mut text = vec![0; usize::from(head[1] & 0x7f)];
        connection.read_exact(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (release, echo) = text.split_once(' ').unwrap_or((&text, ""));
        if echo != number.to_string() {
            return Err(Error::other(format!("it answered {text} to {number}")));
        }
        said.push_str(release);
        said.push('\n');
        std::thread::sleep(Duration::from_millis(80));
    }
    connection.get_mut().write_all(&[0x88, 0x80, 0, 0, 0, 0])?;
    let mut end = [0; 2];
    connection.read_exact(&mut end)?;
    Ok(said)
}

/// The release that every line names.
fn one_release(body: String) -> Result<String> {
    let mut lines = body.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    match lines.find(|line| *line != first) {
        Some(other) => Err(Error::other(format!(
            "it began with {first} and went on with {other}"
        ))),
        None => Ok(first),
    }
}
