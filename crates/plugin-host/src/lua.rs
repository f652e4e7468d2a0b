//! Runs the Lua script of one plugin: loads it into a sandbox, keeps what it registers, and calls
//! it with typed messages. It must not know the engine; requests and replies are messages.

mod fault;
mod history;
mod module;
mod registry;
mod reply;
mod state;
mod vm;
mod walk;

use std::rc::Rc;
use std::time::Duration;

use mlua::serde::ser::Options as SerializeOptions;
use mlua::{Function, LuaSerdeExt, Value};
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{Reply, Request};

use crate::settings::Settings;

pub(crate) use fault::Fault;
pub use module::DEFINITIONS;

use registry::Registry;
use state::{Call, State};
use vm::Vm;

/// One script in its sandbox.
pub(crate) struct Script {
    vm: Vm,
    state: Rc<State>,
    registry: Registry,
}

impl Script {
    /// Makes a sandbox and runs the script's top level in it, within the time of a check.
    pub(crate) fn load(
        manifest: &Rc<Manifest>,
        source: &str,
        settings: &Settings,
    ) -> Result<Self, Fault> {
        if source.len() > settings.limits.source {
            return Err(Fault::Source(settings.limits.source));
        }
        let state = Rc::new(State::new(Rc::clone(manifest), settings.clone()));
        let time = settings.limits.check;
        let vm = Vm::new(&state).map_err(|error| Fault::of(&error, &settings.limits))?;
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
    pub(crate) fn call(&self, request: &Request) -> Result<Reply, Fault> {
        let hook = request.hook();
        let limits = &self.state.settings.limits;
        let found = self.registry.function_for(request);
        let Some(function) = found.map_err(|error| Fault::of(&error, limits))? else {
            return Ok(Reply::Done);
        };
        self.state.begin(Call::of(request, &self.state.manifest));
        let time = limits.time(hook);
        let answer = self.vm.guard(time, || self.answer(&function, request));
        let call = self.state.end();
        if let Some(reason) = call.denied
            && !matches!(answer, Err(Fault::Late(_) | Fault::Memory(_)))
        {
            return Ok(Reply::Denied(reason));
        }
        match answer? {
            Ok(Reply::Provision(provision)) => {
                let provision = reply::with_port(provision, call.reserved);
                Ok(Reply::Provision(provision.map_err(Fault::Reply)?))
            }
            Ok(reply) => Ok(reply),
            Err(what) => Err(Fault::Reply(what)),
        }
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
        let limits = &self.state.settings.limits;
        Ok(match request.hook() {
            Hook::AddonProvision | Hook::AddonChangePlan => {
                reply::provision(&value, limits).map(Reply::Provision)
            }
            Hook::TierKeep => reply::kept(&value).map(Reply::Kept),
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
            Request::Keep(it) => history::to_lua(lua, &it.history).map(Value::Table),
            Request::Rollback(it) => lua.to_value_with(it, options),
        }
    }
}

/// A duration as people say it: `1 s`, `250 ms`.
fn spoken(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests;
