//! Bad input, each with its clear error and nothing changed: whatever is typed, pushed, set or left
//! lying about. It must not know what happens to good input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use slugline_testkit::environment::{Output, TestEnvironment};
use trouble::{Background, MARKER, Trouble, does, files, hides_the_marker, marked};

/// An add-on that lends a secret, with a plan that costs and one that does not.
const VAULT: &str = "\
name: vault
version: 1.0.0
api: 1
summary: Keeps a secret.
entry: init.lua
addons:
  vault:
    default: free
    config: [VAULT_URL]
    plans:
      free:  { price: free }
      large: { price: $20/mo }
";

const ADD: &str = "config:add";

fn vault_script() -> String {
    format!(
        "local vault = slugline.addon('vault')\n\
         local function lend() return {{ config = {{ VAULT_URL = '{MARKER}' }} }} end\n\
         vault.provision = lend\n\
         vault.change_plan = lend\n"
    )
}

/// `myapp` has every kind of release: v1 is without code, v2 has other add-ons, v3 failed, and v5
/// is current. `other` is pruned to two, and `plain` has no tier.
fn past() -> Trouble {
    let mut trouble = Trouble::new(&["myapp", "other", "plain"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run([ADD, &format!("SECRET={MARKER}")]));
        does(&env.run(["deploy", "site"]));
        env.write_file("crashes/Procfile", "web: exit 7\n");
        assert_eq!(env.run(["deploy", "crashes"]).status, 1);
        does(&env.run(["addons:add", "releases:basic", "--app", "other"]));
        for value in 1..=4 {
            let word = format!("A={value}");
            does(&env.run([ADD, &word, "--app", "other"]));
        }
        does(&env.run([ADD, "A=1", "--app", "plain"]));
    });
    trouble.install("vault", VAULT, &vault_script());
    let env = &trouble.env;
    does(&env.run(["addons:add", "vault"]));
    does(&env.run([ADD, "A=1"]));
    trouble.accept();
    trouble
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    let t = past();
    let elsewhere = "there is no app myap\nDid you mean myapp?";
    for words in [
        &["releases"][..],
        &["config"],
        &["addons"],
        &["info"],
        &["ps"],
        &["logs"],
        &["restart"],
        &["rollback"],
        &["releases:info"],
        &["git:remote"],
        &["config:get", "A"],
        &["config:remove", "A"],
        &["addons:remove", "vault", "--confirm", "myap"],
        &["addons:add", "vault"],
        &["apps:destroy", "--confirm", "myap"],
        &["deploy", "site"],
        &[ADD, "A=2"],
    ] {
        t.refuses(&[words, &["--app", "myap"]].concat(), 1, elsewhere);
    }
    t.refuses(
        &["releases", "-a", "quite-different"],
        1,
        "there is no app quite-different\n`slugline apps` lists those there are.",
    );
    t.refuses(
        &["releases", "-a", "No App"],
        1,
        "\"No App\" is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, \
         beginning with a letter",
    );
    t.refuses(
        &["releasses"],
        2,
        "`releasses` is not a slugline command.\nPerhaps you meant `releases`.\n\
         See `slugline --help` for all commands.",
    );
    t.serves("myapp", "first page");
    t.ends();
}

#[test]
fn add_ons_that_cannot_be() {
    let t = past();
    let check = |words: &[&str], lines: &str| t.refuses(words, 1, lines);
    check(
        &["addons:add", "valt"],
        "there is no add-on valt\nDid you mean vault?",
    );
    check(
        &["addons:plans", "valt"],
        "there is no add-on valt\nDid you mean vault?",
    );
    check(
        &["addons:upgrade", "vault:larg"],
        "vault has no plan \"larg\"; its plans are: vault:free (free), vault:large ($20/mo)\n\
         Did you mean vault:large?",
    );
    check(
        &["addons:add", "The Vault"],
        "\"The Vault\" is not a name for an add-on: use 1 to 40 lower-case letters, digits, - and \
         _, such as memcache",
    );
    check(
        &["addons:add", "vault:large"],
        "vault add-on already added.\nTo upgrade, use addons:upgrade instead.",
    );
    check(
        &["addons:downgrade", "vault:large"],
        "vault:large ($20/mo) costs more than vault:free (free).\n\
         slugline addons:upgrade vault:large",
    );
    check(
        &["addons:upgrade", "memcache:100mb"],
        "memcache is not added to this app.\nTo add it: slugline addons:add memcache:100mb",
    );
    check(
        &["addons:remove", "memcache", "--confirm", "myapp"],
        "memcache is not added to this app.\nIt has: releases:advanced, vault:free",
    );
    check(
        &["addons:remove", "vault"],
        "WARNING: Potentially Destructive Action\nThis command will affect the app: myapp\n\
         To proceed, type \"myapp\" or re-run this command with --confirm myapp\n\
         Nobody is there to answer. Aborted.",
    );
    check(
        &["addons:remove", "vault", "--confirm", "other"],
        "Confirmed app other did not match the selected app myapp.",
    );
    check(
        &["addons:add", "releases", "--app", "plain"],
        "releases has no default plan: name one of releases:advanced (free), \
         releases:basic (free)",
    );
    check(
        &["apps:create", "fresh", "--addons", "releases:basic,valt"],
        "there is no add-on valt\nDid you mean vault?",
    );
    t.ends();
}

/// What an app is created with is there with it, or the app is not.
#[test]
fn a_create_whose_add_on_fails_leaves_no_app() {
    let t = past();
    let words = ["apps:create", "fresh", "--addons", "vault,deployhooks:http"];
    let output = t.env.run(words);
    let expected = "Creating fresh... done\n\
                    Adding vault to fresh... done, v1 (free)\n\
                    Adding deployhooks:http to fresh... failed\n";
    assert_eq!(output.stdout, expected, "{output}");
    let lines = "deployhooks: say where to post: --url=https://example.com/deployed\n\
                 fresh has been removed again.";
    t.is_refusal(&output, 1, lines);
    let left = files(&t.env.home().join("repositories/fresh.git"));
    assert!(left.is_empty(), "{left:?}");
    for taken in ["myapp", "Bad Name"] {
        let output = t.env.run(["apps:create", taken]);
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output}");
        t.unchanged(&output);
    }
}

#[test]
fn rollbacks_that_cannot_be() {
    let t = past();
    let nearest = "The nearest that can be rolled back to is v4: slugline rollback v4";
    let check = |release: &str, why: &str| {
        t.refuses(&["rollback", release], 1, &format!("{why}\n{nearest}"));
    };
    check(
        "v2",
        "Cannot rollback to a release that had a different set of addons installed\n+ vault:free",
    );
    check("v5", "v5 is the current release");
    check("v6", "There is no release v6; the newest is v5");
    check(
        "v4000000000",
        "There is no release v4000000000; the newest is v5",
    );
    check("v3", "v3 failed and never ran: web.1 exited with status 7");
    check("v1", "v1 has no code: it is from before the first deploy");
    for word in ["v0", "banana", "v-1", "99999999999999999999", ""] {
        let why = format!("{word:?} is not a release: write v40 or 40");
        t.refuses(&["rollback", word], 1, &why);
        t.refuses(&["releases:info", word], 1, &why);
    }
    t.refuses(
        &["rollback", "v2", "--app", "other"],
        1,
        "v2 is no longer kept: releases:basic has pruned it\n\
         The nearest that can be rolled back to is v3: slugline rollback v3",
    );
    for words in [
        &["rollback"][..],
        &["rollback", "v1"],
        &["releases"],
        &["releases:info"],
    ] {
        t.refuses(
            &[words, &["--app", "plain"]].concat(),
            1,
            "Please install the Release Management add-on to access release history\n\
             slugline addons:add releases:basic",
        );
    }
    t.refuses(
        &["releases:diff", "v1", "v9"],
        1,
        "There is no release v9; the newest is v5\nThe nearest that is kept is v5.",
    );
    t.refuses(
        &["rollback", "--code-only", "--config-only"],
        2,
        "the argument '--code-only' cannot be used with '--config-only'\n\
         Usage: slugline rollback --code-only [vN]\nFor more information, try '--help'.",
    );
    t.serves("myapp", "first page");
    t.ends();
}

#[test]
fn config_vars_that_cannot_be() {
    let t = past();
    let secret = |key: &str| format!("{key}={MARKER}");
    for key in ["1A", "A-B", "A B", "", "\u{c9}T\u{c9}"] {
        let why = format!(
            "{key:?} is not a key for a config var: use letters, digits and _, not beginning with \
             a digit"
        );
        t.refuses(&[ADD, "OK=1", &secret(key)], 1, &why);
    }
    let usage = "Usage: slugline config:add KEY=value [KEY2=value2 ...]";
    t.refuses(&[ADD], 2, usage);
    t.refuses(&[ADD, "A=1", MARKER], 2, usage);
    let owned = "VAULT_URL belongs to vault. Remove the add-on to remove it.";
    t.refuses(&[ADD, &secret("VAULT_URL")], 1, owned);
    t.refuses(&["config:remove", "A", "VAULT_URL"], 1, owned);
    t.refuses(&["config:get", "NOPE"], 1, "NOPE is not set.");
    // What looks like an option is not repeated with its value.
    let output = t.env.run([ADD, &format!("--{}", secret("TOKEN"))]).fails(2);
    hides_the_marker(&output);
    t.unchanged(&output);
    t.ends();
}

/// Options may stand behind the config vars too.
#[test]
fn an_option_behind_a_config_var_is_no_config_var() {
    let mut t = Trouble::new(&["myapp", "other"], |_| {});
    let output = t.env.run([ADD, "A=1", "-a", "other"]).success();
    assert!(output.stdout.ends_with(" done, v1\n"), "{output}");
    t.accept();
    t.refuses(
        &[ADD, "A=2", "-a", "other", "--if-current", "v7"],
        1,
        "v7 is not current any more: other runs v1",
    );
}

/// A value of 64 KiB goes through the whole of it, and one byte more through nothing. A word on the
/// command line may be 128 KiB.
///
/// A value with a NUL byte cannot come: no argument and no environment holds one, and config vars
/// are read from nowhere else. That it would be refused is tested with `ConfigValue` in core, and
/// with a plugin's answer in `hostile_plugins.rs`.
#[test]
fn config_vars_are_at_most_64_kib_together() {
    let mut t = Trouble::new(&["myapp"], |_| {});
    let most = 64 * 1024 - "BIG".len();
    let set = |bytes: usize| format!("BIG={}", "x".repeat(bytes));
    let too_large =
        |bytes: usize| format!("config vars would take {bytes} bytes together; the limit is 65536");
    t.refuses(&[ADD, &set(most + 1)], 1, &too_large(65537));
    t.refuses(&[ADD, &set(128 * 1024 - 5)], 1, &too_large(128 * 1024 - 2));
    let got = t.env.run([ADD, &set(most)]).success();
    assert!(got.stdout.ends_with("done, v1\n"), "{got}");
    let value = t.env.run(["config:get", "BIG"]).success().stdout;
    assert!(value == format!("{}\n", "x".repeat(most)));
    t.accept();
    t.refuses(&[ADD, "A="], 1, &too_large(65537));
}

#[test]
fn who_acts_and_on_what_is_checked() {
    let t = past();
    let actor = "an actor is one line of 1 to 254 characters, such as jim@example.com";
    for name in ["", " ", "a\nb", &"x".repeat(255)] {
        t.refuses(&[ADD, "A=2", "--as", name], 1, actor);
    }
    for words in [
        &[ADD, "A=2"][..],
        &["config:remove", "A"],
        &["rollback", "v4"],
        &["deploy", "site"],
        &["addons:upgrade", "vault:large"],
        &["addons:remove", "vault", "--confirm", "myapp"],
    ] {
        let stale = "v4 is not current any more: myapp runs v5";
        t.refuses(&[words, &["--if-current", "v4"]].concat(), 1, stale);
    }
    let why = "\"x\" is not a release: write v40 or 40";
    t.refuses(&[ADD, "A=2", "--if-current", "x"], 1, why);
    // Outside of a repository, nobody knows which app is meant.
    let nobody = t.env.caller().without("SLUGLINE_APP");
    for words in [
        &["releases"][..],
        &[ADD, "A=2"],
        &["rollback"],
        &["deploy"],
        &["git:remote"],
    ] {
        let why = "No app specified.\n\
                   Run this command from an app folder, or say which app: --app NAME";
        t.caller_refuses(&nobody, words, 2, why);
    }
    let why = "This folder is in no git repository.\nBegin one: git init";
    t.refuses(&["git:remote"], 1, why);
}

#[test]
fn variables_that_make_no_sense() {
    let t = past();
    let check = |name: &str, value: &str, words: &[&str], status, lines: &str| {
        let caller = t.env.caller().with(name, value);
        t.caller_refuses(&caller, words, status, lines);
    };
    let now = "SLUGLINE_NOW=tuesday is not a time: failed to parse four digit integer as year: \
               invalid digit, expected 0-9 but got t";
    check("SLUGLINE_NOW", "tuesday", &[ADD, "A=2"], 2, now);
    for port in ["banana", "-1", "65536", "80 80"] {
        let why = format!("SLUGLINE_PORT={port} is not a port: use 0 to 65535");
        check("SLUGLINE_PORT", port, &["serve"], 2, &why);
    }
    let app = "\"No App\" is not a name for an app: use 1 to 30 lower-case letters, digits and \
               dashes, beginning with a letter";
    check("SLUGLINE_APP", "No App", &[ADD, "A=2"], 1, app);
    let actor = "an actor is one line of 1 to 254 characters, such as jim@example.com";
    check("SLUGLINE_ACTOR", " ", &[ADD, "A=2"], 1, actor);
    let mail = "SLUGLINE_SMTP_URL cannot be used: a mail server is written as smtp://host:port, \
                smtp+starttls://user:password@host or smtps://user:password@host";
    let url = format!("smtp://user:{MARKER}@host:port");
    check("SLUGLINE_SMTP_URL", &url, &[ADD, "A=2"], 2, mail);
}

#[test]
fn words_that_are_not_utf_8() {
    let t = past();
    let check = |words: &[&[u8]], place: usize| {
        let mut command = t.env.caller().command("slugline");
        command.args(words.iter().map(|word| OsStr::from_bytes(word)));
        let (status, stdout, stderr) = Background::start(command).ends();
        let expected = marked(&format!("Argument {place} is not UTF-8."));
        assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
        assert_eq!(stderr, expected);
        t.unchanged(&stderr);
    };
    check(&[b"\xff"], 1);
    check(&[b"releases", b"--app", b"my\xffapp"], 3);
    // The value is not shown, not even with the broken byte replaced.
    check(
        &[
            b"config:add",
            format!("S={MARKER}\u{e9}").as_bytes(),
            b"T=\xff",
        ],
        3,
    );
    for name in ["SLUGLINE_HOME", "SLUGLINE_APP", "SLUGLINE_ACTOR"] {
        let mut command = t.env.caller().command("slugline");
        command
            .env(name, OsStr::from_bytes(b"/tmp/\xff"))
            .args([ADD, "A=2"]);
        let (status, _, stderr) = Background::start(command).ends();
        assert_eq!(
            (status, stderr),
            (2, marked(&format!("{name} is not UTF-8.")))
        );
        t.unchanged(&name);
    }
}

#[test]
fn nobody_reads_the_answer() {
    let mut t = past();
    for words in [
        &["releases"][..],
        &["releases", "--json"],
        &["config"],
        &["--help"],
        &["plugins"],
        &["status"],
        &[ADD, "A=2"],
        &["rollback"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = t.env.caller().command("slugline");
        let ran = command
            .args(words)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(0), "{words:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{words:?}: {stderr}");
    }
    // The two that change something did so all the same.
    assert_eq!(trouble::history(&t.env, "myapp").len(), 7);
    t.accept();
}

#[test]
fn homes_that_cannot_be_used() {
    let t = Trouble::new(&["myapp"], |env| env.write_file("file", "no folder"));
    let check = |home: &str, lines: &str| {
        let home = t.placed(home);
        let caller = t.env.caller().with("SLUGLINE_HOME", &home);
        for words in [&["apps"][..], &["releases"], &["status"]] {
            t.caller_refuses(&caller, words, 1, lines);
        }
        for words in [
            &["apps:create", "x"][..],
            &[ADD, "A=1"],
            &["deploy", "site"],
        ] {
            let output = caller.run(words).fails(1);
            assert!(output.stderr.contains(&home), "{output}");
            t.unchanged(&output);
        }
    };
    check(
        "$WORK/file",
        "the ledger cannot be used: Not a directory (os error 20)\nIts home is $WORK/file",
    );
    check(
        "$WORK/file/below",
        "the ledger cannot be used: Not a directory (os error 20)\nIts home is $WORK/file/below",
    );
    // Nobody can write there, not even root.
    check(
        "/proc/slugline",
        "the ledger cannot be used: No such file or directory (os error 2)\n\
         Its home is /proc/slugline",
    );
    let homeless = t.env.caller().without("SLUGLINE_HOME").without("HOME");
    let why = "There is nowhere to keep things: set SLUGLINE_HOME to a folder.";
    t.caller_refuses(&homeless, &["apps"], 2, why);
}

/// Whichever command comes first: it holds config vars and code.
#[test]
fn a_new_home_is_its_owners_alone() {
    for words in [&["apps"][..], &["apps:create", "x"], &["status"]] {
        let env = TestEnvironment::new();
        let help = env.run([words, &["--help"]].concat());
        does(&help);
        assert!(!env.home().exists(), "{help}");
        does(&env.run(words));
        let home = std::fs::metadata(env.home()).unwrap();
        assert_eq!(home.permissions().mode() & 0o777, 0o700, "{words:?}");
    }
}

/// The app whose slug is gone does not run; all others do, and new code brings it back.
#[test]
fn a_slug_that_is_gone_is_missed_by_its_own_app_alone() {
    let mut t = Trouble::new(&["myapp", "other"], |env| {
        does(&env.run(["deploy", "site"]));
        env.write_file("lost/index.html", "lost page");
        does(&env.run(["deploy", "lost", "--app", "other"]));
        does(&env.run(["serve", "--stop"]));
    });
    let slugs = files(&t.env.home().join("slugs"));
    let unpacked = |slug: &std::path::PathBuf| {
        let bytes = std::fs::read(slug).unwrap();
        String::from_utf8_lossy(&bytes).contains("lost page")
    };
    let lost: Vec<_> = slugs.iter().filter(|slug| unpacked(slug)).collect();
    assert_eq!(lost.len(), 1, "{slugs:?}");
    std::fs::remove_file(lost[0]).unwrap();
    does(&t.env.run(["restart"]));
    t.serves("myapp", "first page");
    let why = format!(
        "the slug cannot be unpacked: \"{}\" is not in the store",
        lost[0].display()
    );
    t.refuses(&["restart", "--app", "other"], 1, &why);
    let log = std::fs::read_to_string(t.env.home().join("logs/serve.out.log")).unwrap();
    assert!(log.contains(" !    It does not run.\n"), "{log}");
    t.accept();
    t.env.write_file("lost/index.html", "found page");
    does(&t.env.run(["deploy", "lost", "--app", "other"]));
    t.serves("other", "found page");
    t.serves("myapp", "first page");
}

/// The ledger's file as it was, whatever was put in its place meanwhile.
fn with_ledger(t: &Trouble, change: impl FnOnce(&mut Vec<u8>), lines: &str) {
    let path = t.env.home().join("ledger.db");
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    change(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    for words in [
        &["apps"][..],
        &["releases"],
        &["config"],
        &[ADD, "A=2"],
        &["rollback"],
        &["apps:create", "x"],
        &["deploy", "site"],
        &["serve"],
        &["status"],
    ] {
        let output = t.env.run(words);
        assert_eq!(output.stderr, marked(&t.placed(lines)), "{output}");
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output}");
        let now = std::fs::read(&path).unwrap();
        assert!(now == bytes, "{words:?} wrote to the ledger");
    }
    std::fs::write(&path, whole).unwrap();
    t.unchanged(&lines);
}

#[test]
fn ledgers_that_cannot_be_read() {
    let t = Trouble::new(&["myapp"], |env| {
        does(&env.run([ADD, &format!("SECRET={MARKER}")]));
    });
    let garbage = "the ledger holds something that cannot be read: the database file is damaged\n\
                   Its home is $HOME";
    with_ledger(&t, |bytes| bytes.fill(b'x'), garbage);
    // Its first line is whole, and nothing behind it.
    with_ledger(&t, |bytes| bytes[100..].fill(0xa5), garbage);
    // `user_version`, as SQLite's file format lays it out: four bytes from byte 60 on.
    let newer =
        "the ledger is of format 999; this Slugline reads up to 12\nInstall a newer Slugline.";
    let version = |bytes: &mut Vec<u8>| bytes[60..64].copy_from_slice(&999u32.to_be_bytes());
    with_ledger(&t, version, newer);
}

#[test]
fn a_port_that_is_taken() {
    let t = Trouble::new(&["myapp"], |_| {});
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let caller = t.env.caller().with("SLUGLINE_PORT", &port);
    let why = format!(
        "port {port} is in use by another program\n\
         Choose another: slugline serve --port N, or SLUGLINE_PORT=N"
    );
    t.caller_refuses(&caller, &["serve"], 1, &why);
    t.refuses(&["serve", "--port", &port], 1, &why);
    let why = format!("`slugline serve` cannot be started in the background: {why}");
    t.caller_refuses(&caller, &["deploy", "site"], 1, &why);
    let nonsense = t.env.caller().with("SLUGLINE_PORT", "banana");
    let why = "`slugline serve` cannot be started in the background: SLUGLINE_PORT=banana is not a \
               port: use 0 to 65535";
    t.caller_refuses(&nonsense, &["deploy", "site"], 1, why);
    drop(taken);
    does(&caller.run(["deploy", "site"]));
    let output = t.env.run(["serve"]).fails(1);
    assert!(output.stderr.contains("already (process "), "{output}");
    t.serves("myapp", "first page");
}

/// A manifest that is wrong stops every command that would ask a plugin, and harms nothing.
#[test]
fn plugins_that_are_written_wrongly() {
    let t = past();
    let head = "name: odd\nversion: 1.0.0\napi: 1\nsummary: Odd.\nentry: init.lua\n";
    let check = |manifest: &str, lines: &str| {
        t.install("odd", manifest, "");
        let outputs = [
            &[ADD, "A=2"][..],
            &["rollback"],
            &["addons:plans", "vault"],
            &["plugins"],
        ]
        .map(|words| t.env.run(words));
        t.uninstall("odd");
        for output in outputs {
            assert_eq!(output.stdout, "", "{output}");
            t.is_refusal(&output, 1, lines);
        }
    };
    let at = |place: &str| format!("$HOME/plugins/odd/plugin.yaml:{place}");
    check(
        &format!("{head}hoks: [release.check]\n"),
        &at("6:1: unknown key hoks; did you mean hooks?\n   6 | hoks: [release.check]\n     | ^"),
    );
    check(
        &format!("{head}hooks: [release.chek]\n"),
        &at(
            "6:9: hooks[0]: there is no hook \"release.chek\"; a plugin can listen to \
             release.check, billing.check, rollback.check, release.watch, release.created, \
             release.failed, addon.changed\n   6 | hooks: [release.chek]\n     |         ^",
        ),
    );
    check(
        &format!("{head}summary: Odder.\n"),
        &at("6:1: the key summary is there twice\n   6 | summary: Odder.\n     | ^"),
    );
    check(
        &head.replace("api: 1", "api: 7"),
        &at(
            "3:6: this Slugline speaks version 1 of the plugin API, and the plugin wants 7\n   \
             3 | api: 7\n     |      ^",
        ),
    );
    check(
        &head.replace("odd", "memcache"),
        "two plugins are named memcache: embedded and $HOME/plugins/odd; remove one of them",
    );
    check(
        &format!(
            "{head}addons: {{ vault: {{ default: free, plans: {{ free: {{ price: free }} }} }} }}\n"
        ),
        "odd and vault both provide vault; remove one of them",
    );
}

/// What a remote said of a push, without git's own words.
fn remote(output: &Output) -> Vec<&str> {
    let said = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote: "));
    said.map(str::trim_end).collect()
}

/// A repository with the site on `main`, pushed, and a branch for each thing that is wrong.
fn repository() -> Trouble {
    let mut t = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run([ADD, &format!("SECRET={MARKER}")]));
        does(&env.git(["init", "--quiet", "--initial-branch=main"]));
        does(&env.run(["git:remote"]));
        commit(env, "main", &[("index.html", "first page")]);
        does(&env.git(["push", "--quiet", "slugline", "main"]));
    });
    t.accept();
    t
}

/// Commits these files alone on a branch that begins at `main`.
fn commit(env: &TestEnvironment, branch: &str, contents: &[(&str, &str)]) {
    if branch != "main" {
        does(&env.git(["checkout", "--quiet", "-b", branch, "main"]));
        does(&env.git(["rm", "--quiet", "-r", "."]));
    }
    for (path, text) in contents {
        env.write_file(path, text);
        does(&env.git(["add", path]));
    }
    does(&env.git(["commit", "--quiet", "-m", branch]));
}

#[test]
fn pushes_that_are_rejected() {
    let t = repository();
    let env = &t.env;
    commit(
        env,
        "procfile",
        &[("Procfile", "web: fine\nthis is no line\n")],
    );
    commit(env, "unknown", &[("readme", "nothing to run")]);
    commit(
        env,
        "fails",
        &[("app.py", "print()"), ("Pipfile", "[packages]\n")],
    );
    commit(env, "crashes", &[("Procfile", "web: exit 7\n")]);
    does(&env.git(["tag", "stable", "main"]));
    let refs = || env.git(["ls-remote", "slugline"]).success().stdout;
    let before = refs();
    let check = |what: &[&str], lines: &str| {
        let output = env.git([&["push", "slugline"], what].concat());
        hides_the_marker(&output);
        let said: Vec<_> = remote(&output)
            .into_iter()
            .filter(|line| line.starts_with(" ! "))
            .collect();
        assert_eq!(said.join("\n") + "\n", marked(lines), "{output}");
        assert_eq!(output.status, 1, "{output}");
        assert_eq!(refs(), before, "{output}");
    };
    let other = |name: &str| {
        format!(
            "myapp is deployed by a push to main or master, not to {name}\n\
             Deploy what you have checked out: git push slugline HEAD:main"
        )
    };
    check(&["main:topic"], &other("topic"));
    check(&["stable"], &other("refs/tags/stable"));
    check(&["unknown:main", "main:topic"], &other("topic"));
    check(
        &["unknown:main", "main:master"],
        "Push one branch at a time: main or master",
    );
    check(&[":main"], "main deploys myapp and cannot be deleted");
    check(
        &["procfile:main"],
        "Procfile line 2: write it as `type: command`, such as `web: python3 app.py`",
    );
    let none = "no buildpack recognises this app; there are: python, node, static, procfile";
    check(&["unknown:main"], none);
    check(
        &["fails:main"],
        " A Pipfile is not read. Write a requirements.txt from it:\n   \
         pipenv requirements > requirements.txt\n\
         the Python buildpack failed (exit status 1); nothing has been changed",
    );
    t.ends();
    // This one compiles. It has a number, and its place in the history.
    check(
        &["crashes:main"],
        "v3 failed: web.1 exited with status 7\nv2 runs on, unchanged.",
    );
    assert_eq!(trouble::history(env, "myapp")[2], (3, "failed".to_owned()));
    t.serves("myapp", "first page");
    t.logs_hide_the_marker();
}

#[test]
fn folders_that_cannot_be_deployed() {
    let t = Trouble::serving();
    let env = &t.env;
    let check = |lines: &str| {
        t.refuses(&["deploy", "odd"], 1, lines);
        std::fs::remove_dir_all(env.work().join("odd")).unwrap();
    };
    t.refuses(
        &["deploy", "/nonexistent"],
        1,
        "/nonexistent cannot be deployed: No such file or directory (os error 2)",
    );
    t.refuses(
        &["deploy", "site", "--commit", "zzz"],
        1,
        "a commit is written as 7 to 64 lower-case hexadecimal digits",
    );
    env.write_file("odd/readme", "nothing to run");
    check("no buildpack recognises this app; there are: python, node, static, procfile");
    for (procfile, why) in [
        (
            "web\n",
            "line 1: write it as `type: command`, such as `web: python3 app.py`",
        ),
        ("web: a\n\nweb: b\n", "line 3: web is there a second time"),
        ("web:\n", "line 1: web has no command"),
        (
            "we b: a\n",
            "line 1: \"we b\" is not a process type: use 1 to 40 letters, digits, _ and -",
        ),
    ] {
        env.write_file("odd/Procfile", procfile);
        check(&format!("Procfile {why}"));
    }
    for target in ["/etc/passwd", "../../secret"] {
        env.write_file("odd/index.html", "");
        std::os::unix::fs::symlink(target, env.work().join("odd/link")).unwrap();
        let why = format!("\"link\" is a link to {target}, which is outside the app");
        check(&format!("odd cannot be deployed: {why}"));
    }
    env.write_file("odd/index.html", "");
    let fifo = env.work().join("odd/pipe");
    let made = env.caller().command("mkfifo").arg(fifo).status().unwrap();
    assert!(made.success());
    check("odd cannot be deployed: \"pipe\" is neither a file, a folder nor a link");
    t.serves("myapp", "first page");
    left_nothing(&t);
}

/// Only what the app runs is in the store, and nothing half-done.
fn left_nothing(t: &Trouble) {
    let home = t.env.home();
    assert_eq!(files(&home.join("slugs")).len(), 1);
    let scratch = std::fs::read_dir(home.join("build")).unwrap().count();
    assert_eq!(scratch, 0, "a build left its folder");
    let name = |file: &std::path::PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    let partial: Vec<_> = files(&home)
        .into_iter()
        .filter(|file| name(file).starts_with(".new-"))
        .collect();
    assert!(partial.is_empty(), "{partial:?}");
}

/// One entry of a tarball: its name, its type as the format writes it, what it links to, its text.
type Entry<'a> = (&'a str, u8, &'a str, &'a str);

const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const LINK: u8 = b'2';
const DEVICE: u8 = b'3';
const FIFO: u8 = b'6';

/// A tarball with entries that no program would write.
fn tarball(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, target, text) in entries {
        let mut header = [0u8; 512];
        let mut put =
            |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(124, &format!("{:011o}\0", text.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(157, target);
        put(257, "ustar\x0000");
        header[156] = *kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend(header);
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn tarballs_that_cannot_be_deployed() {
    let t = Trouble::serving();
    let home = t.env.folder().to_owned();
    let before = files(&home.join("work")).len();
    let page: Entry<'_> = ("index.html", FILE, "", "a page");
    let check = |entries: &[Entry<'_>], why: &str| {
        let all: Vec<Entry<'_>> = std::iter::once(page)
            .chain(entries.iter().copied())
            .collect();
        t.env.write_file("odd.tar", tarball(&all));
        let lines = format!("odd.tar cannot be deployed: {why}");
        t.refuses(&["deploy", "odd.tar"], 1, &lines);
    };
    let up = "has a step .. in it, which could leave the app";
    check(&[("../evil", FILE, "", "x")], &format!("\"../evil\" {up}"));
    check(
        &[("a/../../evil", FILE, "", "x")],
        &format!("\"a/../../evil\" {up}"),
    );
    check(
        &[("/etc/evil", FILE, "", "x")],
        "\"/etc/evil\" is an absolute path",
    );
    check(
        &[("l", LINK, "/etc/passwd", "")],
        "\"l\" is a link to /etc/passwd, which is outside the app",
    );
    check(
        &[("d/l", LINK, "../../x", "")],
        "\"d/l\" is a link to ../../x, which is outside the app",
    );
    check(
        &[("a", LINK, "b", ""), ("b", LINK, "../..", "")],
        "\"a\" is a link to b, which is outside the app",
    );
    check(
        &[("l", LINK, ".", ""), ("l/x", FILE, "", "x")],
        "\"l/x\" goes through a link",
    );
    check(
        &[("h", HARD_LINK, "/etc/passwd", "")],
        "\"h\" is an absolute path",
    );
    check(
        &[("h", HARD_LINK, "nowhere", "")],
        "\"h\" is a hard link to what is no file before it",
    );
    check(
        &[("null", DEVICE, "", "")],
        "\"null\" is neither a file, a folder nor a link",
    );
    check(
        &[("p", FIFO, "", "")],
        "\"p\" is neither a file, a folder nor a link",
    );
    check(
        &[("index.html", FILE, "", "x")],
        "\"index.html\" is there twice",
    );
    // The same tarball without the odd entries is one that can be.
    assert_eq!(
        files(&home.join("work")).len(),
        before + 1,
        "something was written elsewhere"
    );
    left_nothing(&t);
    t.env.write_file("odd.tar", tarball(&[page]));
    does(&t.env.run(["deploy", "odd.tar"]));
    t.serves("myapp", "a page");
}

#[test]
fn what_is_no_tarball_cannot_be_deployed() {
    let t = Trouble::serving();
    for (bytes, why) in [
        (&b""[..], "the archive cannot be read: it is empty"),
        (
            b"no tarball",
            "the archive cannot be read: failed to read entire block",
        ),
    ] {
        t.env.write_file("odd.tar", bytes);
        t.refuses(
            &["deploy", "odd.tar"],
            1,
            &format!("odd.tar cannot be deployed: {why}"),
        );
    }
    left_nothing(&t);
    t.ends();
}
