//! Runs the Lua script of one plugin: loads it into a sandbox, keeps what it registers, and calls
//! it with typed messages. It must not know the engine; requests and replies are messages.

mod fault;
mod history;
mod module;
mod registry;
mod reply;
mod state;
mod tests_of_vendors;
mod vm;
mod walk;

use std::rc::Rc;
use std::time::Duration;

use mlua::serde::ser::Options as SerializeOptions;
use mlua::{Function, LuaSerdeExt, Value};
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::message::{Reply, Request};

pub(crate) use fault::Fault;
pub use module::DEFINITIONS;
pub(crate) use state::Sandboxed;
pub(crate) use tests_of_vendors::{Answered, VendorTests};

use registry::Registry;
use state::State;
use vm::Vm;

/// Reads a value as every kind of reply, for the fuzz targets.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_all(value: &Value, limits: &crate::limits::Limits) {
    let (json, provision) = (
        walk::to_json(value, limits, None),
        reply::provision(value, limits),
    );
    assert!(json.is_ok() || provision.is_err());
    let _ = (reply::kept(value), reply::nothing(value));
    let _ = reply::opinion(value);
}

/// One script in its sandbox.
pub(crate) struct Script {
    vm: Vm,
    state: Rc<State>,
    registry: Registry,
}

impl Script {
    /// Makes a sandbox and runs the script's top level in it.
    pub(crate) fn load(plugin: Sandboxed<'_>, source: &str, time: Duration) -> Result<Self, Fault> {
        let (manifest, limits) = (plugin.manifest, plugin.limits);
        if source.len() > limits.source {
            return Err(Fault::Source(limits.source));
        }
        let state = Rc::new(State::new(plugin));
        let vm = Vm::new(&state).map_err(|error| Fault::of(&error, limits))?;
        let registry = vm.guard(time, || Registry::install(&vm.lua, &state))?;
        vm.guard(time, || vm.run(source, &manifest.entry))?;
        registry.close(manifest).map_err(Fault::Registered)?;
        Ok(Self {
            vm,
            state,
            registry,
        })
    }

    /// Whether the tier has an opinion on what is kept.
    pub(crate) fn keeps(&self, tier: &str) -> bool {
        matches!(self.registry.tier_function(tier, "keep"), Ok(Some(_)))
    }

    /// Calls the function that is registered for a request; a part that the script left out is
    /// answered by [`Reply::Done`].
    pub(crate) fn call(&self, request: &Request, time: Duration) -> Result<Reply, Fault> {
        let limits = &self.state.limits;
        let found = self.registry.function_for(request);
        let Some(function) = found.map_err(|error| Fault::of(&error, limits))? else {
            return Ok(Reply::Done);
        };
        self.state.begin(request.hook());
        let answer = self.vm.guard(time, || self.answer(&function, request));
        let call = self.state.end();
        if let Some(reason) = call.denied
            && !matches!(answer, Err(Fault::Late(_) | Fault::Memory(_)))
        {
            return Ok(Reply::Denied(reason));
        }
        answer?.map_err(Fault::Reply)
    }

    /// Calls the function and reads its answer, all of it under the deadline.
    fn answer(
        &self,
        function: &Function,
        request: &Request,
    ) -> mlua::Result<Result<Reply, String>> {
        // The request is ours, and large only where the history is. Without the limit it is made
        // without the protected calls that leave a third of the memory as garbage.
        let limit = self.vm.lua.set_memory_limit(0)?;
        let argument = self.argument(request);
        self.vm.lua.set_memory_limit(limit)?;
        let argument = argument?;
        let value: Value = function.call(argument)?;
        let limits = &self.state.limits;
        Ok(match request.hook() {
            Hook::AddonProvision | Hook::AddonChangePlan => {
                reply::provision(&value, limits).map(Reply::Provision)
            }
            Hook::TierKeep => reply::kept(&value).map(Reply::Kept),
            Hook::ReleaseWatch => reply::opinion(&value),
            hook if hook.may_forbid() && hook != Hook::AddonDeprovision => {
                reply::nothing(&value).map(|()| Reply::Done)
            }
            _ => Ok(Reply::Done),
        })
    }

    /// The request as the script sees it.
    fn argument(&self, request: &Request) -> mlua::Result<Value> {
        let lua = &self.vm.lua;
        let options = SerializeOptions::new()
            .serialize_none_to_null(false)
            .serialize_unit_to_null(false)
            .set_array_metatable(false);
        match request {
            Request::Provision(it) => lua.to_value_with(it, options),
            Request::ChangePlan(it) => lua.to_value_with(it, options),
            Request::Deprovision(it) => lua.to_value_with(it, options),
            Request::ReleaseCheck(it) => lua.to_value_with(it, options),
            Request::BillingCheck(it) => lua.to_value_with(it, options),
            Request::RollbackCheck(it) => lua.to_value_with(it, options),
            Request::ReleaseCreated(it) => lua.to_value_with(it, options),
            Request::ReleaseFailed(it) => lua.to_value_with(it, options),
            Request::AddonChanged(it) => lua.to_value_with(it, options),
            Request::ReleaseWatch(it) => lua.to_value_with(it, options),
            Request::Keep(it) => history::to_lua(lua, &it.history).map(Value::Table),
            Request::Rollback(it) => lua.to_value_with(it, options),
        }
    }
}

#[cfg(test)]
mod tests;
