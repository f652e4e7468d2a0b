//! A dynamic library in this process. It must not know a script.

use std::rc::Rc;
use std::time::Duration;

use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{
    Answer, Containment, Entry, Load, Loaded, PluginSettings, Problem, Question,
};
use slugline_plugin_api::sdk::Asked;

use crate::words::{complaint, one_line};
use crate::world::World;

use super::connection::Connection;
use super::{Hosted, contain, raw};

/// A library, and what is needed to call it.
pub(super) struct LibraryPlugin {
    library: raw::Loaded,
    settings: PluginSettings,
    tiers: Vec<String>,
    most: usize,
    connection: Rc<Connection>,
}

fn problem(what: impl std::fmt::Display) -> Problem {
    Problem::Error(one_line(&what.to_string()))
}

impl LibraryPlugin {
    pub(super) fn load(
        load: Load,
        connection: &Rc<Connection>,
        begun: Containment,
    ) -> Result<Self, Problem> {
        let Entry::Library(path) = &load.entry else {
            return Err(problem("it is no library"));
        };
        let library = raw::Loaded::open(path);
        contain::finish(begun).map_err(problem)?;
        let library = library.map_err(|what| {
            let entry = &load.manifest.entry;
            problem(format!("cannot load {entry}: {what}"))
        })?;
        let name = library.name();
        if name != load.manifest.name {
            return Err(problem(format!(
                "the library is the plugin {name:?}, and plugin.yaml is that of {}",
                load.manifest.name
            )));
        }
        Ok(Self {
            library,
            settings: load.settings,
            tiers: load.manifest.tiers.into_keys().collect(),
            most: usize::try_from(load.limits.reply).unwrap_or(usize::MAX),
            connection: Rc::clone(connection),
        })
    }

    /// Answers a question; `None` where it cannot be read.
    fn ask(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question: Question = serde_json::from_slice(question).ok()?;
        let answer = self.connection.ask(question);
        serde_json::to_vec(&answer.unwrap_or_else(Answer::Refused)).ok()
    }
}

impl Hosted for LibraryPlugin {
    /// Whether a library has an opinion is not known before it is asked.
    fn loaded(&self) -> Loaded {
        let keeps = self.tiers.clone();
        Loaded { keeps }
    }

    fn call(&mut self, request: Request, _time: Duration) -> Result<Reply, Problem> {
        let settings = self.settings.clone();
        let asked = serde_json::to_vec(&Asked { request, settings }).map_err(problem)?;
        let mut desk = raw::Desk {
            ask: &|question| self.ask(question),
            answer: Vec::new(),
        };
        match self.library.call(&asked, self.most, &mut desk) {
            Ok(reply) => serde_json::from_slice(&reply).map_err(|error| {
                problem(format!("its answer cannot be read: {}", complaint(&error)))
            }),
            Err(what) => Err(problem(String::from_utf8_lossy(&what))),
        }
    }
}
