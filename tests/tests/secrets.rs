//! Secrecy: a marker is planted wherever a secret may be, every command is run, and every byte that
//! was written or printed is searched for it. Where it may be found is in two tables, with the
//! reason. And no process of ours leaves a core dump, while those of apps may as before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use slugline_testkit::environment::{Output, TestEnvironment, wait_until};
use slugline_tests::{commit_file, repository, with_app};

/// What every secret of the test begins with.
const MARKER: &str = "s3cr3t-m4rk3r";

/// Commands whose job is to show values, by how they begin.
const SHOWING: [(&str, &str); 6] = [
    ("config:add SHOWN=", "shows what it sets, while it sets it"),
    ("config ", "shows config vars"),
    ("config:get ", "shows one config var"),
    ("releases:info ", "shows the config vars of a release"),
    ("releases:diff v2 v3 --reveal", "was asked to show values"),
    (
        "addons:add snoop --",
        "a plugin's own words to whoever typed its option",
    ),
];

/// Files that hold the marker, below the test's folder.
const HOLDING: [(&str, &str); 2] = [
    ("snoop/init.lua", "the plugin as it was written"),
    (
        "home/plugins/snoop/init.lua",
        "the plugin as it was installed",
    ),
];

/// What is asked of an app that is full of secrets.
const CHECKED: [&[&str]; 34] = [
    &["config"],
    &["config:get", "SHOWN"],
    &["releases:info"],
    &["releases:info", "--json"],
    &["releases:diff", "v2", "v3", "--reveal"],
    &["apps"],
    &["apps", "--json"],
    &["apps:info"],
    &["apps:info", "--json"],
    &["ps"],
    &["ps", "--json"],
    &["addons"],
    &["addons", "--json"],
    &["addons:info", "snoop"],
    &["addons:info", "snoop", "--json"],
    &["addons:remove", "snoop", "--dry-run"],
    &["releases"],
    &["releases", "--json"],
    &["releases:diff", "v2", "v3"],
    &["releases:diff", "v2", "v3", "--json"],
    &["releases:prune", "--dry-run"],
    &["releases:prune", "--dry-run", "--tier", "basic", "--json"],
    &["releases:verify"],
    &["releases:verify", "--json"],
    &["rollback", "--config-only", "--dry-run"],
    &["config:remove", "KEPT", "--dry-run"],
    &["audit"],
    &["audit", "--json"],
    &["billing", "--json"],
    &["plugins", "--json"],
    &["tiers", "--json"],
    &["status"],
    &["status", "--json"],
    &["logs"],
];

/// A plugin that lends a secret, keeps one, and writes down all that it is told.
const SNOOP: &str = r#"
local addon = slugline.addon("snoop")

function addon.provision(request)
  slugline.store.set("kept", "MARKER-store" .. slugline.json.encode(request))
  if request.options.deny then slugline.deny("no: " .. request.options.deny) end
  if request.options.fail then error("failed with " .. request.options.fail, 0) end
  return { config = { SNOOP_URL = "MARKER-lent" } }
end

function addon.change_plan(request)
  slugline.store.set("kept", slugline.json.encode(request))
  return { config = { SNOOP_URL = "MARKER-lent" } }
end

function addon.deprovision(request) end

for _, hook in { "release.check", "billing.check" } do
  slugline.on(hook, function(told) slugline.log(hook .. " " .. slugline.json.encode(told)) end)
end

for _, event in { "release.created", "release.failed", "addon.changed" } do
  slugline.on(event, function(told)
    -- The options are its own add-on's; nobody else is told them.
    told = table.clone(told)
    told.addon = nil
    slugline.log(event .. " " .. slugline.json.encode(told))
  end)
end
"#;

const SNOOP_MANIFEST: &str = "\
name: snoop
version: 1.0.0
api: 1
summary: Writes down what it is told.
entry: init.lua
permissions: { store: true }
hooks: [release.check, billing.check, release.created, release.failed, addon.changed]
addons:
  snoop:
    default: free
    config: [SNOOP_URL]
    plans:
      free: { price: free }
      big: { price: $1/mo }
";

/// An app whose code says whether its process may dump core, and fails to boot where it is told so.
const PROCFILE: &str = "web: test -z \"$BROKEN\" || exit 1; \
     python3 -c 'import ctypes; print(\"dumpable\", ctypes.CDLL(None).prctl(3), flush=True)'; \
     exec \"$SLUGLINE_BIN\" static .\n";

fn secret(of: &str) -> String {
    format!("{MARKER}-{of}")
}

/// Runs a command, and answers what it printed where it may not hold the marker.
fn checked(environment: &TestEnvironment, words: &[&str], leaks: &mut Vec<String>) {
    note(environment.run(words), &words.join(" "), leaks);
}

fn note(output: Output, words: &str, leaks: &mut Vec<String>) {
    let showing = SHOWING
        .iter()
        .any(|(begins, _)| format!("{words} ").starts_with(begins));
    let printed = format!("{}{}", output.stdout, output.stderr);
    if printed.contains(MARKER) && !showing {
        leaks.push(format!("{words} printed:\n{printed}"));
    }
}

/// The files below a folder that hold the marker.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() && holds(&std::fs::read(&path).unwrap()) {
            found.push(path);
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    bytes
        .windows(MARKER.len())
        .any(|window| window == MARKER.as_bytes())
}

/// The processes of this machine that have the marker in their command line, and those of the home
/// that have it in their environment.
fn processes(environment: &TestEnvironment) -> (Vec<String>, Vec<String>) {
    let (mut typed, mut given) = (Vec::new(), Vec::new());
    let home = environment.home().display().to_string();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        // One that ends meanwhile is no longer there to be read.
        let read = |name: &str| std::fs::read(path.join(name)).unwrap_or_default();
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let variables = read("environ");
        if line.contains(MARKER) {
            typed.push(line.clone());
        }
        if holds(&variables) && String::from_utf8_lossy(&variables).contains(&home) {
            given.push(line);
        }
    }
    (typed, given)
}

/// An app with code, an add-on that lends a secret, and a webhook that cannot be delivered.
fn planted(environment: &TestEnvironment, leaks: &mut Vec<String>) {
    let script = SNOOP.replace("MARKER", MARKER);
    // Not in the work folder, all of which is pushed.
    let folder = environment.folder().join("snoop");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("init.lua"), script).unwrap();
    std::fs::write(folder.join("plugin.yaml"), SNOOP_MANIFEST).unwrap();
    let _ = environment
        .run(["plugins:install", "../snoop", "--yes"])
        .success();
    environment.write_file("source/Procfile", PROCFILE);
    let mut run = |words: &[&str], status: i32| {
        let output = environment.run(words).fails(status);
        note(output, &words.join(" "), leaks);
    };
    run(&["deploy", "source"], 0);
    for of in ["set", "changed"] {
        run(&["config:add", &format!("SHOWN={}", secret(of))], 0);
    }
    run(
        &[
            "config:add",
            &format!("SHOWN={}", secret("dry")),
            "--dry-run",
        ],
        0,
    );
    run(&["config:add", "BARE", &secret("bare")], 2);
    run(
        &["config:add", &format!("BAD-KEY={}", secret("invalid"))],
        1,
    );
    run(
        &[
            "config:add",
            &format!("BIG={}{}", secret("big"), "x".repeat(70_000)),
        ],
        1,
    );
    run(
        &[
            "config:add",
            &format!("A={}", secret("stale")),
            "--if-current",
            "v9",
        ],
        1,
    );
    run(&["config:remove", "SHOWN"], 0);
    run(&["rollback"], 0);
    let option = |name: &str| format!("--{name}={}", secret(name));
    run(&["addons:add", "snoop", &option("deny")], 1);
    run(&["addons:add", "snoop", &option("fail")], 1);
    run(&["addons:add", "snoop", &option("token"), "--dry-run"], 0);
    run(&["addons:add", "snoop", &option("token")], 0);
    run(&["addons:upgrade", "snoop:big"], 0);
    let hook = "--url=http://127.0.0.1:9/hook";
    run(&["addons:add", "webhooks", hook, &option("secret")], 0);
    let broken = format!("SHOWN={}", secret("broken"));
    run(&["config:add", &broken, "BROKEN=1"], 1);
    run(&["rollback", "v99"], 1);
}

#[test]
fn no_value_is_where_it_must_not_be() {
    let environment = with_app(Some("releases:advanced"));
    let mut leaks = Vec::new();
    planted(&environment, &mut leaks);
    repository(&environment, PROCFILE);
    let _ = environment.run(["git:remote"]).success();
    let push = environment.git(["push", "slugline", "main"]).success();
    note(push, "git push", &mut leaks);
    commit_file(&environment, "Procfile", "web web\n");
    let push = environment.git(["push", "slugline", "main"]).fails(1);
    note(push, "git push", &mut leaks);
    for words in CHECKED {
        checked(&environment, words, &mut leaks);
    }
    let told = environment.run(["config:get", "SNOOP_URL"]).success();
    assert_eq!(told.stdout.trim(), secret("lent"));
    let log = environment.run(["logs"]).success().stdout;
    assert!(log.contains("dumpable 1"), "{log}");

    let mut found = Vec::new();
    files(environment.folder(), &mut found);
    let holding = HOLDING.map(|(path, _)| environment.folder().join(path));
    assert!(holding.iter().all(|path| found.contains(path)), "{found:?}");
    found.retain(|path| !holding.contains(path));
    leaks.extend(
        found
            .iter()
            .map(|path| format!("{} holds it", path.display())),
    );

    let (typed, given) = processes(&environment);
    leaks.extend(
        typed
            .iter()
            .map(|line| format!("in the command line: {line}")),
    );
    // The app's own processes have its config vars.
    let others = given.iter().filter(|line| !line.contains(" static "));
    leaks.extend(others.map(|line| format!("in the environment of: {line}")));
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// Ends a program of this name by SIGABRT once it is ready, and answers whether it dumped core.
fn dumps(command: &mut Command, name: &str, ready: impl FnOnce()) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = child.id().to_string();
    let named = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    wait_until("the shell has become it", || named().trim() == name);
    ready();
    let _ = Command::new("kill").args(["-ABRT", &pid]).status().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    status.core_dumped()
}

#[test]
fn a_crash_of_ours_leaves_no_core() {
    let environment = with_app(None);
    let caller = environment.caller();
    let unlimited = |what: &str| {
        let mut shell = caller.command("sh");
        shell.args(["-c", &format!("ulimit -c unlimited; exec {what}")]);
        shell
    };
    if !dumps(&mut unlimited("sleep 60"), "sleep", || ()) {
        // Where nothing can dump core, there is nothing to prevent.
        return;
    }
    let program = caller.command("slugline").get_program().to_owned();
    let serve = format!("{} serve", program.display());
    let router = || environment.run(["status", "--json"]).success().json()["router"].is_string();
    let serves = || wait_until("it serves", router);
    assert!(!dumps(&mut unlimited(&serve), "slugline", serves));
}
