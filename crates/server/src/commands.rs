//! Commands of our own client, run on the server: the words are read and checked here, and a process of the
//! same program carries them out. It must not know any command, nor how a process of it is made.

mod attend;
pub mod frame;
mod place;
mod process;
pub(crate) mod route;
mod upload;

use std::path::{Path, PathBuf};

use slugline_core::access::{Permission, TokenId};
use slugline_core::app::AppName;

use crate::backend::Caller;
use frame::NewCommand;
pub(crate) use place::Places;

/// What somebody must be permitted to run a command (S43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: any token is good for it.
    Token,
    /// This, of the app that is meant.
    Of(Permission),
    /// This, of no one app: making one.
    Beyond(Permission),
    /// The machine.
    Machine,
}

/// What a client's words were understood as.
#[derive(Clone, Debug)]
pub struct Understood {
    /// The name of the command.
    pub name: &'static str,
    /// What it needs.
    pub need: Need,
    /// The app that the words name.
    pub app: Option<String>,
    /// The files and folders that they name, in their order.
    pub paths: Vec<String>,
}

/// A command that may be run.
pub struct Permitted<'a> {
    /// What the client wants.
    pub wanted: &'a NewCommand,
    /// Who, with which command and from where.
    pub caller: &'a Caller,
    /// The app that it is about, and the only one that it may be about.
    pub app: Option<AppName>,
    /// Whether it may see and change everything.
    pub machine: bool,
    /// The token that it is asked for with.
    pub token: &'a TokenId,
    /// The one app that its token is for.
    pub only: Option<AppName>,
    /// The API as the client has reached it, such as `https://paas.example.com:8081`.
    pub url: String,
    /// Where each file and folder that the client has sent is now.
    pub paths: Vec<(String, PathBuf)>,
    /// A folder for it alone, which is removed afterwards.
    pub folder: &'a Path,
}
