//! `slugline.d.luau` against the host: every name of the table and of its modules is declared, and
//! none that is not there; and every field of every message.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mlua::{Table, Value};
use serde_json::Value as Json;
use slugline_plugin_api::example;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::protocol::{Answer, Question};

use super::super::registry::Registry;
use super::super::state::{Sandboxed, State};
use super::super::vm::Vm;
use super::{DEFINITIONS, NAMES};
use crate::limits::Limits;
use crate::world::World;

type Names = BTreeSet<String>;

struct Nobody;

impl World for Nobody {
    fn ask(&self, _question: Question) -> Result<Answer, String> {
        Err("nobody is here".to_owned())
    }
}

fn without_comments() -> String {
    let lines = DEFINITIONS.lines();
    let bare = lines.map(|line| line.split("--").next().unwrap_or_default());
    bare.collect::<Vec<_>>().join("\n")
}

/// What is declared behind `start`, up to the end of its outermost braces.
fn body<'a>(text: &'a str, start: &str) -> &'a str {
    let rest = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"))
        .1;
    let mut depth = 0;
    for (place, c) in rest.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return &rest[..=place];
        }
    }
    panic!("{start} has no end")
}

/// The fields of a record, each with its type as it is written.
fn record(body: &str) -> BTreeMap<String, String> {
    let inner = body.trim().trim_start_matches('{').trim_end_matches('}');
    let mut depth = 0;
    let mut fields = vec![String::new()];
    for c in inner.chars() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            fields.push(String::new());
        } else if let Some(field) = fields.last_mut() {
            field.push(c);
        }
    }
    let split = |field: &String| {
        let (name, kind) = field.split_once(':')?;
        Some((name.trim().to_owned(), kind.trim().to_owned()))
    };
    fields.iter().filter_map(split).collect()
}

fn declared(text: &str, kind: &str) -> Names {
    let start = format!("type {kind} =");
    let rest = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {kind}"))
        .1;
    let base = rest.split_once('{').map(|(before, _)| before.trim());
    let mut names: Names = record(
        body(text, &start)
            .split_once('&')
            .map_or_else(|| body(text, &start), |(_, own)| own),
    )
    .into_keys()
    .collect();
    if let Some(base) = base.and_then(|before| before.strip_suffix('&')) {
        names.extend(declared(text, base.trim()));
    }
    names
}

fn keys(table: &Table) -> Names {
    let pairs = table.pairs::<String, Value>();
    pairs.map(|pair| pair.unwrap().0).collect()
}

#[test]
fn every_name_of_the_library_is_declared_and_no_other() {
    let manifest = Rc::new(example::manifest());
    let limits = Limits::default();
    let state = Rc::new(State::new(Sandboxed {
        manifest: &manifest,
        limits: &limits,
        settings: example::settings(),
        mail: true,
        world: Rc::new(Nobody),
    }));
    let vm = Vm::new(&state).unwrap();
    Registry::install(&vm.lua, &state).unwrap();
    let slugline: Table = vm.lua.globals().raw_get("slugline").unwrap();

    let text = without_comments();
    let library = record(body(&text, "declare slugline:"));
    let names: Names = library.keys().cloned().collect();
    assert_eq!(names, keys(&slugline));
    assert_eq!(names, NAMES.map(str::to_owned).into());
    let mut modules = 0;
    for (name, kind) in &library {
        let value: Value = slugline.raw_get(name.as_str()).unwrap();
        match value {
            // What the operator has set has names of its own.
            Value::Table(_) if name == "settings" => {}
            Value::Table(module) => {
                assert_eq!(declared(&text, kind), keys(&module), "{name}");
                modules += 1;
            }
            value => assert!(value.is_function(), "{name}"),
        }
    }
    assert_eq!(modules, 5);
}

fn fields(json: &Json) -> Names {
    let map = json.as_object().unwrap();
    map.keys().cloned().collect()
}

#[test]
fn every_field_of_every_message_is_declared_and_no_other() {
    let text = without_comments();
    let check = |kind: &str, json: &Json| assert_eq!(declared(&text, kind), fields(json), "{kind}");
    for hook in Hook::ALL {
        let json = serde_json::to_value(example::request(hook)).unwrap();
        let request = &json["request"];
        let kind = match hook {
            Hook::AddonProvision => "ProvisionRequest",
            Hook::AddonChangePlan => "ChangePlanRequest",
            Hook::AddonDeprovision => "DeprovisionRequest",
            Hook::ReleaseCheck => "ReleaseCheck",
            Hook::BillingCheck => {
                check("OwnerBill", &request["owner"]);
                "BillingCheck"
            }
            Hook::RollbackCheck => "RollbackCheck",
            Hook::ReleaseCreated => {
                check("Release", &request["release"]);
                check("InstalledAddon", &request["addon"]);
                "ReleaseCreated"
            }
            Hook::ReleaseFailed => "ReleaseFailed",
            Hook::ReleaseWatch => "ReleaseWatch",
            Hook::AddonChanged => "AddonChanged",
            // A script is given the history itself.
            Hook::TierKeep => {
                check("HistoryEntry", &request["history"][0]);
                continue;
            }
            Hook::TierRollback => "TierRollback",
        };
        check(kind, request);
    }
    let addon: Names = ["provision", "change_plan", "deprovision"]
        .map(str::to_owned)
        .into();
    assert_eq!(declared(&text, "Addon"), addon);
    let tier: Names = ["keep", "rollback"].map(str::to_owned).into();
    assert_eq!(declared(&text, "Tier"), tier);
    let listened = body(&text, "type On =").to_owned() + text.split_once("type On =").unwrap().1;
    for hook in Hook::LISTENED {
        assert!(listened.contains(&format!("\"{hook}\"")), "{hook}");
    }
}
