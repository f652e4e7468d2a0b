//! The files and folders that a command's arguments name, on their way to the server. It must not know what they
//! are for.

use std::io::{self, Read as _, Write};
use std::path::Path;

use slugline_server::commands::frame::{Kind, MOST, Sent, SentKind, encode};

use super::wire::Wire;
use crate::error::CommandError;

/// One of them.
pub struct File {
    path: String,
    kind: SentKind,
    /// Of a folder all that is in it, or the files at its top alone.
    deep: bool,
}

/// Looks at those that were typed; `deep` says whether what is in the folders of a folder is sent, too.
///
/// # Errors
/// Where one is neither a file nor a folder.
pub fn find(typed: &[String], deep: bool) -> Result<Vec<File>, CommandError> {
    let one = |path: &String| {
        let kind = match std::fs::metadata(path) {
            Ok(known) if known.is_dir() => SentKind::Folder,
            Ok(known) if known.is_file() => SentKind::File,
            Ok(_) => {
                let text = format!("{path} is neither a file nor a folder, and cannot be sent.");
                return Err(CommandError::failed(text));
            }
            // The command says what that means to it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => SentKind::Missing,
            Err(error) => {
                return Err(CommandError::failed(format!("cannot read {path}: {error}")));
            }
        };
        let path = path.clone();
        Ok(File { path, kind, deep })
    };
    typed.iter().map(one).collect()
}

impl File {
    /// What the server is told of it.
    pub fn sent(&self) -> Sent {
        Sent {
            path: self.path.clone(),
            kind: self.kind,
        }
    }

    /// Sends it. What cannot be read is told the server, which gives up.
    ///
    /// # Errors
    /// Where it cannot be read; those of the connection are left for whoever reads from it next.
    pub fn send(&self, wire: &mut Wire) -> Result<(), CommandError> {
        let mut sending = Sending {
            wire,
            broken: false,
        };
        let done = match self.kind {
            SentKind::Missing => return Ok(()),
            SentKind::Folder => {
                let path = Path::new(&self.path);
                let packed = match self.deep {
                    true => slugline_slug::pack_folder(path, &mut sending),
                    false => slugline_slug::pack_files(path, &mut sending),
                };
                packed
                    .map(drop)
                    .map_err(|error| CommandError::because(&error))
            }
            SentKind::File => {
                let read = copy(&self.path, &mut sending);
                read.map_err(|error| CommandError::because(&error))
            }
        };
        if sending.broken {
            return Ok(());
        }
        let why = done
            .as_ref()
            .err()
            .map(|error| error.text.clone())
            .unwrap_or_default();
        let ended = wire.put(&encode(Kind::PartEnd, why.as_bytes()));
        let _ = ended.and_then(|()| wire.pour());
        done.map_err(|error| CommandError {
            text: format!("{} cannot be sent: {}", self.path, error.text),
            ..error
        })
    }
}

fn copy(path: &str, to: &mut impl Write) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; MOST];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

/// Writes parts, each in a frame.
struct Sending<'a> {
    wire: &'a mut Wire,
    broken: bool,
}

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(MOST)];
        let sent = self.wire.put(&encode(Kind::Part, part));
        let sent = sent.and_then(|()| self.wire.pour());
        self.broken |= sent.is_err();
        sent.map(|()| part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
