//! Plugins that err, loop, eat memory, answer nonsense or want what they were not granted: each makes
//! one clear error within its deadline, no release, and no number is used. It must not know how a
//! plugin is contained, which the tests of `plugin-host` know.

mod trouble;

use std::time::{Duration, Instant};

use slugline_testkit::environment::Output;
use trouble::{Background, MARKER, Trouble, does, hides_the_marker, history, marked};

/// What a deadline of a second may become on a machine that is busy.
const CHECK: Duration = Duration::from_secs(20);

const HEAD: &str = "version: 1.0.0\napi: 1\nsummary: Odd.\nentry: init.lua\n";

/// One app at v1 with a secret, which nobody needs to run.
fn quiet() -> Trouble {
    Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run(["config:add", &format!("SECRET={MARKER}")]));
    })
}

/// The next release has the next number: none was used meanwhile.
#[track_caller]
fn next_is(t: &Trouble, version: u64) {
    let output = t.env.run(["config:add", "NEXT=1"]);
    let end = format!(" done, v{version}\n");
    assert!(output.stdout.ends_with(&end), "{output}");
}

#[test]
fn a_check_that_misbehaves_forbids() {
    let t = quiet();
    let manifest = format!("name: odd\n{HEAD}hooks: [release.check]\n");
    let check = |script: &str, why: &str| {
        let whole = format!("slugline.on('release.check', function(r)\n{script}\nend)\n");
        t.install("odd", &manifest, &whole);
        let begun = Instant::now();
        let why = format!("odd: the plugin odd failed in release.check: {why}");
        t.refuses(&["config:add", "A=2"], 1, &why);
        assert!(
            begun.elapsed() < CHECK,
            "{script} took {:?}",
            begun.elapsed()
        );
    };
    check("error('no')", "init.lua:2: no");
    check("error({})", "init.lua:2: an error that is a table");
    check(
        "return r.app.x.y",
        "init.lua:2: attempt to index nil with 'y'",
    );
    let late = "took longer than 1 s";
    check("while true do end", late);
    check(
        "pcall(function() while true do end end) while true do end",
        late,
    );
    check(
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        late,
    );
    let memory = "wanted more than 64 MB of memory";
    check("local s = 'x' while true do s = s .. s end", memory);
    check(
        "local all = {} for i = 1, 1e9 do all[i] = string.rep('x', 1e6) .. i end",
        memory,
    );
    check(
        "local function f() return f() + 1 end f()",
        "init.lua:2: stack overflow",
    );
    check(
        "os.execute('true')",
        "init.lua:2: attempt to index nil with 'execute'",
    );
    check(
        "loadstring('return 1')()",
        "init.lua:2: attempt to call a nil value",
    );
    check(
        "return require('other')",
        "init.lua:2: attempt to call a nil value",
    );
    t.uninstall("odd");
    next_is(&t, 2);
}

#[test]
fn a_check_that_denies_speaks_for_itself() {
    let t = quiet();
    let manifest = format!("name: odd\n{HEAD}hooks: [release.check]\n");
    let script = "slugline.on('release.check', function(r) slugline.deny('not on a Friday') end)";
    t.install("odd", &manifest, script);
    t.refuses(&["config:add", "A=2"], 1, "odd: not on a Friday");
    // A check hears names of config vars, and no value: it cannot tell one.
    let script =
        "slugline.on('release.check', function(r) slugline.deny(slugline.json.encode(r)) end)";
    t.install("odd", &manifest, script);
    let output = t.env.run(["config:add", "A=2"]);
    hides_the_marker(&output);
    assert!(output.stderr.contains("\"SECRET\""), "{output}");
    t.unchanged(&output);
}

#[test]
fn a_script_that_is_none_forbids() {
    let t = quiet();
    let manifest = format!("name: odd\n{HEAD}hooks: [release.check]\n");
    let check = |script: &str, why: &str| {
        t.install("odd", &manifest, script);
        let why = format!("odd: the plugin odd failed in release.check: {why}");
        t.refuses(&["config:add", "A=2"], 1, &why);
    };
    check(
        "this is no Lua",
        "init.lua:1: Incomplete statement: expected assignment or a function call",
    );
    check(
        "",
        "plugin.yaml lists the hook release.check, but the script does not listen to it",
    );
    check("while true do end", "took longer than 1 s");
    check(
        "\u{1b}Lua",
        "init.lua:1: Expected identifier when parsing expression, got ' '",
    );
    t.install("odd", &manifest, "");
    let script = t.env.home().join("plugins/odd/init.lua");
    std::fs::remove_file(script).unwrap();
    t.approve("odd");
    let why = "cannot read init.lua: No such file or directory (os error 2)";
    let why = format!("odd: the plugin odd failed in release.check: {why}");
    t.refuses(&["config:add", "A=2"], 1, &why);
    t.uninstall("odd");
    next_is(&t, 2);
}

const PROVIDER: &str = "\
permissions:
  run: [memcached]
addons:
  odd:
    default: small
    config: [ODD_URL]
    plans:
      small: { price: free }
      large: { price: $5/mo }
";

/// A provider of `odd`, with these two functions' bodies.
fn provider(t: &Trouble, provision: &str, change_plan: &str) {
    provider_of(t, provision, change_plan, "");
}

/// The same with a third, for what destroys a resource.
fn provider_of(t: &Trouble, provision: &str, change_plan: &str, deprovision: &str) {
    let script = format!(
        "local odd = slugline.addon('odd')\n\
         function odd.provision(r)\n{provision}\nend\n\
         function odd.change_plan(r)\n{change_plan}\nend\n\
         function odd.deprovision(r) {deprovision} end\n"
    );
    t.install("odd", &format!("name: odd\n{HEAD}{PROVIDER}"), &script);
}

/// A refusal after the heading was shown.
#[track_caller]
fn fails(t: &Trouble, output: &Output, heading: &str, why: &str) {
    assert_eq!(output.stdout, format!("{heading}... failed\n"), "{output}");
    t.is_refusal(output, 1, why);
}

#[test]
fn a_provider_that_misbehaves_adds_nothing() {
    let t = Trouble::serving();
    let check = |provision: &str, why: &str| {
        provider(&t, provision, "");
        let why = format!("the plugin odd failed in addon.provision: {why}");
        fails(
            &t,
            &t.env.run(["addons:add", "odd"]),
            "Adding odd to myapp",
            &why,
        );
    };
    check("error('no')", "init.lua:3: no");
    let unlisted = "config.ODD_URI is not listed under addons.odd.config in plugin.yaml; did you \
                    mean ODD_URL?";
    check(
        &format!("return {{ config = {{ ODD_URI = '{MARKER}' }} }}"),
        unlisted,
    );
    check(
        "return { config = { PATH = '/tmp' } }",
        "config.PATH is not listed under addons.odd.config in plugin.yaml",
    );
    check(
        "return { process = { 'sh', '-c', 'true' } }",
        "process[1]: sh is not listed under permissions.run in plugin.yaml",
    );
    check(
        "return { process = { '/bin/../bin/memcached' } }",
        "process[1]: /bin/../bin/memcached is not listed under permissions.run in plugin.yaml",
    );
    check(
        "return { process = {} }",
        "process must be a list of strings, the program first",
    );
    check(
        &format!("return {{ config = {{ ODD_URL = '{MARKER}\\0' }} }}"),
        "the value of ODD_URL holds a NUL byte, which an environment cannot carry",
    );
    check(
        "return { config = { ODD_URL = 42 } }",
        "config.ODD_URL must be a string",
    );
    check(
        "return 'done'",
        "the answer must be a table with config, process, message",
    );
    check(
        "return { confg = {} }",
        "confg is no field of the answer; did you mean config?",
    );
    check(
        "return { config = { ODD_URL = string.rep('x', 2 ^ 20) } }",
        "config.ODD_URL makes it larger than 1048576 bytes",
    );
    check(
        "local t = {} t.config = t return t",
        &format!("{}config is nested deeper than 64", "config.".repeat(7)),
    );
    check(
        "local s = 'x' while true do s = s .. s end",
        "wanted more than 64 MB of memory",
    );
    provider(&t, "slugline.deny('no room')", "");
    let denied = t.env.run(["addons:add", "odd"]);
    fails(&t, &denied, "Adding odd to myapp", "odd: no room");
    t.uninstall("odd");
    next_is(&t, 3);
}

/// What it lends would be too much: the resource is there by then, and is taken back.
#[test]
fn a_resource_whose_vars_do_not_fit_is_destroyed_again() {
    let t = Trouble::serving();
    provider_of(
        &t,
        "return { config = { ODD_URL = string.rep('x', 65536) } }",
        "",
        "slugline.log('gone')",
    );
    let output = t.env.run(["addons:add", "odd"]);
    let size = 65536 + "ODD_URL".len() + "SECRET".len() + MARKER.len();
    let why = format!("config vars would take {size} bytes together; the limit is 65536");
    let expected = format!("odd: gone\n{}", marked(&why));
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (1, expected.as_str()),
        "{output}"
    );
    t.unchanged(&output);
    next_is(&t, 3);
}

#[test]
fn a_plan_change_that_misbehaves_changes_nothing() {
    let mut t = quiet();
    let lend = format!("return {{ config = {{ ODD_URL = '{MARKER}' }} }}");
    provider(&t, &lend, "");
    does(&t.env.run(["addons:add", "odd"]));
    t.accept();
    let check = |change_plan: &str, why: &str| {
        provider(&t, &lend, change_plan);
        let output = t.env.run(["addons:upgrade", "odd:large"]);
        fails(&t, &output, "Upgrading odd:large on myapp", why);
    };
    let failed = |why: &str| format!("the plugin odd failed in addon.change_plan: {why}");
    check("error('no')", &failed("init.lua:6: no"));
    // The old values are handed to it. It may not pass them on under another name.
    check(
        "return { config = { OTHER = r.config.ODD_URL } }",
        &failed("config.OTHER is not listed under addons.odd.config in plugin.yaml"),
    );
    check("slugline.deny('only on Mondays')", "odd: only on Mondays");
    provider(&t, &lend, &lend);
    let output = t.env.run(["addons:upgrade", "odd:large"]);
    assert!(output.stdout.ends_with(" done, v3 ($5/mo)\n"), "{output}");
}

/// A provider has 30 s, and not one more.
#[test]
#[ignore = "takes the half minute that a provider may take"]
fn a_provider_that_loops_is_stopped_at_its_deadline() {
    let t = Trouble::serving();
    provider(&t, "while true do end", "");
    let begun = Instant::now();
    let output = t.env.run(["addons:add", "odd"]);
    let took = begun.elapsed();
    let why = "the plugin odd failed in addon.provision: took longer than 30 s";
    fails(&t, &output, "Adding odd to myapp", why);
    assert!(took >= Duration::from_secs(30), "{took:?}");
    assert!(took < Duration::from_secs(30) + CHECK, "{took:?}");
    t.uninstall("odd");
    next_is(&t, 3);
}

/// Killed while a provider is at work: there is no release, and the next command works.
#[test]
fn a_command_that_is_killed_inside_a_provider_leaves_nothing() {
    let t = Trouble::serving();
    provider(&t, "slugline.log('at work') while true do end", "");
    let mut killed = Background::slugline(&t.env.caller(), &["addons:add", "odd"]);
    assert_eq!(killed.line(), "odd: at work");
    killed.kill();
    t.unchanged(&"kill -9 inside a provider");
    t.uninstall("odd");
    next_is(&t, 3);
}

/// A tier that fails prunes nothing and permits no rollback; the releases are made all the same
/// (S13).
#[test]
fn a_tier_that_misbehaves_keeps_everything() {
    let manifest = format!("name: odd\n{HEAD}tiers:\n  odd: {{ price: free }}\n");
    let script = "local tier = slugline.tier('odd')\n\
                  function tier.keep(h) if #h > 2 then error('lost') end return h end\n\
                  function tier.rollback(r) while true do end end\n";
    let mut t = Trouble::new(&["myapp"], |_| {});
    t.install("odd", &manifest, script);
    does(&t.env.run(["addons:add", "releases:odd"]));
    for (value, said) in [("1", ""), ("2", ""), ("3", "lost")] {
        let output = t.env.run(["config:add", &format!("A={value}")]);
        assert_eq!(output.status, 0, "{output}");
        assert_eq!(
            output.stderr.contains("tier.keep: init.lua:2: lost"),
            said == "lost",
            "{output}"
        );
    }
    assert_eq!(history(&t.env, "myapp").len(), 3);
    t.accept();
    let begun = Instant::now();
    let output = t.env.run(["rollback"]);
    assert!(begun.elapsed() < CHECK, "{output}");
    let why = marked("the plugin odd failed in tier.rollback: took longer than 1 s");
    assert!(output.stderr.ends_with(&why), "{output}");
    assert_eq!(output.status, 1);
    t.tells_the_same(&output);
    // It answers releases that it was never told of, among others: nobody is misled.
    let script = "local tier = slugline.tier('odd')\n\
                  function tier.keep(h) return { { version = 99 }, { version = -1 } } end\n";
    t.install("odd", &manifest, script);
    does(&t.env.run(["config:add", "A=4"]));
    assert!(history(&t.env, "myapp").len() >= 2);
    assert_eq!(t.env.run(["config:get", "A"]).stdout, "4\n");
}

/// A hook that is told and fails has no say: the release stands, and it is told again (design:
/// announce).
#[test]
fn a_listener_that_misbehaves_changes_nothing() {
    let t = quiet();
    let manifest = format!("name: odd\n{HEAD}hooks: [release.created]\n");
    let script = |body: &str| format!("slugline.on('release.created', function(e) {body} end)\n");
    t.install("odd", &manifest, &script("error('deaf')"));
    let output = t.env.run(["config:add", "A=2"]);
    assert_eq!(output.status, 0, "{output}");
    let said = marked(
        "the plugin odd failed in release.created: init.lua:1: deaf\n\
         It is tried again with the next change.",
    );
    assert_eq!(output.stderr, said, "{output}");
    // What waits is told once, however much it is.
    let output = t.env.run(["config:add", "A=3"]);
    assert_eq!(output.stderr, said, "{output}");
    t.install(
        "odd",
        &manifest,
        &script("slugline.log('heard', e.release.version)"),
    );
    let output = t.env.run(["config:add", "A=4"]);
    let heard: String = (2..=4).map(|n| format!("odd: heard {n}\n")).collect();
    assert_eq!(output.stderr, heard, "{output}");
}
