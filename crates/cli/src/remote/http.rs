//! Requests of HTTP/1.1, as far as a client of Slugline needs them: no redirect is followed, since the token is
//! for this server alone. It must not know what is asked.

use std::io;

use serde_json::Value;

use super::host::Host;
use super::wire::Wire;
use crate::error::CommandError;

/// The largest head and the largest body of an answer, in bytes.
const MOST: usize = 1024 * 1024;

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, where it has a length; else what has come with the head.
    pub rest: Vec<u8>,
}

/// Asks; `headers` end with line ends.
///
/// # Errors
/// Where the connection ends, or what comes is not HTTP.
pub fn ask(
    wire: &mut Wire,
    (host, token): (&Host, &str),
    (line, headers): (&str, &str),
    body: &[u8],
) -> io::Result<Answer> {
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/vnd.heroku+json; version=3\r\nUser-Agent: slugline/{}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n",
        host.place(),
        env!("CARGO_PKG_VERSION"),
        body.len(),
    );
    wire.put(head.as_bytes())?;
    wire.put(body)?;
    wire.pour()?;
    let (mut read, mut more) = (Vec::new(), true);
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let mut rest = read.split_off(end + 4);
            let (status, length) = parse(&read)?;
            while status != 101 && rest.len() < length.min(MOST) && wire.take(&mut rest)? {}
            return Ok(Answer { status, rest });
        }
        if read.len() > MOST {
            return Err(nonsense());
        }
        if !more {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // All of a short command may come at once, with the end.
        more = wire.take(&mut read)?;
    }
}

fn nonsense() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "what answers there does not speak HTTP",
    )
}

/// The status, and how long the body is.
fn parse(head: &[u8]) -> io::Result<(u16, usize)> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let first = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = first.and_then(|line| line.get(..3)?.parse().ok());
    let status = status.ok_or_else(nonsense)?;
    let lengths = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = name.eq_ignore_ascii_case("content-length");
        length.then(|| value.trim().parse().ok())?
    });
    Ok((status, lengths.last().unwrap_or(0)))
}

/// What an answer that is none of the wanted ones means to a person.
pub fn refused(host: &Host, answer: &Answer) -> CommandError {
    let place = host.place();
    let body: Value = serde_json::from_slice(&answer.rest).unwrap_or_default();
    let said = body["message"].as_str();
    match (answer.status, said) {
        (401, _) => {
            let text =
                format!("{place} does not know this token, or it is good for nothing any more.");
            CommandError::failed(text).hint("Log in with another: slugline login")
        }
        (300..=399, _) => CommandError::failed(format!(
            "{place} sends us elsewhere, where the token is not for: set SLUGLINE_HOST to the server itself."
        )),
        (404, Some(said)) if said.starts_with("There is no POST ") => {
            let text =
                format!("{place} does not run commands for clients: it is an older Slugline.");
            CommandError::failed(text)
        }
        (422, Some(said)) if said.starts_with("No app specified.") => CommandError::usage(said),
        (_, Some(said)) => CommandError::failed(said),
        (status, None) => CommandError::failed(format!(
            "What answers at {place} is no Slugline: it says {status}."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read() {
        let check = |head: &str, expected: Option<(u16, usize)>| {
            assert_eq!(parse(head.as_bytes()).ok(), expected, "{head}");
        };
        check(
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\n",
            Some((403, 12)),
        );
        check("HTTP/1.1 101 Switching Protocols\r\n\r\n", Some((101, 0)));
        check("HTTP/1.1\r\n\r\n", None);
        check("SSH-2.0-x\r\n\r\n", None);
    }
}
