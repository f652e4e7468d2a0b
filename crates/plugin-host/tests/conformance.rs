//! The conformance suite finds what is wrong with a plugin: each check fails for one that breaks it,
//! and passes for the ones that ship.

#![cfg(test)]

mod common;

use std::path::{Path, PathBuf};

use common::{native, settings, shipped};
use slugline_plugin_host::conformance::{self, Outcome, Verdict};

const MANIFEST: &str = "name: thing\nversion: 1.0.0\napi: 1\nsummary: S.\nentry: init.lua\n\
    permissions: { run: [sh, no-such-program], store: true }\n\
    addons:\n  thing:\n    config: [THING_URL]\n    plans:\n      a: { price: free }\n      \
    b: { price: $5/mo }\nhooks: [billing.check, release.created]\ntiers:\n  weekly: { price: free }\n";

/// A plugin that has nothing wrong with it but for this line.
fn plugin(folder: &Path, line: &str) {
    let script = format!(
        "local addon = slugline.addon('thing')\nlocal tier = slugline.tier('weekly')\n\
         function addon.provision(r) return {{ config = {{ THING_URL = r.id }} }} end\n\
         function addon.deprovision() end\n\
         function tier.keep(history) return slugline.newest(history, 3) end\n\
         local told = {{}}\n\
         slugline.on('billing.check', function(bill) if told.bill then told.bill(bill) end end)\n\
         slugline.on('release.created', function(event) if told.event then told.event(event) end end)\n\
         {line}\n"
    );
    std::fs::write(folder.join("plugin.yaml"), MANIFEST).unwrap();
    std::fs::write(folder.join("init.lua"), script).unwrap();
}

fn verdicts(folder: &Path) -> Vec<Verdict> {
    let mut all = Vec::new();
    let settings = slugline_plugin_host::Settings {
        path: std::env::var("PATH").unwrap(),
        ..settings()
    };
    conformance::run(folder, &settings, &mut |verdict| all.push(verdict.clone())).unwrap();
    all
}

fn not_passed(all: &[Verdict]) -> Vec<String> {
    let told = |it: &Verdict| match &it.outcome {
        Outcome::Passed => None,
        Outcome::Skipped(why) => Some(format!("skip {}: {why}", it.check)),
        Outcome::Failed(why) => Some(format!("FAIL {}: {why}", it.check)),
    };
    all.iter().filter_map(told).collect()
}

#[track_caller]
fn finds(line: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    plugin(folder.path(), line);
    let found = not_passed(&verdicts(folder.path()));
    assert!(found.iter().any(|it| it.contains(expected)), "{found:#?}");
}

#[test]
fn a_sound_plugin_passes_everything() {
    let folder = tempfile::tempdir().unwrap();
    plugin(folder.path(), "");
    let all = verdicts(folder.path());
    assert_eq!(not_passed(&all), [""; 0]);
    assert_eq!(all.len(), 26, "{all:#?}");
}

#[test]
fn answers_that_differ_are_found() {
    finds(
        "function addon.provision() return { config = { THING_URL = slugline.secret(20) } } end",
        "FAIL thing:a: answers the same to the same key: THING_URL came out otherwise",
    );
    // It is remembered in the process only, which does not outlive a crash.
    finds(
        "local kept\nfunction addon.provision() kept = kept or slugline.secret(20)\n\
         return { config = { THING_URL = kept } } end",
        "FAIL thing:a: answers the same after it was killed half-way: THING_URL",
    );
}

#[test]
fn what_was_not_promised_is_found() {
    finds(
        "function addon.provision() return { config = { OTHER = 'x' } } end",
        "config.OTHER is not listed under addons.thing.config",
    );
    finds(
        "function addon.provision() return {} end",
        "FAIL thing: every promised config var came: no plan lends THING_URL",
    );
    finds(
        "function addon.provision() return { process = { 'perl' } } end",
        "process[1]: perl is not listed under permissions.run",
    );
    finds(
        "function addon.provision() return { process = { 'no-such-program' } } end",
        "skip thing:a: its process is permitted and installed: no-such-program is not installed",
    );
}

#[test]
fn what_breaks_is_found() {
    finds(
        "function addon.change_plan() error('no') end",
        "FAIL thing:a: changes to b, and again: init.lua:9: no",
    );
    finds(
        "function addon.provision(r) local n = r.options['no-such-option'] or '1'\n\
         return { config = { THING_URL = tostring(1 + n) } } end",
        "FAIL thing:a: takes bad options: --no-such-option= ends as an error; refuse it",
    );
    finds(
        "function addon.provision(r) assert(#(r.options['no-such-option'] or '') < 1000)\n\
         return { config = { THING_URL = r.id } } end",
        "FAIL thing:a: takes huge options: --no-such-option=xxxxx",
    );
    finds(
        "function addon.deprovision(r) assert(slugline.store.get('gone') ~= 'yes')\n\
         slugline.store.set('gone', 'yes') end",
        "FAIL thing:a: is deprovisioned again: ",
    );
    finds(
        "told.bill = function(bill) return bill.nothing.there end",
        "FAIL billing.check: answers a sample: init.lua:9: ",
    );
    finds(
        "told.event = function(event) assert(event.addon.plan ~= 'b') end",
        "FAIL release.created for thing:b: answers a sample: ",
    );
    finds(
        "function tier.keep() return { { version = 4711 } } end",
        "FAIL releases:weekly: keeps releases that there are: it keeps v4711, which there is not",
    );
    finds(
        "function tier.keep(history) return { history[1] , assert(history[2]) } end",
        "FAIL releases:weekly: takes an empty history: ",
    );
}

#[test]
fn tests_of_the_vendor_are_run() {
    let folder = tempfile::tempdir().unwrap();
    plugin(
        folder.path(),
        "told.bill = function(bill) if bill.after > 5000 then slugline.deny('too much') end end",
    );
    let tests = "test('passes', function()\n\
         expect(call('tier.keep', { tier = 'weekly', history = {} }), {})\n\
         local nothing, reason = call('billing.check', { after = 6000 })\n\
         expect({ reason, nothing == nil }, { 'too much', true })\nend)\n\
         test('fails', function() expect(call('addon.provision').config.THING_URL, 'x') end)\n\
         test('breaks', function() call('billing.chek') end)\n\
         test('reaches nothing', function() slugline.log('x') end)\n\
         test('asks nonsense', function() call('addon.provision', { port = 'x' }) end)\n";
    std::fs::write(folder.path().join("own_test.lua"), tests).unwrap();
    std::fs::write(folder.path().join("empty_test.lua"), "").unwrap();
    let found = not_passed(&verdicts(folder.path()));
    let starts = [
        "FAIL empty_test.lua: it has no test(",
        "FAIL own_test.lua: fails: own_test.lua:6: expected \"x\", and it is \"5107a1e0",
        "FAIL own_test.lua: breaks: own_test.lua:7: billing.chek: there is no hook",
        "FAIL own_test.lua: reaches nothing: own_test.lua:8: attempt to index nil",
        "FAIL own_test.lua: asks nonsense: own_test.lua:9: addon.provision: invalid type",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (told, start) in found.iter().zip(starts) {
        assert!(told.starts_with(start), "{told}");
    }
}

/// Every folder in `plugins/` that is a plugin, by name.
fn shipped_folders() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let folders = std::fs::read_dir(all).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders
        .filter(|it| it.join("plugin.yaml").is_file())
        .collect();
    folders.sort();
    folders
}

/// The folder of a library as an operator has it: built, with its settings.
fn built(folder: &Path, library: &Path) -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    let copy = |from: &Path, name: &str| std::fs::copy(from, made.path().join(name)).unwrap();
    copy(&folder.join("plugin.yaml"), "plugin.yaml");
    copy(&folder.join("settings.yaml.example"), "settings.yaml");
    copy(library, library.file_name().unwrap().to_str().unwrap());
    made
}

#[test]
fn the_plugins_that_ship_pass() {
    let mut names = Vec::new();
    for folder in shipped_folders() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let library = folder.join("Cargo.toml").is_file();
        // Each library has a function of its own in `native` that says where cargo built it.
        let made = library.then(|| match name.as_str() {
            "spending-cap" => built(&folder, &native::spending_cap()),
            other => panic!("nothing builds {other} for this test"),
        });
        let all = verdicts(
            made.as_ref()
                .map_or(folder.as_path(), tempfile::TempDir::path),
        );
        // A server that is not installed is not started; that is all that may be left out.
        let wrong: Vec<String> = not_passed(&all)
            .into_iter()
            .filter(|told| !told.ends_with(" is not installed on this machine"))
            .collect();
        assert!(wrong.is_empty() && all.len() > 1, "{name}: {wrong:#?}");
        // An example, installed by whoever wants it.
        if !library && name != "error-rate" {
            names.push(name);
        }
    }
    let embedded = shipped(settings()).plugins().into_iter();
    assert_eq!(names, embedded.map(|it| it.name).collect::<Vec<_>>());
}
