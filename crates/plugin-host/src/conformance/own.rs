//! The vendor's own tests: every `*_test.lua` of the folder. It must not know what they test.

use std::path::Path;
use std::rc::Rc;

use serde_json::Value as Json;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::message::Reply;

use crate::lua::{Answered, VendorTests};

use super::Report;
use super::sample;
use super::session::Session;

const ENDS: &str = "_test.lua";

pub(super) fn run(session: &Rc<Session>, folder: &Path, report: &mut Report<'_>) {
    for file in files(folder) {
        match load(session, folder, &file) {
            Err(why) => {
                report.check::<()>(file, Err(why));
            }
            Ok(tests) => {
                for test in tests.tests() {
                    let found = tests.run(&test).map_err(|fault| fault.to_string());
                    report.check(format!("{file}: {}", test.name), found);
                }
            }
        }
    }
}

/// Their names, sorted.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ENDS)).collect();
    names.sort();
    names
}

fn load(session: &Rc<Session>, folder: &Path, file: &str) -> Result<VendorTests, String> {
    let source = std::fs::read_to_string(folder.join(file));
    let source = source.map_err(|error| error.to_string())?;
    let calls = Rc::clone(session);
    let caller = move |hook: &str, fields: Json| call(&calls, hook, fields);
    let limits = &session.settings().limits;
    let tests = VendorTests::load(session.manifest(), (file, &source), limits, Rc::new(caller));
    let tests = tests.map_err(|fault| fault.to_string())?;
    if tests.tests().is_empty() {
        return Err("it has no test(\"name\", function() … end)".to_owned());
    }
    Ok(tests)
}

fn call(session: &Session, hook: &str, fields: Json) -> Result<Answered, String> {
    let hook: Hook = hook.parse().map_err(|error| format!("{error}"))?;
    let request = sample::with_fields(session, hook, fields)?;
    let value = |value| Ok(Answered::Value(value));
    match session.ask(&request)? {
        Reply::Provision(answer) => {
            let json = serde_json::to_value(answer).map_err(|error| error.to_string())?;
            value(json)
        }
        Reply::Kept(kept) => value(kept.versions.into()),
        Reply::Done => value(Json::Null),
        Reply::Good => value("good".into()),
        Reply::Denied(why) => Ok(Answered::Denied(why)),
    }
}
