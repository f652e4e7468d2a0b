//! Runs a vendor's `*_test.lua`: a script in a sandbox of its own, which has `test`, `call` and
//! `expect` in place of the table `slugline`. It must not know how a plugin is called.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mlua::serde::ser::Options as SerializeOptions;
use mlua::{Function, Lua, LuaSerdeExt, MultiValue, Value};
use serde_json::Value as Json;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::protocol::{Answer, PluginSettings, Question};

use crate::limits::Limits;
use crate::words::one_line;
use crate::world::World;

use super::fault::{Fault, describe};
use super::module::raise;
use super::state::{Sandboxed, State};
use super::vm::Vm;

/// So long one test may take.
const TIME: Duration = Duration::from_secs(60);
/// A value is shown in so many characters.
const SHOWN: usize = 120;

/// What a plugin answered to a test.
pub(crate) enum Answered {
    /// This; null where there is nothing to answer.
    Value(Json),
    /// It forbids, for this reason.
    Denied(String),
}

/// Calls the plugin: the hook's name, and the fields of the request that matter.
pub(crate) type Caller = Rc<dyn Fn(&str, Json) -> Result<Answered, String>>;

/// A script of tests that has been read.
pub(crate) struct VendorTests {
    vm: Vm,
    tests: Rc<RefCell<Vec<VendorTest>>>,
}

/// One of its tests.
#[derive(Clone)]
pub(crate) struct VendorTest {
    pub(crate) name: String,
    body: Function,
}

/// A test reaches nothing but the plugin.
struct Nothing;

impl World for Nothing {
    fn ask(&self, _: Question) -> Result<Answer, String> {
        Err("a test has only test, call and expect".to_owned())
    }
}

impl VendorTests {
    /// Reads a script; its tests are not run yet.
    pub(crate) fn load(
        manifest: &Rc<Manifest>,
        (file, source): (&str, &str),
        limits: &Limits,
        caller: Caller,
    ) -> Result<Self, Fault> {
        if source.len() > limits.source {
            return Err(Fault::Source(limits.source));
        }
        let state = Rc::new(State::new(Sandboxed {
            manifest,
            limits,
            settings: PluginSettings::default(),
            mail: false,
            world: Rc::new(Nothing),
        }));
        let vm = Vm::new(&state).map_err(|error| Fault::of(&error, limits))?;
        let tests = Rc::new(RefCell::new(Vec::new()));
        vm.guard(TIME, || {
            let globals = vm.lua.globals();
            globals.raw_set("test", register(&vm.lua, &tests)?)?;
            globals.raw_set("call", call(&vm.lua, caller)?)?;
            globals.raw_set("expect", expect(&vm.lua)?)?;
            vm.run(source, file)
        })?;
        Ok(Self { vm, tests })
    }

    /// The tests, in the order in which they are written.
    pub(crate) fn tests(&self) -> Vec<VendorTest> {
        self.tests.borrow().clone()
    }

    /// Runs one.
    pub(crate) fn run(&self, test: &VendorTest) -> Result<(), Fault> {
        self.vm.guard(TIME, || test.body.call::<()>(()))
    }
}

fn register(lua: &Lua, tests: &Rc<RefCell<Vec<VendorTest>>>) -> mlua::Result<Function> {
    let tests = Rc::clone(tests);
    lua.create_function(move |_, (name, body): (String, Function)| {
        let name = one_line(&name);
        tests.borrow_mut().push(VendorTest { name, body });
        Ok(())
    })
}

/// `call(hook, fields)`: what the plugin answers; nil and the reason where it forbids.
fn call(lua: &Lua, caller: Caller) -> mlua::Result<Function> {
    lua.create_function(move |lua, (hook, fields): (String, Option<Value>)| {
        let fields = fields.map_or(Ok(Json::Null), |fields| lua.from_value(fields));
        let fields = fields.map_err(|error| raise(lua, "call", &describe(&error)))?;
        match caller(&hook, fields) {
            Ok(Answered::Value(json)) => {
                let options = SerializeOptions::new()
                    .serialize_none_to_null(false)
                    .serialize_unit_to_null(false);
                Ok((lua.to_value_with(&json, options)?, None))
            }
            Ok(Answered::Denied(why)) => Ok((Value::Nil, Some(why))),
            Err(what) => Err(raise(lua, "slugline", &format!("{hook}: {what}"))),
        }
    })
}

/// `expect(value, expected)`: an error where they are not the same, tables item by item.
fn expect(lua: &Lua) -> mlua::Result<Function> {
    lua.create_function(|lua, both: MultiValue| {
        let json = |place: usize| -> mlua::Result<Json> {
            let value = both.get(place).cloned().unwrap_or(Value::Nil);
            lua.from_value(value)
                .map(plain)
                .map_err(|error| raise(lua, "expect", &describe(&error)))
        };
        let (value, expected) = (json(0)?, json(1)?);
        if value == expected {
            return Ok(());
        }
        let what = format!("expected {}, and it is {}", shown(&expected), shown(&value));
        Err(raise(lua, "slugline", &what))
    })
}

/// An empty table is a list as well as a map; here it is a list.
fn plain(value: Json) -> Json {
    match value {
        Json::Object(map) if map.is_empty() => Json::Array(Vec::new()),
        Json::Object(map) => map.into_iter().map(|(key, it)| (key, plain(it))).collect(),
        Json::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

fn shown(value: &Json) -> String {
    let text = match value {
        Json::Null => "nil".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
