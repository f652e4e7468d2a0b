//! HTTP/1.1 as it goes over a socket, so that a test sees when it is cut, and can say what no client
//! would. It must not know any route.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use slugline_testkit::environment::{Answer, PATIENCE};

/// A connection to the API.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    /// Connects to an address such as `127.0.0.1:8081`.
    pub(crate) fn to(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends these bytes as they are.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Reads one answer; `None` where the connection has ended before it.
    pub(crate) fn answer(&mut self) -> io::Result<Option<Answer>> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let odd = || io::Error::other("the answer is none of HTTP");
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.ok_or_else(odd)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(odd());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        match headers.get("content-length").map(|length| length.parse()) {
            _ if status == 304 || status == 204 => {}
            Some(length) => {
                let length = length.map_err(|_| odd())?;
                body.resize(length, 0);
                self.0.read_exact(&mut body)?;
            }
            None => drop(self.0.read_to_end(&mut body)?),
        }
        Ok(Some(Answer {
            status,
            headers,
            body: String::from_utf8(body).map_err(|_| odd())?,
        }))
    }
}
