//! The pieces in which a client and the server speak once a command is under way: a letter, a length of four
//! bytes (the largest first) and as many bytes. It must not know who says what when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The word of the header `Upgrade`.
pub const UPGRADE: &str = "slugline-command";
/// Where commands are asked for.
pub const PATH: &str = "/slugline/commands";
/// What both sides speak. Another number is another language.
pub const PROTOCOL: u32 = 1;
/// The most bytes in one frame.
pub const MOST: usize = 64 * 1024;
/// How many bytes of input a client may send before it is told that they were read.
pub const CREDIT: u32 = 64 * 1024;

/// A command that a client wants to be run. No `Debug`: its words may hold secrets.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewCommand {
    /// 1.
    pub protocol: u32,
    /// The client's version, for what it is told where the two differ.
    pub version: String,
    /// The command with its arguments, as they were typed.
    #[schema(example = json!(["releases:info", "v24"]))]
    pub words: Vec<String>,
    /// The app that is meant where the words name none.
    pub app: Option<String>,
    /// Which of input, output and error output are a terminal.
    #[serde(default)]
    pub terminals: [bool; 3],
    /// Whether what is typed or piped in is sent.
    #[serde(default)]
    pub input: bool,
    /// Its columns and lines.
    pub size: Option<[u16; 2]>,
    /// Its kind, as `TERM` says.
    pub term: Option<String>,
    /// The time zone of the client, as `TZ` says.
    pub zone: Option<String>,
    /// Whether nothing is to be coloured.
    #[serde(default)]
    pub no_colour: bool,
    /// The files and folders among the arguments, in their order.
    #[serde(default)]
    pub sent: Vec<Sent>,
}

/// A file or folder of the client that an argument names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// As it was typed.
    pub path: String,
    /// What it is.
    pub kind: SentKind,
}

/// What is sent for an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SentKind {
    /// A folder, as tar.
    Folder,
    /// The bytes of a file.
    File,
    /// Nothing: there is no such thing.
    Missing,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From the client: a part of the file or folder that is sent.
    Part,
    /// From the client: the end of it; with a text where it could not be sent.
    PartEnd,
    /// From the client: input for the command; its end where it is empty.
    Input,
    /// From the client: the columns and lines of its terminal, two bytes each.
    Size,
    /// From the client: a signal, one byte.
    Signal,
    /// From the client: nobody reads its output (1) or its error output (2) any more.
    Closed,
    /// From the server: as many more bytes of input may be sent, four bytes.
    Credit,
    /// From the server: output.
    Output,
    /// From the server: error output.
    Errors,
    /// From the server: what the command's terminal shows.
    Terminal,
    /// From the server: it is still there.
    Sign,
    /// From the server: why it goes no further, in words.
    Trouble,
    /// From the server: the exit status, one byte. Nothing follows.
    Ended,
}

const LETTERS: [(Kind, u8); 13] = [
    (Kind::Part, b'p'),
    (Kind::PartEnd, b'P'),
    (Kind::Input, b'i'),
    (Kind::Size, b'w'),
    (Kind::Signal, b's'),
    (Kind::Closed, b'c'),
    (Kind::Credit, b'm'),
    (Kind::Output, b'o'),
    (Kind::Errors, b'e'),
    (Kind::Terminal, b't'),
    (Kind::Sign, b'.'),
    (Kind::Trouble, b'!'),
    (Kind::Ended, b'x'),
];

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub kind: Kind,
    /// With what.
    pub bytes: Vec<u8>,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came is not what this version speaks")]
pub struct Malformed;

/// Writes a frame of at most [`MOST`] bytes; more are left out.
#[must_use]
pub fn encode(kind: Kind, bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(MOST)];
    let letter = LETTERS.iter().find(|(one, _)| *one == kind);
    let length = u32::try_from(bytes.len()).unwrap_or(0);
    let mut frame = Vec::with_capacity(bytes.len() + 5);
    frame.push(letter.map_or(b'.', |(_, letter)| *letter));
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
    frame
}

/// Reads frames from bytes that come in any pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// So many of them were read: moving the others for each frame would let small ones cost much.
    read: usize,
}

impl Decoder {
    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, once all of it is there.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn frame(&mut self) -> Result<Option<Frame>, Malformed> {
        let waiting = &self.bytes[self.read..];
        let Some((&[letter, a, b, c, d], rest)) = waiting.split_first_chunk() else {
            return Ok(None);
        };
        let kind = LETTERS.iter().find(|(_, known)| *known == letter);
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (Some((kind, _)), true) = (kind, length <= MOST) else {
            return Err(Malformed);
        };
        if rest.len() < length {
            return Ok(None);
        }
        let bytes = rest[..length].to_vec();
        self.read += length + 5;
        Ok(Some(Frame { kind: *kind, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_back_from_any_pieces() {
        let all: Vec<Frame> = LETTERS
            .iter()
            .map(|(kind, letter)| Frame {
                kind: *kind,
                bytes: vec![*letter; usize::from(*letter)],
            })
            .collect();
        let bytes: Vec<u8> = all
            .iter()
            .flat_map(|frame| encode(frame.kind, &frame.bytes))
            .collect();
        for size in [1, 3, 7, 1000, bytes.len()] {
            let (mut decoder, mut found) = (Decoder::default(), Vec::new());
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(frame) = decoder.frame().unwrap() {
                    found.push(frame);
                }
            }
            assert_eq!(found, all, "{size}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [&b"?\0\0\0\0"[..], b"o\x7f\0\0\0"] {
            let mut decoder = Decoder::default();
            decoder.push(bad);
            assert_eq!(decoder.frame(), Err(Malformed), "{bad:?}");
        }
    }
}
