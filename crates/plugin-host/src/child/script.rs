//! A Lua script in this process. It must not know a library.

use std::rc::Rc;
use std::time::Duration;

use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{Entry, Load, Loaded, Problem};

use crate::limits::Limits;
use crate::lua::{Fault, Sandboxed, Script};
use crate::world::World;

use super::Hosted;
use super::connection::Connection;

/// A script, and the tiers of it that have an opinion on what is kept.
pub(super) struct ScriptPlugin {
    script: Script,
    keeps: Vec<String>,
}

fn problem(fault: &Fault) -> Problem {
    match fault {
        Fault::Late(_) => Problem::Late,
        Fault::Memory(_) => Problem::Memory,
        other => Problem::Error(other.to_string()),
    }
}

impl ScriptPlugin {
    pub(super) fn load(load: Load, connection: &Rc<Connection>) -> Result<Self, Problem> {
        let Entry::Script(source) = load.entry else {
            return Err(Problem::Error("it is no script".to_owned()));
        };
        let manifest = Rc::new(load.manifest);
        let plugin = Sandboxed {
            manifest: &manifest,
            limits: &Limits::told(&load.limits),
            settings: load.settings,
            mail: load.mail,
            world: Rc::clone(connection) as Rc<dyn World>,
        };
        let time = Duration::from_millis(load.time_ms);
        let script = Script::load(plugin, &source, time).map_err(|fault| problem(&fault))?;
        let tiers = manifest.tiers.keys();
        let keeps = tiers.filter(|tier| script.keeps(tier)).cloned().collect();
        Ok(Self { script, keeps })
    }
}

impl Hosted for ScriptPlugin {
    fn loaded(&self) -> Loaded {
        let keeps = self.keeps.clone();
        Loaded { keeps }
    }

    fn call(&mut self, request: Request, time: Duration) -> Result<Reply, Problem> {
        self.script
            .call(&request, time)
            .map_err(|fault| problem(&fault))
    }
}
