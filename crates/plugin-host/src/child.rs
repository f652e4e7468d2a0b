//! The process of one plugin, from the inside: first it gives up all that a plugin does not need,
//! then it speaks with the Slugline that started it, frame by frame, until that hangs up. It must
//! not read an environment or a file; what it knows, it was told.

mod connection;
mod contain;
mod library;
mod raw;
mod script;
#[cfg(target_os = "linux")]
mod syscalls;

use std::rc::Rc;
use std::time::Duration;

use slugline_plugin_api::API_VERSION;
use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{
    Call, Containment, Entry, FromPlugin, Greeting, Load, Loaded, Problem, Replied, ToPlugin,
};

use connection::Connection;
use library::LibraryPlugin;
use script::ScriptPlugin;

/// Why the process of a plugin ends without having been told to.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It was not started by Slugline.
    #[error("this is started by Slugline, to run a plugin in it")]
    Usage,
    /// A limit or a descriptor could not be set.
    #[error("the process of the plugin cannot be contained: {0}")]
    Contain(String),
    /// The pipe to Slugline broke, or what came through it makes no sense.
    #[error("the connection to Slugline failed: {0}")]
    Connection(String),
}

/// What a plugin in this process can do, whatever it is written in.
trait Hosted {
    /// What there is to know of it.
    fn loaded(&self) -> Loaded;

    /// Calls it.
    fn call(&mut self, request: Request, time: Duration) -> Result<Reply, Problem>;
}

/// Is the process of a plugin, until Slugline hangs up. The arguments are those behind
/// `plugin:host`: how many bytes of memory the plugin may have, and the path of its library, if it
/// is one. Standard input and output must be pipes.
///
/// # Errors
/// [`ChildError`]: it cannot be contained, or cannot speak.
pub fn host_process(arguments: &[String]) -> Result<(), ChildError> {
    let (memory, library) = match arguments {
        [memory] => (memory, None),
        [memory, library] => (memory, Some(library.as_str())),
        _ => return Err(ChildError::Usage),
    };
    let memory = memory.parse().map_err(|_| ChildError::Usage)?;
    let connection = Rc::new(Connection::take()?);
    let containment = contain::begin(memory, library)?;
    serve(&connection, containment)
}

fn serve(connection: &Rc<Connection>, containment: Containment) -> Result<(), ChildError> {
    let mut plugin: Option<Box<dyn Hosted>> = None;
    while let Some(message) = connection.receive()? {
        let answer = match (message, &mut plugin) {
            (ToPlugin::Hello(hello), None) => match hello.check() {
                Ok(()) => FromPlugin::Hello(Greeting {
                    api: API_VERSION,
                    containment,
                }),
                Err(what) => FromPlugin::Failed(Problem::Error(what)),
            },
            (ToPlugin::Load(load), None) => match open(*load, connection, containment) {
                Ok(opened) => {
                    let loaded = opened.loaded();
                    plugin = Some(opened);
                    FromPlugin::Loaded(loaded)
                }
                Err(problem) => FromPlugin::Failed(problem),
            },
            (ToPlugin::Call(call), Some(plugin)) => {
                let Call {
                    id,
                    time_ms,
                    request,
                } = *call;
                match plugin.call(request.into_owned(), Duration::from_millis(time_ms)) {
                    Ok(reply) => FromPlugin::Reply(Replied { id, reply }),
                    Err(problem) => FromPlugin::Failed(problem),
                }
            }
            _ => {
                let what = "it came out of order".to_owned();
                return Err(ChildError::Connection(what));
            }
        };
        connection.send(&answer)?;
    }
    Ok(())
}

fn open(
    load: Load,
    connection: &Rc<Connection>,
    containment: Containment,
) -> Result<Box<dyn Hosted>, Problem> {
    match &load.entry {
        Entry::Script(_) => Ok(Box::new(ScriptPlugin::load(load, connection)?)),
        Entry::Library(_) => Ok(Box::new(LibraryPlugin::load(
            load,
            connection,
            containment,
        )?)),
    }
}
