//! The key to what the ledger keeps: in its file, from the environment or from a command; new keys;
//! and a home that others can read. Whatever is started by us never sees a key.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;
use slugline_testkit::environment::{Caller, Output, TestEnvironment, wait_until};
use slugline_tests::{story, temporary_of, with_app};

/// Keys that nobody else has.
fn key(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn file(environment: &TestEnvironment) -> PathBuf {
    environment.home().join("ledger.key")
}

fn mode(path: PathBuf, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What names a key is as random as the key.
fn plain(output: Output) -> Output {
    output
        .hide("made with the key ", "KEY")
        .hide("this one is ", "OTHER")
}

fn ask(caller: &Caller<'_>) -> Output {
    plain(caller.run(["config:get", "A"]))
}

#[test]
fn the_file_of_the_key_is_needed_and_private() {
    let environment = with_app(None);
    let _ = environment.run(["config:add", "A=1"]).success();
    let caller = environment.caller();
    let whole = std::fs::read_to_string(file(&environment)).unwrap();
    let kept = whole.lines().last().unwrap().to_owned();
    std::fs::remove_file(file(&environment)).unwrap();
    let missing = ask(&caller);
    let apps = environment.run(["apps"]);
    let given = ask(&caller.clone().with("SLUGLINE_KEY", &kept));
    std::fs::write(file(&environment), format!("{}\n", key('0'))).unwrap();
    let open = ask(&caller);
    mode(file(&environment), 0o600);
    let other = ask(&caller);
    std::fs::write(file(&environment), format!("{}\n{kept}\n", key('0'))).unwrap();
    let both = ask(&caller);
    std::fs::write(file(&environment), "no key\n").unwrap();
    let damaged = ask(&caller);
    assert_snapshot!(story([missing, apps, given, open, other, both, damaged]), @r"
    $ slugline config:get A
    2>  !    the ledger's key cannot be used: $SLUGLINE_HOME/ledger.key is missing, and without it config vars cannot be read. Put it back from your backup, or give the key in SLUGLINE_KEY
    [exit 1]

    $ slugline apps
    myapp

    $ slugline config:get A
    1

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: $SLUGLINE_HOME/ledger.key can be read by others. Mend it: chmod 600 $SLUGLINE_HOME/ledger.key
    [exit 1]

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: it was made with the key KEY and this one is OTHER
    [exit 1]

    $ slugline config:get A
    1

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: $SLUGLINE_HOME/ledger.key holds a line that is no key
    [exit 1]
    ");
}

#[test]
fn a_home_that_others_can_read_is_refused_until_it_is_mended() {
    let environment = with_app(None);
    let _ = environment.run(["config:add", "A=1"]).success();
    mode(environment.home(), 0o755);
    let refused = [
        ask(&environment.caller()),
        environment.run(["config:add", "A=2"]),
    ];
    mode(environment.home(), 0o700);
    let mended = ask(&environment.caller());
    assert_snapshot!(story(refused.into_iter().chain([mended])), @r"
    $ slugline config:get A
    2>  !    others can look into $SLUGLINE_HOME (mode 755), where everything secret is
    2>  !    Mend it: chmod 700 $SLUGLINE_HOME
    [exit 1]

    $ slugline config:add A=2
    2>  !    others can look into $SLUGLINE_HOME (mode 755), where everything secret is
    2>  !    Mend it: chmod 700 $SLUGLINE_HOME
    [exit 1]

    $ slugline config:get A
    1
    ");
}

#[test]
fn keys_are_rotated_wherever_they_are_kept() {
    let environment = with_app(None);
    let _ = environment.run(["config:add", "A=1", "B=2"]).success();
    let _ = environment.run(["config:add", "A=3"]).success();
    let before = std::fs::read(file(&environment)).unwrap();
    let rotated = environment.run(["keys:rotate"]);
    assert_ne!(std::fs::read(file(&environment)).unwrap(), before);
    // From its file to the environment, and on to another one there.
    let caller = environment.caller();
    let moved = caller
        .clone()
        .with("SLUGLINE_NEW_KEY", &key('a'))
        .run(["keys:rotate"]);
    let old = ask(&caller);
    let given = caller.clone().with("SLUGLINE_KEY", &key('a'));
    let values = given.run(["keys:rotate"]);
    let again = given
        .clone()
        .with("SLUGLINE_NEW_KEY", &key('b'))
        .run(["keys:rotate"]);
    let stale = ask(&given);
    let path = environment.work().join("key");
    std::fs::write(&path, key('b')).unwrap();
    let command = format!("cat {}", path.display());
    let commanded = ask(&caller.clone().with("SLUGLINE_KEY_COMMAND", &command));
    let fails = ask(&caller.clone().with("SLUGLINE_KEY_COMMAND", "exit 3"));
    let short = ask(&caller.clone().with("SLUGLINE_KEY", "abc"));
    assert_snapshot!(
        story([rotated, moved, old, values, again, stale, commanded, fails, short]),
        @r"
    $ slugline keys:rotate
    2 values are sealed with a new key.
    2> ledger.key is a new one: keep a copy of it elsewhere. Backups from before open with the old one.

    $ slugline keys:rotate
    2 values are sealed with a new key.
    2> From now on SLUGLINE_NEW_KEY is the ledger's key: keep it, and give it in SLUGLINE_KEY, to `slugline serve` as well, which has to be started again.

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: it was made with the key KEY and this one is OTHER
    [exit 1]

    $ slugline keys:rotate
    2 values are sealed with a new key.
    2> The master key is the same as before. To replace it as well: SLUGLINE_NEW_KEY=$(openssl rand -hex 32) slugline keys:rotate

    $ slugline keys:rotate
    2 values are sealed with a new key.
    2> From now on SLUGLINE_NEW_KEY is the ledger's key: keep it, and give it in SLUGLINE_KEY, to `slugline serve` as well, which has to be started again.

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: it was made with the key KEY and this one is OTHER
    [exit 1]

    $ slugline config:get A
    3

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: SLUGLINE_KEY_COMMAND failed with exit status: 3
    [exit 1]

    $ slugline config:get A
    2>  !    the ledger's key cannot be used: the key in SLUGLINE_KEY is not 64 hexadecimal digits; a new one comes from: openssl rand -hex 32
    [exit 1]
    "
    );
}

/// A plugin that writes down its environment and that of the server it provides, as far as it can.
const MANIFEST: &str = "\
name: curious
version: 1.0.0
api: 1
summary: Looks around.
entry: init.lua
permissions: { run: [sh] }
hooks: [release.check]
addons:
  curious: { default: free, config: [], plans: { free: { price: free } } }
";

const SCRIPT: &str = r#"
local addon = slugline.addon("curious")
function addon.provision(request)
  return { process = { "sh", "-c", "env > SERVER; exec sleep 600" } }
end
function addon.deprovision(request) end
slugline.on("release.check", function()
  slugline.log(if os then tostring(os.getenv("SLUGLINE_KEY")) else "no environment")
end)
"#;

#[test]
fn nothing_that_is_started_sees_a_key() {
    let environment = TestEnvironment::new();
    let server = environment.folder().join("server-env");
    let script = SCRIPT.replace("SERVER", &server.display().to_string());
    environment.write_file("curious/plugin.yaml", MANIFEST);
    environment.write_file("curious/init.lua", script);
    let caller = environment
        .caller()
        .with("SLUGLINE_KEY", &key('a'))
        .with("SLUGLINE_KEY_COMMAND", "exit 3")
        .with("SLUGLINE_NEW_KEY", &key('b'));
    let run = |words: &[&str]| caller.run(words).success();
    let _ = run(&["plugins:install", "curious", "--yes"]);
    let _ = run(&["apps:create", "myapp", "--no-remote"]);
    // A build writes down its environment, and so does a process of the app.
    let (build, app) = (
        environment.folder().join("build"),
        environment.folder().join("app"),
    );
    let pack = "{\"name\":\"x\",\"version\":\"1.0.0\",\"scripts\":{\"build\":\"env > BUILD\"}}";
    environment.write_file(
        "source/package.json",
        pack.replace("BUILD", &build.display().to_string()),
    );
    let web = "web: env > \"${TMPDIR:-/tmp}/env\" && exec \"$SLUGLINE_BIN\" static .\n";
    environment.write_file("source/Procfile", web);
    let _ = run(&["deploy", "source"]);
    std::fs::copy(temporary_of(&environment, "web.1").join("env"), &app).unwrap();
    let asked = run(&["addons:add", "curious"]);
    assert!(asked.stderr.contains("curious: no environment"), "{asked}");
    wait_until("the server has started", || server.exists());
    for path in [&build, &app, &server] {
        let variables = std::fs::read_to_string(path).unwrap();
        assert!(variables.contains("PATH="), "{}", path.display());
        let told = variables.contains("SLUGLINE_KEY") || variables.contains("SLUGLINE_NEW_KEY");
        assert!(!told, "{}:\n{variables}", path.display());
    }
    // Nor is a key kept in a file where it comes from elsewhere.
    assert!(!file(&environment).exists());
}
