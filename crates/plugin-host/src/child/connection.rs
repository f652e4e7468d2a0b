//! The pipe to Slugline, moved away from where plugins print to. It must not know what the messages
//! mean.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};

use slugline_plugin_api::protocol::{Answer, FromPlugin, LENGTH_BYTES, Question, ToPlugin};

use crate::world::World;

use super::ChildError;
use super::raw;

/// The pipe to Slugline.
pub(super) struct Connection {
    input: RefCell<BufReader<File>>,
    output: RefCell<File>,
}

fn broken(error: &dyn std::fmt::Display) -> ChildError {
    ChildError::Connection(error.to_string())
}

impl Connection {
    /// Takes standard input and output for itself: what reads the one then finds nothing, and what
    /// is written to the other goes to standard error.
    pub(super) fn take() -> Result<Self, ChildError> {
        raw::close_inherited();
        let failed = |error: &dyn std::fmt::Display| ChildError::Contain(error.to_string());
        let input = raw::move_up(&std::io::stdin()).map_err(|error| failed(&error))?;
        let output = raw::move_up(&std::io::stdout()).map_err(|error| failed(&error))?;
        let nothing = File::open("/dev/null").map_err(|error| failed(&error))?;
        nix::unistd::dup2_stdin(&nothing).map_err(|error| failed(&error))?;
        nix::unistd::dup2_stdout(std::io::stderr()).map_err(|error| failed(&error))?;
        Ok(Self {
            input: RefCell::new(BufReader::new(File::from(input))),
            output: RefCell::new(File::from(output)),
        })
    }

    /// The next message; `None` once Slugline has hung up. It is trusted.
    pub(super) fn receive(&self) -> Result<Option<ToPlugin<'static>>, ChildError> {
        let mut input = self.input.borrow_mut();
        let mut length = [0; LENGTH_BYTES];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            other => other.map_err(|error| broken(&error))?,
        }
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|error| broken(&error))?;
        let mut json = vec![0; length];
        input
            .read_exact(&mut json)
            .map_err(|error| broken(&error))?;
        let message = serde_json::from_slice(&json).map_err(|error| broken(&error))?;
        Ok(Some(message))
    }

    /// Says something, in one write.
    pub(super) fn send(&self, message: &FromPlugin) -> Result<(), ChildError> {
        let mut frame = vec![0; LENGTH_BYTES];
        serde_json::to_writer(&mut frame, message).map_err(|error| broken(&error))?;
        let length = u32::try_from(frame.len() - LENGTH_BYTES).map_err(|error| broken(&error))?;
        frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        let written = self.output.borrow_mut().write_all(&frame);
        written.map_err(|error| broken(&error))
    }
}

impl World for Connection {
    fn ask(&self, question: Question) -> Result<Answer, String> {
        let sent = self.send(&FromPlugin::Ask(question));
        sent.map_err(|error| error.to_string())?;
        match self.receive().map_err(|error| error.to_string())? {
            Some(ToPlugin::Answer(Answer::Refused(what))) => Err(what),
            Some(ToPlugin::Answer(answer)) => Ok(answer),
            _ => Err("there is no answer".to_owned()),
        }
    }
}
