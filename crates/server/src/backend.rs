//! What the API needs of the rest of the program. It must not know how any of it is done.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use slugline_core::actor::Actor;
use slugline_core::addon::Catalogue;
use slugline_core::app::{App, AppName};
use slugline_core::build::{Build, BuildId, Said};
use slugline_core::corridor::{Engine, Failure, Request};
use slugline_core::port::{Access, Builds, Clock, LaunchSpec, Ledger, Policies, Webhooks};
use slugline_core::release::Version;
use slugline_core::settings::Drain;
use slugline_core::slug::{Slug, SlugId};
use slugline_core::time::Timestamp;
use slugline_core::webhook::Target;
use tempfile::TempDir;

use crate::commands::frame::NewCommand;
use crate::commands::{Permitted, Understood};

/// Who asks, and from where: what the audit tells of a change.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// With which request, such as `PATCH /apps/shop/config-vars`.
    pub command: String,
    /// From where: the address, the token's name and the number of the request.
    pub place: String,
}

/// A process or server that runs.
#[derive(Clone, Debug)]
pub struct Process {
    /// Such as `web.1`.
    pub name: String,
    /// Whether it is the server of an add-on.
    pub server: bool,
    /// `starting`, `up`, `crashed` or `stopped`.
    pub state: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// The command; of a server only the program.
    pub command: String,
    /// The release that it runs.
    pub version: Version,
}

/// Which lines of an app's log are wanted.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// How many of those that there are: the last ones. Not looked at where `after` is given.
    pub count: usize,
    /// Those after the line of this number.
    pub after: Option<u64>,
    /// Only those of these sources: `app`, `addon`, `router`, `slugline`; of all, where none is named.
    pub sources: Vec<String>,
    /// Only those of this process, or of all of this type.
    pub process: Option<String>,
    /// Without what would disturb a terminal.
    pub harmless: bool,
}

/// A reader of a log.
pub trait LogReader: Send {
    /// Shows lines that nobody was shown yet, each with its number and without its end. Answers whether
    /// there may be more already.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn read(&mut self, show: &mut dyn FnMut(u64, &str)) -> Result<bool, Unavailable>;
}

/// What something writes, as it comes.
pub trait Output: Send {
    /// Adds what was written since it was asked last. Answers whether more may come.
    fn read(&mut self, to: &mut String) -> bool;
}

/// What is asked only to be read.
pub trait Reading {
    /// The history.
    fn ledger(&self) -> &dyn Ledger;
    /// Who may do what.
    fn access(&self) -> &dyn Access;
    /// Who is told of what happens.
    fn webhooks(&self) -> &dyn Webhooks;
    /// The time.
    fn clock(&self) -> &dyn Clock;
    /// Where an app answers.
    fn url(&self, app: &AppName) -> String;
    /// What runs of an app: its processes, and then the servers of its add-ons.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn processes(&self, app: &AppName) -> Result<Vec<Process>, Unavailable>;
    /// The lines of an app's log: those that are there, and then those that come.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn log(&self, app: &AppName, wanted: Lines) -> Result<Box<dyn LogReader>, Unavailable>;
    /// What the release command of a release writes, from its beginning; `None` where it does not run now.
    fn release_output(&self, app: &AppName, version: Version) -> Option<Box<dyn Output>>;
    /// What was brought to apps, and their builds.
    fn builds(&self) -> &dyn Builds;
    /// What a build writes, from its beginning; `None` where it does not run now.
    fn build_output(&self, id: &BuildId) -> Option<Box<dyn Output>>;
    /// Writes a slug as a tarball, compressed with gzip, that holds the app in `./app`.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn slug_tarball(&self, id: &SlugId, to: &mut dyn Write) -> Result<(), Unavailable>;
    /// Where its code is pushed to.
    fn git_url(&self, app: &AppName) -> String;
    /// The address of a log drain, without what may be secret.
    fn shown(&self, drain: &Drain) -> String;
}

/// What is asked only to be read, where plugins have a say in it.
pub trait Asking {
    /// All that needs no plugin.
    fn reading(&self) -> &dyn Reading;
    /// What plugins permit.
    fn policies(&self) -> &dyn Policies;
    /// What plugins offer.
    fn catalogue(&self) -> &Catalogue;
}

/// What is asked to be changed.
pub trait Changing: Reading + Asking {
    /// The engine with all its ports. What it records names the caller.
    fn engine(&self) -> Engine<'_>;
    /// Makes an app, with the repository that it owns.
    ///
    /// # Errors
    /// [`NotDone`]; there is no app then.
    fn create_app(&self, request: &Request<'_>) -> Result<(), NotDone>;
    /// Ends an app, with all that is kept for it. Answers a line for each resource that could not be
    /// destroyed yet.
    ///
    /// # Errors
    /// [`NotDone`].
    fn destroy_app(&self, request: &Request<'_>) -> Result<Vec<String>, NotDone>;
    /// Puts new processes in the place of one, or of all of a type. Answers how many those are.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn restart_some(&self, app: &App, which: &str) -> Result<usize, Unavailable>;
    /// Stops one process, or all of a type, until they are restarted. Answers how many those are.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn stop_some(&self, app: &App, which: &str) -> Result<usize, Unavailable>;
    /// Starts a command once, beside an app's processes.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn run_once(
        &self,
        launch: &LaunchSpec,
        command: &str,
        attach: Attach,
    ) -> Result<Begun, Unavailable>;
    /// Puts a slug into the store that was compiled elsewhere, from a tarball that holds the app in `./app`.
    ///
    /// # Errors
    /// Why it cannot be one; nothing of it is kept then.
    fn bring(&self, tarball: &File, said: &Said) -> Result<Slug, String>;
    /// Whether a webhook may post to this target; the text says why not.
    ///
    /// # Errors
    /// Why not.
    fn may_post(&self, target: &Target) -> Result<(), String>;
    /// Whether this is the address of a log drain: answers it without what may be secret; the text says why
    /// it is none.
    ///
    /// # Errors
    /// Why not.
    fn drain_address(&self, url: &str) -> Result<String, String>;
    /// Hears that all was as it was to be already: the audit tells nothing of it.
    fn changed_nothing(&self);
    /// Hears how the request ended, for the audit: of what made a release that says so already. What a
    /// release left to be announced is announced once whoever asked has the answer.
    fn ended(&self, app: Option<&AppName>, end: End, why: Option<&str>);
}

/// How a command that is run once reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// It reads nothing, and writes to the app's log.
    Log,
    /// Through pipes that whoever asked holds the other ends of.
    Pipes,
    /// Through a terminal of so many columns and lines.
    Terminal(u16, u16),
}

/// A command that was started once.
pub struct Begun {
    /// Such as `run.1`.
    pub name: String,
    /// Where it reads and writes; `None` where that is the log.
    pub held: Option<Held>,
}

/// The other ends of what a command reads and writes. It is ended when this is dropped.
pub struct Held {
    /// What is written here is read by it. Writing does not wait.
    pub input: OwnedFd,
    /// What it writes, until it has ended. Reading does not wait.
    pub output: OwnedFd,
    /// It lives as long as this.
    pub alive: Box<dyn Send>,
}

/// How a request ended that was to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Done,
    /// It was not begun.
    Refused,
    /// It was begun and did not succeed.
    Failed,
}

/// Where the source of a build is.
#[derive(Debug)]
pub enum Source {
    /// It has come here; with its SHA-256, in hexadecimal digits.
    Here(File, String),
    /// It is fetched from this URL, which may hold what is secret.
    At(String),
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The engine says why.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// What is beside the engine failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a request cannot be answered now: a file, a plugin or a setting, in words for the operator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// What reads.
pub type ReadJob<'a> = &'a mut dyn FnMut(Result<&dyn Reading, Unavailable>);
/// What reads, and asks plugins.
pub type AskJob<'a> = &'a mut dyn FnMut(Result<&dyn Asking, Unavailable>);
/// What changes.
pub type ChangeJob<'a> = &'a mut dyn FnMut(Result<&dyn Changing, Unavailable>);

/// Opens what a request needs, and runs it on the thread that asks, which may block.
pub trait Backend: Send + Sync + 'static {
    /// Runs what only reads.
    fn read(&self, job: ReadJob<'_>);
    /// Runs what asks plugins, and only reads. What is opened for it may be kept for the thread's next
    /// question: few threads are to ask.
    fn ask(&self, job: AskJob<'_>);
    /// Runs what changes something.
    fn change(&self, caller: &Caller, job: ChangeJob<'_>);
    /// A file that has no name, and is gone when nobody has it open.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn unnamed(&self) -> Result<File, Unavailable>;
    /// Whether source can be fetched from this URL, as far as is known before it is.
    ///
    /// # Errors
    /// Why not.
    fn acceptable_source(&self, url: &str) -> Result<(), String>;
    /// Keeps a build, and begins with it; it goes on by itself.
    ///
    /// # Errors
    /// [`Unavailable`]; it is not kept then.
    fn begin_build(
        self: Arc<Self>,
        caller: Caller,
        app: AppName,
        wanted: (Build, Source),
    ) -> Result<(), Unavailable>;
    /// Ends a build, unless it is being released already. Answers whether it ends.
    fn cancel_build(&self, id: &BuildId) -> bool;
    /// The program that answers what git asks of an app's repository, with all of its environment but what
    /// CGI says of the request. Whatever is pushed is pushed by the caller.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn git(&self, app: &AppName, caller: &Caller, pushes: bool) -> Result<Command, Unavailable>;
    /// What the words of our own client ask for.
    ///
    /// # Errors
    /// Why they ask for nothing, in words for whoever typed them.
    fn understand(&self, wanted: &NewCommand) -> Result<Understood, String>;
    /// A folder that nobody else looks into, for one command.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn private_folder(&self) -> Result<TempDir, Unavailable>;
    /// Unpacks a folder that was sent as tar; `to` is not there yet.
    ///
    /// # Errors
    /// [`Unavailable`]: it cannot be unpacked, or is not what an app may have.
    fn unpack(&self, from: &mut dyn Read, to: &Path) -> Result<(), Unavailable>;
    /// The program that carries a command out, with all that it is to know; where it reads and writes is not
    /// said yet.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn command(&self, permitted: &Permitted<'_>) -> Result<Command, Unavailable>;
}
