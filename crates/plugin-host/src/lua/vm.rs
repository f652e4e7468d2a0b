//! One sandboxed Luau VM: a part of the standard library, guarded; read-only globals; a limit of
//! memory, and an interrupt at the deadline. It must not know what a script is for.

use std::rc::Rc;
use std::time::Duration;

use mlua::chunk::ChunkMode;
use mlua::{Error, Lua, LuaOptions, StdLib, Value, VmState};

use super::fault::Fault;
use super::state::State;

/// Functions that reach out of the sandbox, or that cannot be interrupted and are seldom needed.
const REMOVED: [&str; 8] = [
    "collectgarbage",
    "gcinfo",
    "getfenv",
    "loadstring",
    "newproxy",
    "require",
    "setfenv",
    "debug",
];

/// Bounds the functions that run long in C, where no interrupt is seen.
const PRELUDE: &str = include_str!("prelude.luau");

/// A VM and its deadline.
pub(super) struct Vm {
    pub(super) lua: Lua,
    state: Rc<State>,
}

impl Vm {
    /// A VM without the `slugline` table; [`Vm::run`] closes it.
    pub(super) fn new(state: &Rc<State>) -> mlua::Result<Self> {
        let libraries = StdLib::TABLE
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::BIT
            | StdLib::MATH
            | StdLib::COROUTINE;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        for name in REMOVED {
            lua.globals().raw_set(name, Value::Nil)?;
        }
        lua.load(PRELUDE).set_name("=slugline").exec()?;
        lua.set_memory_limit(state.limits.memory)?;
        let watched = Rc::clone(state);
        lua.set_interrupt(move |_| {
            if watched.is_late() {
                Err(Error::RuntimeError("the deadline has passed".to_owned()))
            } else {
                Ok(VmState::Continue)
            }
        });
        let state = Rc::clone(state);
        Ok(Self { lua, state })
    }

    /// Makes the globals read-only and runs a script in them, as text and never as bytecode.
    pub(super) fn run(&self, source: &str, name: &str) -> mlua::Result<()> {
        self.lua.sandbox(true)?;
        let chunk = self.lua.load(source).set_name(format!("={name}"));
        chunk.set_mode(ChunkMode::Text).exec()
    }

    /// Does something in the VM under a deadline. A deadline that passed counts, whatever the
    /// script made of it.
    pub(super) fn guard<R>(
        &self,
        time: Duration,
        work: impl FnOnce() -> mlua::Result<R>,
    ) -> Result<R, Fault> {
        self.state.start(time);
        let done = work();
        if self.state.stop() {
            return Err(Fault::Late(time));
        }
        done.map_err(|error| Fault::of(&error, &self.state.limits))
    }
}
