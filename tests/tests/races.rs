//! Many commands at once, and commands that are killed: numbers without a gap, nothing lost, nobody
//! waits for another app, and the next command works (S1, S31, S33). It must not know how apps are
//! locked.

mod trouble;

use std::collections::BTreeSet;
use std::path::PathBuf;

use slugline_testkit::environment::{TestEnvironment, wait_until};
use trouble::{Background, Gate, Trouble, alive, does, history};

/// So many commands at once.
const MANY: usize = 64;

/// The number of the release that a command says it made.
#[track_caller]
fn made(stdout: &str) -> u64 {
    let number = stdout
        .rsplit_once(" done, v")
        .map(|(_, rest)| rest.lines().next());
    let number = number.flatten().and_then(|text| text.parse().ok());
    assert!(number.is_some(), "no release was made:\n{stdout}");
    number.unwrap_or_default()
}

/// Starts one command for each line of words, all at once.
fn all_at_once(env: &TestEnvironment, commands: &[Vec<String>]) -> Vec<Background> {
    let start = |words: &Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Background::slugline(&env.caller(), &words)
    };
    commands.iter().map(start).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn changes_of_one_app_at_once_get_numbers_without_a_gap() {
    let t = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
    });
    let add = |i: usize| words(&["config:add", &format!("K{i}=value {i}")]);
    let commands: Vec<_> = (1..=MANY).map(add).collect();
    let running = all_at_once(&t.env, &commands);
    let numbers: BTreeSet<u64> = running
        .into_iter()
        .map(|one| made(&one.succeeds()))
        .collect();
    let expected: Vec<u64> = (1..=MANY as u64).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), expected);
    let rows = history(&t.env, "myapp");
    assert_eq!(
        rows,
        expected
            .iter()
            .map(|n| (*n, "succeeded".to_owned()))
            .collect::<Vec<_>>()
    );
    let config = t.env.run(["config", "--json"]).json();
    for i in 1..=MANY {
        assert_eq!(config[format!("K{i}")], format!("value {i}"));
    }
    // Each release holds what the one before held, and one var more.
    for version in [1, MANY / 2, MANY] {
        let info = t
            .env
            .run(["releases:info", &format!("v{version}"), "--shell"]);
        assert_eq!(info.stdout.lines().count(), version, "{info}");
    }
}

#[test]
fn changes_of_many_apps_at_once_do_not_wait_for_each_other() {
    let env = TestEnvironment::new();
    let names: Vec<String> = (1..=MANY).map(|i| format!("app-{i}")).collect();
    let each = |make: &dyn Fn(&str) -> Vec<String>| -> Vec<_> {
        let commands: Vec<_> = names.iter().map(|name| make(name)).collect();
        all_at_once(&env, &commands)
    };
    let created = each(&|name| words(&["apps:create", name, "--no-remote"]));
    created.into_iter().for_each(|one| drop(one.succeeds()));
    let listed = env.run(["apps", "--json"]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(MANY));
    let set = each(&|name| words(&["config:add", &format!("NAME={name}"), "--app", name]));
    for one in set {
        let (status, stdout, stderr) = one.ends();
        assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
        assert_eq!(made(&stdout), 1);
    }
    for name in names {
        let got = env.run(["config:get", "NAME", "--app", &name]);
        assert_eq!(got.stdout, format!("{name}\n"));
    }
}

#[test]
fn what_can_be_there_once_is_there_once() {
    let env = TestEnvironment::new();
    let check = |words: &[&str], refusal: &str| {
        let commands = vec![words.iter().map(|word| (*word).to_owned()).collect(); 8];
        let ended = all_at_once(&env, &commands)
            .into_iter()
            .map(Background::ends);
        let (good, bad): (Vec<_>, Vec<_>) = ended.partition(|(status, ..)| *status == 0);
        assert_eq!(good.len(), 1, "{good:?}");
        for (status, _, stderr) in bad {
            assert_eq!(status, 1, "{stderr}");
            assert!(stderr.contains(refusal), "{stderr}");
        }
    };
    let create = ["apps:create", "myapp", "--no-remote"];
    check(&create, " !    there is already an app myapp\n");
    does(&env.run(["addons:add", "releases:advanced"]));
    let url = "--url=http://127.0.0.1:9/";
    check(
        &["addons:add", "deployhooks:http", url],
        " !    deployhooks add-on already added.\n",
    );
    assert_eq!(history(&env, "myapp"), [(1, "succeeded".to_owned())]);
}

/// While one app is held by a launch that takes its time, everything about other apps goes on, and
/// whatever only looks at the app itself too. A change of the same app says for whom it waits.
#[test]
fn a_slow_change_holds_up_only_its_own_app() {
    let t = Trouble::new(&["myapp", "other"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        does(&env.run(["deploy", "site"]));
        does(&env.run(["deploy", "site", "--app", "other"]));
    });
    let env = &t.env;
    let gate = Gate::new(env, "slow", "second page");
    let mut slow = Background::slugline(&env.by("slow@example.com"), &["deploy", "slow"]);
    gate.arrived(1);
    for words in [
        &["config:add", "A=1"][..],
        &["addons:add", "releases:basic"],
        &["deploy", "site", "--commit", "0123456"],
        &["rollback"],
        &["restart"],
        &["apps:create", "third", "--no-remote"],
        &["apps:destroy", "--confirm", "other"],
    ] {
        does(&env.caller().with("SLUGLINE_APP", "other").run(words));
    }
    for words in [
        &["releases"][..],
        &["config"],
        &["info"],
        &["ps"],
        &["status"],
    ] {
        does(&env.run(words));
    }
    t.serves("myapp", "first page");
    let mut waiting = Background::slugline(&env.caller(), &["config:add", "A=1"]);
    let line = waiting.line();
    assert!(
        line.starts_with("Waiting for slow@example.com: Deploy "),
        "{line}"
    );
    assert!(slow.runs() && waiting.runs(), "one of them did not wait");
    gate.pass();
    gate.pass();
    assert_eq!(made(&slow.succeeds()), 2);
    assert_eq!(made(&waiting.succeeds()), 3);
    t.serves("myapp", "second page");
}

#[test]
fn two_deploys_at_once_are_two_releases() {
    let t = Trouble::serving();
    let env = &t.env;
    let gate = Gate::new(env, "one", "page one");
    let first = Background::slugline(&env.by("first@example.com"), &["deploy", "one"]);
    gate.arrived(1);
    env.write_file("two/index.html", "page two");
    let mut second = Background::slugline(&env.caller(), &["deploy", "two"]);
    let line = second.line();
    assert!(
        line.starts_with("Waiting for first@example.com: Deploy "),
        "{line}"
    );
    gate.pass();
    assert_eq!(made(&first.succeeds()), 3);
    assert_eq!(made(&second.succeeds()), 4);
    t.serves("myapp", "page two");
}

/// The processes that run this test's own binary as a daemon.
fn daemons(env: &TestEnvironment) -> Vec<u32> {
    let home = format!("SLUGLINE_HOME={}", env.home().display());
    let of_home = |pid: &u32| {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let has = |bytes: Vec<u8>, text: &str| {
            bytes
                .split(|byte| *byte == 0)
                .any(|word| word == text.as_bytes())
        };
        has(read("cmdline"), "serve") && has(read("environ"), &home)
    };
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(of_home).collect()
}

#[test]
fn commands_that_all_need_the_daemon_start_one() {
    let apps = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let t = Trouble::new(&apps, |_| {});
    assert_eq!(daemons(&t.env), Vec::<u32>::new());
    let deploy = |app: &&str| words(&["deploy", "site", "--app", app]);
    let commands: Vec<_> = apps.iter().map(deploy).collect();
    for one in all_at_once(&t.env, &commands) {
        assert_eq!(made(&one.succeeds()), 1);
    }
    let status = t.env.run(["status", "--json"]).json();
    let pid = status["pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok());
    assert_eq!(daemons(&t.env), Vec::from_iter(pid));
    for app in apps {
        t.serves(app, "first page");
    }
}

/// `kill -9` of a command while its release starts (S31).
#[test]
fn a_launch_that_is_killed_is_found_by_the_next_command() {
    let t = Trouble::serving();
    let env = &t.env;
    let gate = Gate::new(env, "slow", "never seen");
    let slow = Background::slugline(&env.caller(), &["deploy", "slow"]);
    let dead = gate.arrived(1);
    slow.kill();
    wait_until("the end of the dead release's processes", || {
        !dead.iter().any(|pid| alive(*pid))
    });
    t.serves("myapp", "first page");
    let output = env.run(["config:add", "AFTER=1"]);
    assert_eq!(made(&output.stdout), 4, "{output}");
    let rows = history(env, "myapp");
    let statuses: Vec<_> = rows
        .iter()
        .map(|(n, status)| (*n, status.as_str()))
        .collect();
    let (good, failed) = ("succeeded", "failed");
    assert_eq!(statuses, [(1, good), (2, good), (3, failed), (4, good)]);
    let listed = env.run(["releases"]);
    assert!(listed.stdout.contains("(failed)"), "{listed}");
    t.serves("myapp", "first page");
    // What the dead release was unpacked into is gone at the latest when the daemon starts anew.
    does(&env.run(["serve", "--stop"]));
    does(&env.run(["restart"]));
    t.serves("myapp", "first page");
    wait_until("the end of all trees but one", || trees(env).len() == 1);
}

/// `kill -9` of the daemon while a release starts: all processes go with it, the command says so,
/// and the next one starts a daemon that runs what was current.
#[test]
fn a_daemon_that_is_killed_in_a_launch_takes_no_release_with_it() {
    let t = Trouble::serving();
    let env = &t.env;
    let gate = Gate::new(env, "slow", "never seen");
    let slow = Background::slugline(&env.caller(), &["deploy", "slow"]);
    let dead = gate.arrived(1);
    let daemon = daemons(env);
    assert_eq!(daemon.len(), 1, "{daemon:?}");
    let mut kill = env.caller().command("sh");
    let killed = kill
        .args(["-c", &format!("kill -9 {}", daemon[0])])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    let (status, _, stderr) = slow.ends();
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.starts_with(" !    "), "{stderr}");
    wait_until("the end of all processes of the daemon", || {
        !dead.iter().chain(&daemon).any(|pid| alive(*pid))
    });
    let output = env.run(["config:add", "AFTER=1"]);
    assert_eq!(made(&output.stdout), 4, "{output}");
    assert_eq!(history(env, "myapp")[2], (3, "failed".to_owned()));
    t.serves("myapp", "first page");
}

/// The folders that releases of `myapp` run in.
fn trees(env: &TestEnvironment) -> Vec<PathBuf> {
    let found = std::fs::read_dir(env.home().join("run/myapp"));
    found
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
