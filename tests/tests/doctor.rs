//! `doctor`: a healthy home in full, and each thing that can be wrong: broken for real, found, and
//! mended by the very command that is printed. It must not know how anything is found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;
use slugline_core::app::AppName;
use slugline_core::event::Event;
use slugline_core::port::Ledger;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::environment::{Caller, Output, TestEnvironment, wait_until};
use slugline_testkit::values;
use trouble::{Background, MARKER, SITE, Trouble, does, files, hides_the_marker};

/// What differs from machine to machine does not matter here: the room on its disk.
fn neutral(output: Output) -> String {
    let text = output
        .hide("(pid ", "PID")
        .hide("of format ", "N")
        .to_string();
    let text = match text.contains("warning  disk ") {
        true => without_a_warning(&text),
        false => text,
    };
    // What serve says of isolation is as whoever runs the tests may.
    let lines = text.lines().map(|line| match line {
        _ if line.contains("  disk ") => "ROOM  disk",
        _ if line.contains("  isolation  ") && line.contains("cgroups") => "ISOLATION",
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// What `doctor` says where it warns of one thing less.
fn without_a_warning(text: &str) -> String {
    let fewer = [
        ("no problems, 1 warning.", "All is well."),
        (", 1 warning.", ", no warnings."),
        (", 2 warnings.", ", 1 warning."),
    ];
    let found = fewer.iter().find(|(from, _)| text.contains(from));
    found.map_or_else(|| text.to_owned(), |(from, to)| text.replace(from, to))
}

/// Nothing is at work in the background that the next look could see half-done.
fn settle(env: &TestEnvironment) {
    wait_until("the store is free", || env.run(["gc"]).status == 0);
}

#[test]
fn a_healthy_home() {
    let env = TestEnvironment::new();
    assert_snapshot!(env.run(["doctor"]), @"
    $ slugline doctor
    warning  home        there is nothing at $SLUGLINE_HOME yet; mend it: slugline apps:create
    2> no problems, 1 warning. Nothing has been changed.
    ");
    assert!(!env.home().exists());
    does(&env.run(["apps:create", "myapp", "--no-remote"]));
    does(&env.run(["addons:add", "releases:advanced"]));
    assert_snapshot!(neutral(env.run(["doctor"])), @"
    $ slugline doctor
    ok       home        $SLUGLINE_HOME is its owner's alone
    ROOM  disk
    ok       ledger      ledger.db is sound, of format N
    ok       key         the key in ledger.key opens what is sealed
    ok       history     no releases of 1 app, as recorded
    ok       slugs       no slugs yet
    ok       resources   no resources, each of an add-on
    ok       unfinished  nothing was begun and left
    ok       plugins     none but those that ship with Slugline
    ok       programs    git on the PATH
    ok       supervisor  not running, and there is nothing to run
    ok       isolation   what can be done is found out by slugline serve when it starts
    ok       leftovers   none
    2> All is well. Nothing has been changed.
    ");
    env.write_file("site/index.html", "first page");
    does(&env.run(["addons:add", "memcache"]));
    does(&env.run(["deploy", SITE]));
    settle(&env);
    let before = files(&env.home());
    assert_snapshot!(neutral(env.run(["doctor", "--deep"])), @"
    $ slugline doctor --deep
    ok       home        $SLUGLINE_HOME is its owner's alone
    ROOM  disk
    ok       ledger      ledger.db is sound, of format N
    ok       key         the key in ledger.key opens what is sealed
    ok       history     2 releases of 1 app, as recorded
    ok       slugs       1 slug, each as it was stored
    ok       resources   1 resource, each of an add-on
    ok       unfinished  nothing was begun and left
    ok       plugins     none but those that ship with Slugline
    ok       programs    memcached, git on the PATH
    ok       supervisor  running (pid PID), with what is current
    ISOLATION
    ok       leftovers   none
    2> All is well. Nothing has been changed.
    ");
    assert_eq!(files(&env.home()), before);
    let view = env.run(["doctor", "--json"]).success().json();
    assert_eq!(view["home"], env.home().display().to_string());
    assert_eq!(view["findings"][3]["check"], "key");
    assert_eq!(view["findings"][3]["verdict"], "ok");
    assert_eq!(view["findings"][3]["mend"], serde_json::Value::Null);
    does(&env.run(["serve", "--stop"]));
    // What the daemon had unpacked is of no use without it.
    settle(&env);
    assert_snapshot!(neutral(env.run(["doctor"])), @"
    $ slugline doctor
    ok       home        $SLUGLINE_HOME is its owner's alone
    ROOM  disk
    ok       ledger      ledger.db is sound, of format N
    ok       key         the key in ledger.key opens what is sealed
    ok       history     2 releases of 1 app, as recorded
    ok       slugs       1 slug, each there and as large as it was
    ok       resources   1 resource, each of an add-on
    ok       unfinished  nothing was begun and left
    ok       plugins     none but those that ship with Slugline
    ok       programs    memcached, git on the PATH
    warning  supervisor  not running, and so 1 app does not answer; mend it: slugline serve
    ok       isolation   what can be done is found out by slugline serve when it starts
    ok       leftovers   none
    2> no problems, 1 warning. Nothing has been changed.
    ");
}

fn ledger(env: &TestEnvironment) -> SqliteLedger {
    SqliteLedger::open(&env.home()).unwrap()
}

fn myapp() -> AppName {
    AppName::new("myapp").unwrap()
}

/// The command that a line of the report names.
fn mend(output: &Output, line: &str) -> String {
    let found = output.stdout.lines().find(|it| it.starts_with(line));
    assert!(found.is_some(), "no line begins with {line:?}:\n{output}");
    let (_, mend) = found.unwrap().split_once("; mend it: ").unwrap();
    mend.to_owned()
}

/// A shell that finds this Slugline.
fn shell(caller: &Caller<'_>, line: &str) -> std::process::Command {
    let slugline = caller.command("slugline");
    let folder = Path::new(slugline.get_program()).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let caller = caller.clone();
    let caller = caller.with("PATH", &format!("{}:{path}", folder.display()));
    let mut shell = caller.command("sh");
    shell.args(["-c", line]);
    shell
}

/// Runs what mends, and finds nothing wrong any more.
#[track_caller]
fn heals(env: &TestEnvironment, doctor: &[&str], line: &str) {
    let sick = env.run(doctor);
    hides_the_marker(&sick);
    let problem = line.starts_with("problem");
    assert_eq!(sick.status, i32::from(problem), "{sick}");
    let text = sick
        .stdout
        .replace(&env.home().display().to_string(), "$HOME");
    let text = text.replace(&env.folder().display().to_string(), "$FOLDER");
    let found = text.lines().any(|it| it.starts_with(line));
    assert!(found, "no line begins with {line:?}:\n{text}");
    let place = |text: &str| {
        let text = text.replace("$HOME", &env.home().display().to_string());
        text.replace("$FOLDER", &env.folder().display().to_string())
    };
    let command = mend(&sick, &place(line));
    let command = command.replace("BACKUP", "home.backup");
    let command = command.replace(
        "addons:remove memcache",
        "addons:remove memcache --confirm myapp",
    );
    // A person looks at the plugin first.
    let command = command.replace("plugins:update mine", "plugins:update mine --yes");
    let restored = env
        .folder()
        .join(format!("restored-{}", files(env.folder()).len()));
    let command = command.replace("FOLDER", &restored.display().to_string());
    if command == "slugline serve" {
        let mut serve = env.caller().command("slugline");
        serve.arg("serve");
        let _serves = Background::start(serve);
        wait_until("all is well", || is_well(&env.run(doctor)));
        return;
    }
    let mended = shell(&env.caller(), &command).output().unwrap();
    assert!(mended.status.success(), "{command}: {mended:?}");
    settle(env);
    let well = env.run(doctor);
    assert!(is_well(&well), "after {command}:\n{well}");
}

fn is_well(output: &Output) -> bool {
    let bad = |line: &str| !line.starts_with("ok ") && !line.contains("  disk ");
    output.status == 0 && !output.stdout.lines().any(bad)
}

#[test]
fn what_is_wrong_with_files_is_mended() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let home = env.home();
    let check = |line: &str| heals(env, &["doctor"], line);
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(home.join(name), Permissions::from_mode(mode)).unwrap();
    };
    settle(env);
    does(&env.run(["backup", "home.backup"]));

    mode("", 0o755);
    check("problem  home        others can look into $HOME (mode 755)");
    mode("ledger.db", 0o640);
    check("problem  home        others can look into $HOME/ledger.db (mode 640)");
    mode("ledger.key", 0o604);
    check("problem  home        others can look into $HOME/ledger.key (mode 604)");

    let key = fs::read_to_string(home.join("ledger.key")).unwrap();
    fs::write(
        home.join("ledger.key"),
        format!("{key}{}\n", "0f".repeat(32)),
    )
    .unwrap();
    check("warning  key         ledger.key holds 1 key that nothing is sealed with");

    let slug = files(&home.join("slugs")).remove(0);
    fs::remove_file(&slug).unwrap();
    let name = slug.file_name().unwrap().to_string_lossy()[..12].to_owned();
    check(&format!(
        "problem  slugs       slug {name} of myapp v2 is missing"
    ));
    let whole = fs::read(&slug).unwrap();
    fs::write(&slug, &whole[..9]).unwrap();
    check(&format!(
        "problem  slugs       slug {name} of myapp v2 is damaged: it has 9 bytes"
    ));
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&slug, &other).unwrap();
    assert!(is_well(&env.run(["doctor"])));
    let line = format!("problem  slugs       slug {name} of myapp v2 is damaged: its content");
    heals(env, &["doctor", "--deep"], &line);
    assert_eq!(fs::read(&slug).unwrap(), whole);

    fs::write(home.join("slugs/.new-half"), "half").unwrap();
    check("warning  leftovers   1 file or folder (4B) that nothing needs");
    fs::create_dir_all(home.join(format!("resources/{}", "c".repeat(32)))).unwrap();
    check("warning  resources   1 folder of resources that there are none of");
    fs::create_dir(env.folder().join(".slugline-restore-x")).unwrap();
    check("warning  leftovers   $FOLDER/.slugline-restore-x was left half-written");
    fs::write(home.join(".key-1-1"), "half").unwrap();
    check("warning  leftovers   $HOME/.key-1-1 was left half-written");
    trouble.serves("myapp", "first page");
    trouble.ends();
}

#[test]
fn what_is_wrong_with_plugins_and_programs_is_mended() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let check = |line: &str| heals(env, &["doctor"], line);
    settle(env);
    let folder = env.home().join("plugins/mine");
    fs::create_dir_all(&folder).unwrap();
    let manifest = "api: 1\nname: mine\nversion: 1.0.0\nsummary: A hook.\nentry: init.lua\nhooks: [release.created]\n";
    fs::write(folder.join("plugin.yaml"), manifest).unwrap();
    fs::write(
        folder.join("init.lua"),
        "slugline.on(\"release.created\", function() end)\n",
    )
    .unwrap();
    check("problem  plugins     mine has not been approved");
    fs::write(
        folder.join("init.lua"),
        "slugline.on(\"release.created\", print)\n",
    )
    .unwrap();
    check("problem  plugins     mine has changed since it was approved");
    fs::write(folder.join("plugin.yaml"), "api: 1\nnonsense: true\n").unwrap();
    check("problem  plugins     mine cannot be used: ");
    fs::write(env.home().join("plugins.lock"), "{").unwrap();
    check("problem  plugins     $HOME/plugins.lock is no lock file");
    does(&env.run(["addons:add", "memcache"]));
    let poor = env.caller().with("PATH", "/nowhere");
    let found = poor.run(["doctor"]).fails(1);
    let line = "problem  programs    memcached is not installed or not on the PATH; memcache:free of \
                myapp need it";
    assert_eq!(mend(&found, line), "apt-get install memcached");
}

#[test]
fn what_was_left_is_mended() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let check = |line: &str| heals(env, &["doctor"], line);
    settle(env);
    // Before there is a server that would outlive the daemon, as one that changes its user does.
    let pid = env.run(["status", "--json"]).success().json()["pid"].to_string();
    does_kill(env, &pid);
    wait_until("the daemon is gone", || {
        env.run(["status", "--json"]).json()["serving"] == false
    });
    check("warning  supervisor  slugline serve was killed");
    does(&env.run(["addons:add", "memcache"]));
    settle(env);
    let all = ledger(env).resources(&myapp()).unwrap();
    ledger(env).remove_resource(&all[0].id).unwrap();
    check("problem  resources   memcache:free of myapp has lost its resource");

    let state = ledger(env).moment(&myapp()).unwrap().state;
    let current = values::release(&ledger(env), "myapp", &values::config_add("N"), &state);
    check(&format!(
        "problem  supervisor  {current} of myapp is current, and "
    ));

    does(&env.run(["serve", "--stop"]));
    check("warning  supervisor  not running, and so 1 app does not answer");

    does(&env.run(["serve", "--stop"]));
    let pending = values::record(&ledger(env), "myapp", &values::config_add("N"), &state);
    let sick = env.run(["doctor"]).success();
    let line = format!("warning  unfinished  {pending} of myapp is pending, and nobody is at it");
    assert_eq!(mend(&sick, &line), "slugline restart --app myapp");
    check(&line);

    does(&env.run(["serve", "--stop"]));
    let version = values::record(&ledger(env), "myapp", &values::config_add("M"), &state);
    let settled = values::succeeded(&[Event::Prune]);
    ledger(env).settle(&myapp(), version, &settled).unwrap();
    let waiting = ledger(env).outbox(&myapp()).unwrap();
    ledger(env)
        .undelivered(waiting[0].place, MARKER, Timestamp(0))
        .unwrap();
    check("warning  unfinished  myapp: pruning could not be done, tried once");

    does(&env.run(["serve", "--stop"]));
    let gone = values::app("gone");
    ledger(env).create_app(&gone).unwrap();
    let left = values::resource(7, "memcache:free", None);
    ledger(env).put_resource(&gone.name, &left).unwrap();
    ledger(env).destroy_app(&gone.name, Timestamp(0)).unwrap();
    check("warning  resources   memcache:free of gone, which is gone, is left over");

    ledger(env)
        .put_resource(&myapp(), &values::resource(8, "memcache:free", None))
        .unwrap();
    let found = env.run(["doctor"]).success();
    let line = "warning  resources   a resource of myapp (memcache:free) is of none of its add-ons";
    assert!(found.stdout.contains(line), "{found}");
}

fn does_kill(env: &TestEnvironment, pid: &str) {
    let killed = shell(&env.caller(), &format!("kill -9 {pid}"))
        .status()
        .unwrap();
    assert!(killed.success());
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one home, broken in one way after the other"
)]
fn a_home_that_cannot_be_read_is_restored() {
    let env = TestEnvironment::new();
    does(&env.run(["apps:create", "myapp", "--no-remote"]));
    does(&env.run(["addons:add", "releases:advanced"]));
    does(&env.run(["config:add", &format!("SECRET={MARKER}")]));
    does(&env.run(["backup", "home.backup"]));
    let path = env.home().join("ledger.db");
    let whole = fs::read(&path).unwrap();

    let key = env.home().join("ledger.key");
    let kept = env.folder().join("kept.key");
    fs::rename(&key, &kept).unwrap();
    assert_snapshot!(neutral(env.run(["doctor"])), @"
    $ slugline doctor
    ok       home        $SLUGLINE_HOME is its owner's alone
    ROOM  disk
    ok       ledger      ledger.db is sound, of format N
    problem  key         $SLUGLINE_HOME/ledger.key is missing, and without it config vars cannot be read. Put it back from your backup, or give the key in SLUGLINE_KEY; mend it: SLUGLINE_KEY=… slugline doctor
    problem  history     cannot be checked without the ledger's key
    ok       slugs       no slugs yet
    ok       resources   no resources, each of an add-on
    ok       unfinished  nothing was begun and left
    ok       plugins     none but those that ship with Slugline
    ok       programs    git on the PATH
    ok       supervisor  not running, and there is nothing to run
    ok       isolation   what can be done is found out by slugline serve when it starts
    ok       leftovers   none
    2> 2 problems, no warnings. Nothing has been changed.
    [exit 1]
    ");
    fs::rename(&kept, &key).unwrap();
    let other = env.caller().with("SLUGLINE_KEY", &"0f".repeat(32));
    let found = other.run(["doctor"]).fails(1);
    assert!(
        found
            .stdout
            .contains("problem  key         it was made with the key"),
        "{found}"
    );

    let mut altered = whole.clone();
    let from = br#"keys":["SECRET"#;
    let at: Vec<_> = (0..altered.len() - from.len())
        .filter(|at| altered[*at..].starts_with(from))
        .collect();
    assert!(!at.is_empty());
    at.iter().for_each(|at| altered[*at + 8] = b'X');
    fs::write(&path, altered).unwrap();
    restores(
        &env,
        "problem  history     the history of myapp was altered: v1 ",
    );

    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&path, newer).unwrap();
    let found = env.run(["doctor"]).fails(1);
    let known = SqliteLedger::FORMAT;
    let line = format!("the ledger is of format 99; this Slugline reads up to {known}; install");
    assert!(
        found
            .stdout
            .contains(&format!("problem  ledger      {line}")),
        "{found}"
    );
    let mut older = whole;
    older[60..64].copy_from_slice(&5_u32.to_be_bytes());
    fs::write(&path, older).unwrap();
    let found = env.run(["doctor"]).fails(1);
    let line = "warning  ledger      ledger.db is of format 5, from before this Slugline";
    assert_eq!(mend(&found, line), "slugline apps");

    fs::write(&path, "no ledger").unwrap();
    let found = env.run(["doctor"]).fails(1);
    for check in [
        "key",
        "history",
        "slugs",
        "resources",
        "unfinished",
        "programs",
    ] {
        let line = format!("problem  {check:<10}  cannot be checked without the ledger\n");
        assert!(found.stdout.contains(&line), "{found}");
    }
    assert!(found.stdout.contains("ok       plugins "), "{found}");
    restores(
        &env,
        "problem  ledger      the ledger holds something that cannot be read",
    );
    fs::remove_file(&path).unwrap();
    restores(&env, "problem  home        ledger.db is missing from ");
}

/// The home that is made by what is printed is well.
#[track_caller]
fn restores(env: &TestEnvironment, line: &str) {
    let found = env.run(["doctor"]).fails(1);
    hides_the_marker(&found);
    let folder = env.folder().join("restored");
    let command = mend(&found, line).replace("BACKUP", "home.backup");
    let command = command.replace("FOLDER", &folder.display().to_string());
    let made = shell(&env.caller(), &command).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let there = env
        .caller()
        .with("SLUGLINE_HOME", &folder.display().to_string());
    let well = there.run(["doctor", "--deep"]);
    assert!(is_well(&well), "{well}");
    fs::remove_dir_all(folder).unwrap();
}
