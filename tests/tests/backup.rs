//! A home as one file and back: made while others write, restored elsewhere, and run there. It must
//! not know how a backup is packed, but for what is done to break one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use rcgen::generate_simple_self_signed;
use slugline_testkit::environment::{Caller, TestEnvironment};
use trouble::{MARKER, SITE, Trouble, does};

/// Somebody whose home is another folder.
fn elsewhere<'a>(env: &'a TestEnvironment, home: &Path) -> Caller<'a> {
    env.caller()
        .with("SLUGLINE_HOME", &home.display().to_string())
}

/// An app with history, an add-on, a plugin of the operator's and a pushed commit, stopped.
fn home() -> Trouble {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    trouble.install("mine", "api: 1\nname: mine\nversion: 1.0.0\nsummary: A hook.\nentry: init.lua\nhooks: [release.created]\n", "slugline.on(\"release.created\", function() end)\n");
    let site = env.caller().within(SITE);
    does(&site.git(["init", "--quiet", "--initial-branch=main"]));
    does(&site.git(["add", "."]));
    does(&site.git(["commit", "--quiet", "-m", "First"]));
    does(&site.run(["git:remote"]));
    does(&site.git(["push", "--quiet", "slugline", "main"]));
    trouble
}

#[test]
fn a_backup_is_restored_and_runs_in_another_folder() {
    let trouble = home();
    let env = &trouble.env;
    let backup = env.run(["backup", "home.backup"]);
    assert_snapshot!(backup.hide("home.backup (", "SIZE"), @"
    $ slugline backup home.backup
    Backed up 1 app with 3 releases to home.backup (SIZE)
    2> The ledger's key is in it: whoever has the file can read every config var. --without-key leaves it out.
    ");
    let file = env.work().join("home.backup");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = env.run(["releases", "--json", "-n", "99"]).success().stdout;
    does(&env.run(["serve", "--stop"]));

    let other = env.folder().join("other machine/deep/home");
    let restore = env.run([
        "restore",
        "home.backup",
        "--into",
        "../other machine/deep/home",
    ]);
    assert_snapshot!(restore, @"
    $ slugline restore home.backup --into '../other machine/deep/home'
    Restored 1 app with 3 releases to $FOLDER/other machine/deep/home
    2> Every history is as it was written.
    2> Point your git remotes to the new home: slugline git:remote --app APP
    2> Next: SLUGLINE_HOME='$FOLDER/other machine/deep/home' slugline serve
    ");
    let there = elsewhere(env, &other);
    let after = there
        .run(["releases", "--json", "-n", "99"])
        .success()
        .stdout;
    assert_eq!(after, before);
    assert_eq!(
        there.run(["config:get", "SECRET"]).success().stdout,
        format!("{MARKER}\n")
    );
    let plugins = there.run(["plugins"]).success().stdout;
    assert!(plugins.contains("mine"), "{plugins}");
    // It runs there: the code is served, can be pushed to and rolled back.
    does(&there.run(["restart"]));
    let url = there.run(["status", "--json"]).success().json();
    let port = url["router"]
        .as_str()
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    assert_eq!(get(&port), "first page");
    env.write_file("site/index.html", "second page");
    let site = elsewhere(env, &other).within(SITE);
    does(&site.run(["git:remote"]));
    does(&site.git(["commit", "--quiet", "-am", "Second"]));
    does(&site.git(["push", "--quiet", "slugline", "main"]));
    assert_eq!(get(&port), "second page");
    does(&there.run(["rollback"]));
    assert_eq!(get(&port), "first page");
    does(&there.run(["serve", "--stop"]));
}

/// The page of `myapp` at a router's port.
fn get(port: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(stream, "GET / HTTP/1.0\r\nHost: myapp.localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn a_backup_made_while_others_write_is_of_one_moment() {
    let env = TestEnvironment::new();
    for app in ["one", "two"] {
        does(&env.run(["apps:create", app, "--no-remote"]));
        does(&env.run(["addons:add", "releases:advanced", "--app", app]));
    }
    env.write_file("site/index.html", "page");
    let over = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        for app in ["one", "two"] {
            let (env, over) = (&env, &over);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    env.write_file(format!("{app}/index.html"), format!("page {number}"));
                    does(&env.run([
                        "deploy",
                        &format!("{}/{app}", env.work().display()),
                        "--app",
                        app,
                    ]));
                    does(&env.run(["config:add", &format!("N={number}"), "--app", app]));
                    number += 1;
                }
            });
        }
        let made: Vec<_> = (0..6)
            .map(|number| {
                let file = format!("{number}.backup");
                let backup = env.run(["backup", &file]);
                (file, backup)
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        made
    });
    let told: BTreeSet<_> = made.iter().map(|(_, it)| it.stdout.clone()).collect();
    assert!(told.len() > 2, "nobody wrote meanwhile: {told:?}");
    for (file, backup) in made {
        does(&backup);
        let home = env.folder().join(&file);
        let restored = env
            .run(["restore", &file, "--into", &home.display().to_string()])
            .success();
        assert!(
            restored
                .stderr
                .starts_with("Every history is as it was written.\n"),
            "{restored}"
        );
        assert!(!restored.stderr.contains("missing"), "{restored}");
        let there = elsewhere(&env, &home);
        for app in ["one", "two"] {
            let list = there
                .run(["releases", "--json", "-n", "999", "--app", app])
                .success()
                .json();
            let numbers: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["version"].to_string())
                .collect();
            // Gapless, and the next command works, finishing or undoing what was under way.
            let expected: Vec<_> = (1..=numbers.len()).rev().map(|n| n.to_string()).collect();
            assert_eq!(numbers, expected);
            does(&there.run(["config:add", "AFTER=1", "--app", app]));
        }
        does(&there.run(["serve", "--stop"]));
    }
}

#[test]
fn a_backup_without_the_key_needs_it_to_come_back() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let backup = env.run(["backup", "home.backup", "--without-key"]);
    assert_snapshot!(backup.hide("home.backup (", "SIZE"), @"
    $ slugline backup home.backup --without-key
    Backed up 1 app with 2 releases to home.backup (SIZE)
    2> The ledger's key is not in it: keep a copy of the key elsewhere. Without it the config vars are lost.
    ");
    assert_snapshot!(env.run(["restore", "home.backup", "--into", "other"]), @"
    $ slugline restore home.backup --into other
    2>  !    The ledger's key is not in this backup. Give it: SLUGLINE_KEY=… slugline restore …
    [exit 1]
    ");
    assert!(!env.work().join("other").exists());
    let key = fs::read_to_string(env.home().join("ledger.key")).unwrap();
    let key = key.lines().find(|line| !line.starts_with('#')).unwrap();
    let with_key = env.caller().with("SLUGLINE_KEY", key);
    assert_snapshot!(with_key.run(["restore", "home.backup", "--into", "other"]), @"
    $ slugline restore home.backup --into other
    Restored 1 app with 2 releases to $WORK/other
    2> Every history is as it was written.
    2> Point your git remotes to the new home: slugline git:remote --app APP
    2> Next: SLUGLINE_HOME='$WORK/other' slugline serve, with the ledger's key in SLUGLINE_KEY or in $WORK/other/ledger.key
    ");
    let there = with_key.with(
        "SLUGLINE_HOME",
        &env.work().join("other").display().to_string(),
    );
    assert_eq!(
        there.run(["config:get", "SECRET"]).success().stdout,
        format!("{MARKER}\n")
    );
    let wrong = env.caller().with("SLUGLINE_KEY", &"0f".repeat(32));
    let refused = wrong
        .run(["restore", "home.backup", "--into", "third"])
        .fails(1);
    assert!(
        refused.stderr.contains("it was made with the key"),
        "{refused}"
    );
    assert!(!env.work().join("third").exists());
}

#[test]
fn what_is_no_whole_backup_leaves_nothing_behind() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    does(&env.run(["backup", "home.backup"]));
    let whole = fs::read(env.work().join("home.backup")).unwrap();
    let before = fs::read_dir(env.work()).unwrap().count();
    let check = |what: &str, bytes: &[u8], expected: &str| {
        env.write_file("bad.backup", bytes);
        let refused = env
            .run(["restore", "bad.backup", "--into", "other"])
            .fails(1);
        assert_eq!(refused.stdout, "", "{what}: {refused}");
        assert!(refused.stderr.contains(expected), "{what}: {refused}");
        let left = fs::read_dir(env.work()).unwrap().count();
        assert_eq!(left, before + 1, "{what} left something behind");
    };
    let broken = " !    bad.backup cannot be restored: it is no whole backup";
    check("nothing", b"", broken);
    check("a letter", b"Dear Jim, this is no backup.", broken);
    for part in 1..20 {
        check("a part", &whole[..whole.len() * part / 20], broken);
    }
    check("all but the last byte", &whole[..whole.len() - 1], broken);
    for part in 1..20 {
        let mut altered = whole.clone();
        // One byte alone may say the same in other words, as where one run of zeros is copied or another.
        let from = whole.len() * part / 20;
        for byte in &mut altered[from..from + 8] {
            *byte ^= 0x20;
        }
        check("altered bytes", &altered, broken);
    }
    let missing = env.run(["restore", "nowhere.backup", "--into", "other"]);
    assert_snapshot!(missing, @"
    $ slugline restore nowhere.backup --into other
    2>  !    nowhere.backup cannot be restored: No such file or directory (os error 2)
    [exit 1]
    ");
}

#[test]
fn what_is_in_use_is_not_overwritten() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    does(&env.run(["backup", "home.backup"]));
    assert_snapshot!(env.run(["backup", "home.backup"]), @"
    $ slugline backup home.backup
    2>  !    home.backup is there already
    2>  !    Name another file.
    [exit 1]
    ");
    assert_snapshot!(env.run(["restore", "home.backup"]), @"
    $ slugline restore home.backup
    2>  !    $SLUGLINE_HOME is not empty, and is left as it is.
    2>  !    Restore into another folder: slugline restore home.backup --into FOLDER
    [exit 1]
    ");
    assert_snapshot!(env.run(["backup", "nowhere/home.backup"]), @"
    $ slugline backup nowhere/home.backup
    2>  !    there is no folder nowhere
    [exit 1]
    ");
    trouble.ends();
}

#[test]
fn a_backup_goes_through_a_pipe() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let script = "slugline=$1; \"$slugline\" backup - | \"$slugline\" restore - --into other";
    let slugline = env.caller().command("slugline");
    let mut sh = env.caller().command("sh");
    sh.args(["-c", script, "sh"]).arg(slugline.get_program());
    let output = sh.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let expected = format!(
        "Restored 1 app with 2 releases to {}\n",
        env.work().join("other").display()
    );
    assert_eq!(stdout, expected);
    assert!(
        stderr.contains("Backed up 1 app with 2 releases\n"),
        "{stderr}"
    );
}

#[test]
fn an_add_on_with_a_server_runs_again_and_empty() {
    let env = TestEnvironment::new();
    env.write_file("site/index.html", "page");
    does(&env.run(["apps:create", "myapp", "--no-remote"]));
    does(&env.run(["deploy", SITE]));
    does(&env.run(["addons:add", "redis"]));
    let backup = env.run(["backup", "home.backup"]).success();
    assert!(
        backup
            .stderr
            .contains(" !    What add-ons hold is not in it: redis:free of myapp.\n"),
        "{backup}"
    );
    does(&env.run(["serve", "--stop"]));
    let home = env.folder().join("other");
    let restored = env
        .run(["restore", "home.backup", "--into", "../other"])
        .success();
    assert!(
        restored
            .stderr
            .contains(" !    These add-ons begin empty: redis:free of myapp.\n"),
        "{restored}"
    );
    fs::remove_dir_all(env.home().join("resources")).unwrap();
    let there = elsewhere(&env, &home);
    does(&there.run(["restart"]));
    let ps = there.run(["ps"]).success();
    assert!(
        ps.stdout.contains("redis") && ps.stdout.contains("up"),
        "{ps}"
    );
    does(&there.run(["serve", "--stop"]));
}

#[test]
fn certificates_come_back_with_their_keys_unless_keys_are_left_out() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let made = generate_simple_self_signed(["www.shop.example".to_owned()]).unwrap();
    env.write_file("cert.pem", made.cert.pem());
    env.write_file("key.pem", made.signing_key.serialize_pem());
    does(&env.run(["certs:add", "www.shop.example", "cert.pem", "key.pem"]));
    let backup = env.run(["backup", "home.backup"]);
    assert_snapshot!(backup.hide("home.backup (", "SIZE"), @"
    $ slugline backup home.backup
    Backed up 1 app with 2 releases to home.backup (SIZE)
    2> The ledger's key is in it: whoever has the file can read every config var. --without-key leaves it out.
    2> The certificates of hosts are in it, with their private keys.
    ");
    does(&env.run(["restore", "home.backup", "--into", "other"]));
    let file = |home: &Path| home.join("certs/www.shop.example.pem");
    let restored = file(&env.work().join("other"));
    assert_eq!(
        fs::read(&restored).unwrap(),
        fs::read(file(&env.home())).unwrap()
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&restored), 0o600);
    assert_eq!(mode(restored.parent().unwrap()), 0o700);
    let there = elsewhere(env, &env.work().join("other"));
    let listed = there.run(["certs"]).success().stdout;
    assert!(listed.contains("www.shop.example"), "{listed}");
    let without = env.run(["backup", "open.backup", "--without-key"]);
    assert_snapshot!(without.hide("open.backup (", "SIZE"), @"
    $ slugline backup open.backup --without-key
    Backed up 1 app with 2 releases to open.backup (SIZE)
    2> The ledger's key is not in it: keep a copy of the key elsewhere. Without it the config vars are lost.
    2> The certificates of hosts are not in it; add them again where it is restored: slugline certs:add
    ");
}
