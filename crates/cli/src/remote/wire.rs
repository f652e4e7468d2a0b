//! A connection to a server, with TLS or, on this machine, without: bytes that go out and come in, waiting or not.
//! It must not know what they are.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustls::ClientConnection;

use super::host::Host;
use super::tls;
use crate::env::Env;
use crate::error::CommandError;

/// How long a server may take to be reached, and to answer before anything is under way.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub struct Wire {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What is to go out, where there is no TLS, which keeps it itself.
    out: Vec<u8>,
}

impl Wire {
    /// Connects, and sees whom it speaks with.
    ///
    /// # Errors
    /// Where nobody is there, or not who should be.
    pub fn connect(host: &Host, env: &Env) -> Result<Self, CommandError> {
        let place = host.place();
        let unreached = |error: io::Error| {
            let text = format!("{place} cannot be reached: {error}");
            CommandError::failed(text).hint("SLUGLINE_HOST says where the server is.")
        };
        let tls = host.tls().then(|| tls::begin(host, env)).transpose()?;
        let socket = reach(host).map_err(unreached)?;
        let mut wire = Self {
            socket,
            tls: tls.map(Box::new),
            out: Vec::new(),
        };
        wire.greet(host)?;
        Ok(wire)
    }

    fn greet(&mut self, host: &Host) -> Result<(), CommandError> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.is_handshaking() {
            let done = tls.complete_io(&mut self.socket);
            if let Err(error) = done {
                let own = error.get_ref().and_then(|it| it.downcast_ref());
                return Err(match own {
                    Some(own) => tls::refused(host, own),
                    None => {
                        CommandError::failed(format!("{} ends the greeting: {error}", host.place()))
                            .hint("Does it speak TLS at this port?")
                    }
                });
            }
        }
        // What waits to be sent is bounded by who sends it.
        tls.set_buffer_limit(None);
        Ok(())
    }

    /// From now on neither sending nor taking waits.
    pub fn no_more_waiting(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)
    }

    /// From now on it is waited for what comes as long as it takes.
    pub fn patient(&mut self) -> io::Result<()> {
        self.socket.set_read_timeout(None)
    }

    /// Has bytes sent, with the next [`Wire::pour`].
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes),
            None => {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Whether something is to be sent still.
    pub fn is_full(&self) -> bool {
        !self.out.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends what there is: all of it, or as much as can be without waiting.
    pub fn pour(&mut self) -> io::Result<()> {
        while self.is_full() {
            let written = match &mut self.tls {
                Some(tls) => tls.write_tls(&mut self.socket),
                None => self.socket.write(&self.out),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) if self.tls.is_none() => drop(self.out.drain(..count)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come; it is waited for where that was not ended. `false` at the end.
    pub fn take(&mut self, into: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let Some(tls) = &mut self.tls else {
            return match self.socket.read(&mut buffer) {
                Ok(0) => Ok(false),
                Ok(count) => {
                    into.extend_from_slice(&buffer[..count]);
                    Ok(true)
                }
                Err(error) => nothing(error),
            };
        };
        match tls.read_tls(&mut self.socket) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) => return nothing(error),
        }
        let broken = |error| io::Error::new(ErrorKind::InvalidData, error);
        tls.process_new_packets().map_err(broken)?;
        loop {
            match tls.reader().read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => into.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn nothing(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(true),
        _ => Err(error),
    }
}

fn reach(host: &Host) -> io::Result<TcpStream> {
    let mut last = io::Error::other("it has no address");
    for address in (host.name(), host.port()).to_socket_addrs()? {
        // A name that should be this machine's may be another's.
        if !host.tls() && !address.ip().is_loopback() {
            last = io::Error::other("it is another machine, and http:// is only for this one");
            continue;
        }
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
