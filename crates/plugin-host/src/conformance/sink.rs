//! A web server and a mail server that take everything and keep nothing, on this machine, for what a
//! plugin posts and mails while it is tested. It must not know what comes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Who says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the two servers are. They run as long as this process.
pub(super) struct Sinks {
    /// `http://127.0.0.1:PORT`.
    pub(super) http: String,
    /// `smtp://127.0.0.1:PORT`.
    pub(super) smtp: String,
}

impl Sinks {
    pub(super) fn open() -> io::Result<Self> {
        let place = |scheme: &str, serve| -> io::Result<String> {
            Ok(format!("{scheme}://127.0.0.1:{}", listen(serve)?))
        };
        Ok(Self {
            http: place("http", take_request)?,
            smtp: place("smtp", take_mail)?,
        })
    }
}

fn listen(serve: fn(TcpStream) -> io::Result<()>) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A plugin that is killed half-way hangs up; that is what the suite is for.
            let _ = connection.set_read_timeout(Some(PATIENCE));
            std::thread::spawn(move || serve(connection));
        }
    });
    Ok(port)
}

fn take_request(connection: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    (&connection).write_all(answer)
}

fn take_mail(connection: TcpStream) -> io::Result<()> {
    let reader = BufReader::new(connection.try_clone()?);
    let say = |text: &str| (&connection).write_all(format!("{text}\r\n").as_bytes());
    say("220 ready")?;
    let mut in_mail = false;
    for line in reader.lines() {
        let line = line?;
        match line.split(' ').next().unwrap_or_default() {
            "." if in_mail => {
                in_mail = false;
                say("250 taken")?;
            }
            _ if in_mail => {}
            "DATA" => {
                in_mail = true;
                say("354 go on")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 fine")?,
        }
    }
    Ok(())
}
