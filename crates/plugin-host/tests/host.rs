//! The host with plugins of an operator's own: who is asked, what a failure means, what clashes.

#![cfg(test)]

mod common;

use common::*;
use slugline_core::bill::Bill;
use slugline_core::change::Change;
use slugline_core::port::{
    Announcement, InstalledAddon, Opinions, Policies, Providers, ProvisionRequest, RollbackRequest,
    Seen, Watching,
};
use slugline_core::release::Version;
use slugline_core::resource::Options;
use slugline_plugin_host::{HostError, MemoryStore, PluginHost, Settings};

fn manifest(name: &str, more: &str) -> String {
    format!("name: {name}\nversion: 1.0.0\napi: 1\nsummary: A test.\nentry: init.lua\n{more}\n")
}

/// A host whose home has these plugins: name, rest of the manifest, script.
fn host(plugins: &[(&str, &str, &str)]) -> (tempfile::TempDir, Result<PluginHost, HostError>) {
    let home = tempfile::tempdir().unwrap();
    for (name, more, script) in plugins {
        install(home.path(), name, &manifest(name, more), script);
    }
    let host = load(home.path(), quick());
    (home, host)
}

const GUARD: &str = "hooks: [release.check, billing.check, rollback.check]";

/// Objects to everything, and says what it saw.
const OBJECTS: &str = r#"
slugline.on("release.check", function(c) slugline.deny(`{c.app} {c.change} v{c.current}`) end)
slugline.on("billing.check", function(b) slugline.deny(`{b.before} {b.after} {b.delta}`) end)
slugline.on("rollback.check", function(r) slugline.deny(`v{r.target.version} {r.steps}`) end)
"#;

#[test]
fn each_check_is_asked_when_it_is_due() {
    let (_home, host) = host(&[("guard", GUARD, OBJECTS)]);
    let host = host.unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let mut proposal = proposal(&app, &jim, &change);
    let asked = |proposal: &_| -> Vec<String> {
        let objections = host.check(proposal).objections.into_iter();
        objections
            .map(|it| format!("{}: {}", it.plugin, it.reason))
            .collect()
    };
    assert_eq!(asked(&proposal), ["guard: myapp Deploy 575bfa8 v3"]);
    proposal.bill = Some(Bill {
        before: 2000,
        after: 500,
    });
    proposal.rollback = Some(RollbackRequest {
        target: entry(40, "succeeded"),
        current: entry(52, "succeeded"),
        steps: 7,
    });
    assert_eq!(
        asked(&proposal),
        [
            "guard: myapp Deploy 575bfa8 v3",
            "guard: 2000 500 -1500",
            "guard: v40 7"
        ]
    );
}

#[test]
fn a_plugin_that_fails_objects_and_the_others_are_still_asked() {
    let check = "hooks: [release.check]";
    let (_home, host) = host(&[
        (
            "a-raises",
            check,
            "slugline.on('release.check', function() error('oh') end)",
        ),
        (
            "b-loops",
            check,
            "slugline.on('release.check', function() while true do end end)",
        ),
        ("c-broken", check, "local = 1"),
        (
            "d-agrees",
            check,
            "slugline.on('release.check', function() end)",
        ),
        (
            "e-denies",
            check,
            "slugline.on('release.check', function() slugline.deny('no') end)",
        ),
        ("f-other", "hooks: [billing.check]", "error('never loaded')"),
    ]);
    let host = host.unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let objections = host.check(&proposal(&app, &jim, &change)).objections;
    let shown: Vec<_> = objections.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(
        shown[0],
        "the plugin a-raises failed in release.check: init.lua:1: oh"
    );
    assert_eq!(
        shown[1],
        "the plugin b-loops failed in release.check: took longer than 700 ms"
    );
    let broken = "the plugin c-broken failed in release.check: init.lua:1: ";
    assert!(shown[2].starts_with(broken), "{}", shown[2]);
    assert_eq!(shown[3..], ["no"]);
}

#[test]
fn one_plugin_cannot_reach_another() {
    let check = "hooks: [release.check]";
    let (_home, host) = host(&[
        (
            "a",
            check,
            "shared = 1 slugline.on('release.check', function() shared = 2 end)",
        ),
        (
            "b",
            check,
            "slugline.on('release.check', function() slugline.deny(tostring(shared)) end)",
        ),
    ]);
    let host = host.unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let objections = host.check(&proposal(&app, &jim, &change)).objections;
    assert_eq!(objections[0].reason, "nil");
}

#[test]
fn a_tier_that_fails_prunes_nothing_and_permits_nothing() {
    let (_home, host) = host(&[(
        "mine",
        "tiers: { mine: { price: free } }",
        "local t = slugline.tier('mine')\n\
         function t.keep(history) return history[1].nothing.at_all end\n\
         function t.rollback() while true do end end",
    )]);
    let host = host.unwrap();
    let mut history = || vec![entry(1, "succeeded")];
    let failed = host.keep(&plan("releases:mine"), &mut history).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the plugin mine failed in tier.keep: \
         init.lua:2: attempt to index nil with 'at_all'"
    );
    let request = RollbackRequest {
        target: entry(1, "succeeded"),
        current: entry(2, "succeeded"),
        steps: 1,
    };
    let objection = host
        .may_rollback(&plan("releases:mine"), &request)
        .unwrap_err();
    assert_eq!(
        objection.reason,
        "the plugin mine failed in tier.rollback: took longer than 700 ms"
    );
    assert!(host.catalogue().find("releases:mine").is_ok());
    let gone = host.keep(&plan("releases:gone"), &mut history).unwrap_err();
    assert!(
        gone.to_string()
            .ends_with("no plugin backs the tier releases:gone any more; install it again")
    );
}

#[test]
fn all_that_listen_are_told_and_the_first_failure_is_returned() {
    let created_hook = "hooks: [release.created]";
    let addon = "hooks: [release.created]\naddons: { echo: { plans: { free: { price: free } } } }";
    let log = "slugline.on('release.created', function(e)\n\
               error(`{e.app} v{e.release.version} {e.addon and e.addon.options.x}`) end)";
    let echo = format!("{log}\nlocal a = slugline.addon('echo') function a.provision() end");
    let (_home, host) = host(&[("a-echo", addon, &echo), ("b-plain", created_hook, log)]);
    let host = host.unwrap();
    let tell = |addons: &[_]| {
        let (app, event) = (app(), created(true));
        let told = host.announce(&Announcement {
            app: &app,
            event: &event,
            addons,
        });
        told.unwrap_err().to_string()
    };
    // A plugin that provides add-ons is told only of apps that have one of them.
    assert_eq!(
        tell(&[installed("memcache:free", &[])]),
        "the plugin b-plain failed in release.created: init.lua:2: myapp v10 nil"
    );
    assert_eq!(
        tell(&[installed("echo:free", &[("x", "mine")])]),
        "the plugin a-echo failed in release.created: init.lua:2: myapp v10 mine"
    );
}

#[test]
fn an_answer_is_held_against_the_manifest() {
    let addon = "permissions: { run: [sh] }\n\
                 addons: { echo: { config: [ECHO_URL], plans: { free: { price: free } } } }";
    let check = |body: &str, expected: &str| {
        let script =
            format!("local a = slugline.addon('echo') function a.provision()\n{body}\nend");
        let (_home, host) = host(&[("echo", addon, &script)]);
        let host = host.unwrap();
        let answer = host.provision(&ProvisionRequest {
            app: &app(),
            id: &id(),
            plan: &plan("echo:free"),
            options: &Options::new(),
            taken_ports: &[],
        });
        assert_eq!(answer.unwrap_err().to_string(), expected, "{body}");
    };
    let failed = "the plugin echo failed in addon.provision:";
    check(
        "return { config = { ECHO_URL = 5 } }",
        &format!("{failed} config.ECHO_URL must be a string"),
    );
    check(
        "return { config = { ECHO_URI = 'x' } }",
        &format!(
            "{failed} config.ECHO_URI is not listed under addons.echo.config in plugin.yaml; \
             did you mean ECHO_URL?"
        ),
    );
    check(
        "return { config = { ECHO_URL = 'a\\0b' } }",
        &format!(
            "{failed} the value of ECHO_URL holds a NUL byte, which an environment cannot carry"
        ),
    );
    check(
        "return { process = { 'rm', '-rf' } }",
        &format!("{failed} process[1]: rm is not listed under permissions.run in plugin.yaml"),
    );
    check(
        "return { process = { 'sh', 'a\\0b' } }",
        &format!("{failed} process[2] holds a NUL byte"),
    );
    check("slugline.deny('not today')", "echo: not today");
    check(
        "error('s' .. 'orry')",
        &format!("{failed} init.lua:2: sorry"),
    );
}

#[test]
fn two_plugins_cannot_have_the_same_name_add_on_or_tier() {
    let (home, clash) = host(&[("memcache", "", "")]);
    let folder = home.path().join("plugins/memcache");
    assert_eq!(
        clash.unwrap_err().to_string(),
        format!(
            "two plugins are named memcache: embedded and {}; remove one of them",
            folder.display()
        )
    );
    let addon = "addons: { memcache: { plans: { free: { price: free } } } }";
    let (_home, clash) = host(&[("mine", addon, "")]);
    assert_eq!(
        clash.unwrap_err().to_string(),
        "memcache and mine both provide memcache; remove one of them"
    );
    let (_home, clash) = host(&[("mine", "tiers: { basic: { price: free } }", "")]);
    assert_eq!(
        clash.unwrap_err().to_string(),
        "releases and mine both provide releases:basic; remove one of them"
    );
}

#[test]
fn a_broken_manifest_is_shown_with_its_place() {
    let (home, broken) = host(&[("mine", "hook: []", "")]);
    let file = home.path().join("plugins/mine/plugin.yaml");
    let expected = format!(
        "{}:6:1: unknown key hook; did you mean hooks?\n   6 | hook: []\n     | ^",
        file.display()
    );
    assert_eq!(broken.unwrap_err().to_string(), expected);
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("plugins/empty")).unwrap();
    std::fs::create_dir_all(home.path().join("plugins/.hidden")).unwrap();
    let missing = load(home.path(), quick()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("empty/plugin.yaml: "));
}

#[test]
fn a_home_without_plugins_has_those_that_ship() {
    let home = tempfile::tempdir().unwrap();
    let host = load(home.path(), quick()).unwrap();
    assert_eq!(host.plugins().len(), 6);
}

#[test]
fn an_entry_that_is_missing_is_said_when_it_is_needed() {
    let home = tempfile::tempdir().unwrap();
    install(
        home.path(),
        "mine",
        &manifest("mine", "hooks: [release.check]"),
        "",
    );
    std::fs::remove_file(home.path().join("plugins/mine/init.lua")).unwrap();
    let host = load(home.path(), quick()).unwrap();
    let (app, jim) = (app(), jim());
    let change = Change::ConfigAdd { keys: [].into() };
    let objections = host.check(&proposal(&app, &jim, &change)).objections;
    let begin = "the plugin mine failed in release.check: cannot read init.lua: ";
    assert!(
        objections[0].reason.starts_with(begin),
        "{}",
        objections[0].reason
    );
}

#[test]
fn a_plugin_keeps_values_of_its_own() {
    let store = "hooks: [release.check]\npermissions: { store: true }";
    let counts = "slugline.on('release.check', function(check)\n\
                  local n = tonumber(slugline.store.get('n') or '0') + 1\n\
                  slugline.store.set('n', tostring(n))\n\
                  slugline.store.set('b', 'x') slugline.store.delete('b') slugline.store.delete('c')\n\
                  slugline.deny(`{n} {#slugline.store.list()} {slugline.store.list('m')[1]}`) end)";
    let fills = "slugline.on('release.check', function(check)\n\
                 for i = 1, 1001 do slugline.store.set(`k{i}`, 'v') end end)";
    let large = "slugline.on('release.check', function(check)\n\
                 slugline.store.set('k', ('x'):rep(65537)) end)";
    let plugins = [
        ("a-counts", store, counts),
        ("b-counts", store, counts),
        ("c-fills", store, fills),
        ("d-large", store, large),
        ("e-loads", store, "slugline.store.get('n')"),
    ];
    let (home, _) = host(&plugins);
    let kept = std::rc::Rc::new(MemoryStore::default());
    let asked = || {
        let settings = Settings {
            store: Some(kept.clone()),
            ..settings()
        };
        let host = load(home.path(), settings).unwrap();
        let (app, jim, change) = (app(), jim(), deploy());
        let objections = host.check(&proposal(&app, &jim, &change)).objections;
        let reasons = objections.into_iter().map(|it| it.reason);
        reasons.collect::<Vec<_>>()
    };
    let failed = |plugin: &str, what: &str| {
        format!("the plugin {plugin} failed in release.check: init.lua:{what}")
    };
    let others = [
        failed(
            "c-fills",
            "2: slugline.store.set: a plugin keeps at most 1000 values",
        ),
        failed(
            "d-large",
            "2: slugline.store.set: the value is longer than 65536 bytes",
        ),
        failed(
            "e-loads",
            "1: slugline.store.get: this works only inside a hook, not while the script loads",
        ),
    ];
    let first = asked();
    assert_eq!(first[..2], ["1 1 nil", "1 1 nil"]);
    assert_eq!(first[2..], others);
    assert_eq!(asked()[..2], ["2 1 nil", "2 1 nil"]);
}

#[test]
fn a_plugin_is_told_what_the_operator_has_set() {
    let check = "hooks: [release.check]";
    let says = "local cap = slugline.settings.cap slugline.on('release.check', function()\n\
                slugline.deny(`{cap} {slugline.settings.deep and slugline.settings.deep[1]}`) end)";
    let (home, _) = host(&[
        ("a-set", check, says),
        ("b-not", check, says),
        ("c-bad", check, says),
    ]);
    let write = |plugin: &str, text: &str| {
        let path = home
            .path()
            .join("plugins")
            .join(plugin)
            .join("settings.yaml");
        std::fs::write(path, text).unwrap();
    };
    write("a-set", "cap: 50\ndeep: [one]\n");
    write("c-bad", "token: s3cret\n- oh\n");
    let host = load(home.path(), settings()).unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let objections = host.check(&proposal(&app, &jim, &change)).objections;
    let reasons: Vec<_> = objections.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons[..2], ["50 one", "nil nil"]);
    let begin = "the plugin c-bad failed in release.check: settings.yaml is no map of names and \
                 values at line 2";
    assert!(
        reasons[2].starts_with(begin) && !reasons[2].contains("s3cret"),
        "{}",
        reasons[2]
    );
}

#[test]
fn only_the_port_that_was_found_can_be_answered() {
    let addon = "addons: { echo: { plans: { free: { price: free } } } }";
    let check = |body: &str| {
        let script =
            format!("local a = slugline.addon('echo') function a.provision(request)\n{body}\nend");
        let (_home, host) = host(&[("echo", addon, &script)]);
        let answer = host.unwrap().provision(&ProvisionRequest {
            app: &app(),
            id: &id(),
            plan: &plan("echo:free"),
            options: &Options::new(),
            taken_ports: &[],
        });
        answer
            .map(|it| it.port.is_some())
            .map_err(|error| error.to_string())
    };
    let wrong = "the plugin echo failed in addon.provision: \
                 port must be the one that slugline.port answered";
    assert_eq!(check("return { port = 22 }"), Err(wrong.to_owned()));
    assert_eq!(check("return {}"), Ok(false));
    assert_eq!(
        check("return { port = slugline.port(request.id) }"),
        Ok(true)
    );
    assert_eq!(check("slugline.port(request.id) return {}"), Ok(true));
}

#[test]
fn what_holds_a_plugin_is_told() {
    let (_home, host) = host(&[]);
    let held = host.unwrap().containment().unwrap();
    // Every kernel that this is built on can refuse system calls.
    assert!(held.system_calls, "{held:?}");
}

#[test]
fn a_process_that_cannot_be_started_is_said() {
    let check = "hooks: [release.check]";
    let (home, _) = host(&[("mine", check, "")]);
    let asked = |program: &str| {
        let settings = Settings {
            program: program.into(),
            ..settings()
        };
        let host = load(home.path(), settings).unwrap();
        let (app, jim, change) = (app(), jim(), deploy());
        host.check(&proposal(&app, &jim, &change)).objections[0]
            .reason
            .clone()
    };
    let failed = "the plugin mine failed in release.check: ";
    let missing = asked("/nonexistent/slugline");
    let begin = format!("{failed}its process cannot be started: No such file");
    assert!(missing.starts_with(&begin), "{missing}");
    let other = asked("/bin/true");
    assert_eq!(
        other,
        format!("{failed}it ended with status 0 before it answered")
    );
}

/// Names and digests of those that were called since the last time.
fn called(host: &PluginHost) -> Vec<(String, String)> {
    let called = Policies::called(host).into_iter();
    called.map(|used| (used.name, used.digest)).collect()
}

#[test]
fn who_is_called_is_told_once_with_the_digest_that_was_approved() {
    let check = "hooks: [release.check]";
    let raises = "slugline.on('release.check', function() error('oh') end)";
    let (home, host) = host(&[
        ("a-raises", check, raises),
        (
            "b-billing",
            "hooks: [billing.check]",
            "error('never loaded')",
        ),
    ]);
    let host = host.unwrap();
    assert_eq!(called(&host), []);
    let (app, jim, change) = (app(), jim(), deploy());
    host.check(&proposal(&app, &jim, &change));
    host.keep(&plan("releases:advanced"), &mut Vec::new)
        .unwrap();
    let lock = slugline_plugin_host::install::Lock::read(home.path()).unwrap();
    let told = called(&host);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a-raises", "releases"]);
    assert_eq!(told[0].1, lock.plugins["a-raises"].digest);
    let well_formed = told[1].1.starts_with("sha256:") && told[1].1.len() == 71;
    assert!(well_formed, "{told:?}");
    assert_eq!(called(&host), []);
}

#[test]
fn files_that_change_between_the_approval_and_the_loading_are_not_run() {
    let agrees = "slugline.on('release.check', function() end)";
    let (home, host) = host(&[("guard", "hooks: [release.check]", agrees)]);
    let script = home.path().join("plugins/guard/init.lua");
    std::fs::write(
        &script,
        "slugline.on('release.check', function() return end)",
    )
    .unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let objections = host
        .unwrap()
        .check(&proposal(&app, &jim, &change))
        .objections;
    let reasons: Vec<_> = objections.into_iter().map(|it| it.reason).collect();
    let why = "the plugin guard failed in release.check: its files changed while it was loaded";
    assert_eq!(reasons, [why]);
}

#[test]
fn a_check_that_fails_is_let_pass_where_the_operator_says_so_and_nothing_else_is() {
    let check = "hooks: [release.check]\ntiers:\n  mine: { price: free }";
    let script = "slugline.on('release.check', function(c)\n\
        if c.current == 3 then error('oh') end\nslugline.deny('no') end)\n\
        function slugline.tier('mine').rollback() error('oh') end";
    let script = script.replace(
        "function slugline.tier('mine')",
        "local t = slugline.tier('mine')\nfunction t",
    );
    let (home, host) = host(&[("guard", check, &script)]);
    let host = host.unwrap();
    let (app, jim, change) = (app(), jim(), deploy());
    let settings = home.path().join("plugins/guard/settings.yaml");
    let asked = |current: u64, text: &str| {
        std::fs::write(&settings, text).unwrap();
        let mut proposal = proposal(&app, &jim, &change);
        proposal.current = Version::new(current);
        let answers = host.check(&proposal);
        let objections = answers.objections.iter().map(|it| it.reason.clone());
        let failures = answers.failures.iter().map(ToString::to_string);
        (objections.collect::<Vec<_>>(), failures.collect::<Vec<_>>())
    };
    let failed = "the plugin guard failed in release.check: init.lua:2: oh".to_owned();
    assert_eq!(asked(3, ""), (vec![failed.clone()], vec![]));
    assert_eq!(asked(3, "on_error: refuse"), (vec![failed.clone()], vec![]));
    assert_eq!(asked(3, "on_error: allow"), (vec![], vec![failed]));
    assert_eq!(asked(4, "on_error: allow"), (vec!["no".to_owned()], vec![]));
    // A tier that fails never permits anything.
    let (target, current) = (entry(1, "succeeded"), entry(2, "succeeded"));
    let request = RollbackRequest {
        target,
        current,
        steps: 1,
    };
    let refused = host
        .may_rollback(&plan("releases:mine"), &request)
        .unwrap_err();
    assert!(
        refused.reason.contains("failed in tier.rollback"),
        "{refused:?}"
    );
    drop(host);
    // One that cannot be loaded fails as well; one whose settings cannot be read is not let off.
    let loaded = |script: &str, text: &str| {
        std::fs::write(home.path().join("plugins/guard/init.lua"), script).unwrap();
        std::fs::write(&settings, text).unwrap();
        let host = load(home.path(), quick()).unwrap();
        let answers = host.check(&proposal(&app, &jim, &change));
        (answers.objections.len(), answers.failures.len())
    };
    assert_eq!(loaded("local = 1", "on_error: allow"), (0, 1));
    assert_eq!(loaded("local = 1", "on_error: alow"), (1, 0));
    assert_eq!(loaded("while true do end", "on_error: allow"), (0, 1));
    // Nor is one whose files are not those that were approved.
    std::fs::write(&settings, "on_error: allow").unwrap();
    let host = load(home.path(), quick()).unwrap();
    std::fs::write(
        home.path().join("plugins/guard/init.lua"),
        "local t = slugline.tier('mine')",
    )
    .unwrap();
    let answers = host.check(&proposal(&app, &jim, &change));
    assert_eq!((answers.objections.len(), answers.failures.len()), (1, 0));
}

/// What the plugins of a host think of a release.
fn watched(host: &PluginHost, seen: &Seen, addons: &[InstalledAddon]) -> Opinions {
    let (app, event) = (app(), created(true));
    let slugline_core::event::Event::ReleaseCreated(release) = &event else {
        panic!("another event");
    };
    host.watch(&Watching {
        app: &app,
        release,
        seen,
        addons,
    })
}

const WATCHES: &str = "hooks: [release.watch]";

fn watch(body: &str) -> String {
    format!("slugline.on('release.watch', function(w)\n{body}\nend)")
}

#[test]
fn a_release_is_good_or_bad_or_nothing_is_said_and_a_failure_says_nothing() {
    let (home, host) = host(&[
        ("a-good", WATCHES, &watch("return 'good'")),
        (
            "b-bad",
            WATCHES,
            &watch("slugline.deny(`{w.failed}/{w.requests} {w.last}`)"),
        ),
        ("c-none", WATCHES, &watch("")),
        ("d-error", WATCHES, &watch("error('oh')")),
        ("e-late", WATCHES, &watch("while true do end")),
        ("f-odd", WATCHES, &watch("return 7")),
        (
            "g-caught",
            WATCHES,
            &watch("pcall(slugline.deny, 'bad') return 'good'"),
        ),
    ]);
    // Whatever the operator has set.
    std::fs::write(
        home.path().join("plugins/d-error/settings.yaml"),
        "on_error: refuse",
    )
    .unwrap();
    let host = host.unwrap();
    let seen = Seen {
        requests: 7,
        failed: 3,
        ..Seen::default()
    };
    let opinions = watched(&host, &seen, &[]);
    assert_eq!(opinions.good, ["a-good"]);
    let bad: Vec<_> = opinions
        .bad
        .iter()
        .map(|it| format!("{}: {}", it.plugin, it.reason))
        .collect();
    assert_eq!(bad, ["b-bad: 3/7 false", "g-caught: bad"]);
    let failed: Vec<_> = opinions
        .failures
        .iter()
        .map(|it| it.cause.clone())
        .collect();
    assert_eq!(failed[..2], ["init.lua:2: oh", "took longer than 700 ms"]);
    assert!(
        failed[2].contains("it returned something else"),
        "{failed:?}"
    );
    // Who is content is not asked again.
    let content = Seen {
        content: ["a-good".to_owned(), "b-bad".to_owned()].into(),
        ..seen
    };
    let opinions = watched(&host, &content, &[]);
    assert!(opinions.good.is_empty());
    assert_eq!(opinions.bad.len(), 1);
}

#[test]
fn a_vendor_is_asked_only_about_apps_with_an_add_on_of_its_own_and_shown_no_value() {
    let addon = "hooks: [release.watch]\naddons: { echo: { plans: { free: { price: free } } } }";
    let script = "slugline.on('release.watch', function(w) slugline.deny(slugline.json.encode(w)) end)\n\
                  local a = slugline.addon('echo') function a.provision() end";
    let (_home, host) = host(&[("echo", addon, script)]);
    let host = host.unwrap();
    let seen = Seen::default();
    let opinions = watched(
        &host,
        &seen,
        &[installed("memcache:free", &[("token", "s3cret")])],
    );
    // It has nothing to say of it, ever.
    assert_eq!(opinions.good, ["echo"]);
    assert!(opinions.bad.is_empty());
    let both = [
        installed("echo:free", &[("x", "mine")]),
        installed("memcache:free", &[("token", "s3cret")]),
    ];
    let opinions = watched(&host, &seen, &both);
    let told = &opinions.bad[0].reason;
    assert!(told.contains("mine") && !told.contains("s3cret"), "{told}");
    assert!(!told.contains("config"), "{told}");
}
