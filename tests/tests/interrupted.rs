//! Commands that are given up with Ctrl-C, told to end, or killed: what they had begun is finished or
//! undone, at once or by `serve`, and everybody is told (S31); and those who wait for them (S33).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use slugline_core::app::AppName;
use slugline_core::port::Ledger;
use slugline_ledger::SqliteLedger;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use trouble::{Background, Gate, Trouble, alive, does, history, marked};

/// A provider that makes its resource known at once, and never answers.
const STUCK: &str = "\
local addon = slugline.addon('stuck')
function addon.provision(request)
  slugline.store.set(request.id, 'made')
  while true do end
end
function addon.change_plan(request) return {} end
function addon.deprovision(request)
  slugline.store.delete(request.id)
end
";

const STUCK_MANIFEST: &str = "\
name: stuck
version: 1.0.0
api: 1
summary: Never answers.
entry: init.lua
permissions: { store: true }
addons:
  stuck:
    default: free
    config: []
    plans: { free: { price: free } }
";

fn ledger(env: &TestEnvironment) -> SqliteLedger {
    SqliteLedger::open(&env.home()).unwrap()
}

fn myapp() -> AppName {
    AppName::new("myapp").unwrap()
}

#[track_caller]
fn check_signal(signal: &str, status: i32) {
    let t = Trouble::serving();
    let env = &t.env;
    let gate = Gate::new(env, "slow", "never seen");
    let slow = Background::slugline(&env.caller(), &["deploy", "slow"]);
    let dead = gate.arrived(1);
    slow.signal(signal);
    let (ended, _, stderr) = slow.ends();
    let said = " !    An operation was interrupted: v3 is marked as failed.\n";
    assert!(stderr.ends_with(said), "{stderr}");
    assert_eq!(ended, status, "{stderr}");
    assert_eq!(history(env, "myapp")[2], (3, "failed".to_owned()));
    wait_until("the end of the dead release's processes", || {
        !dead.iter().any(|pid| alive(*pid))
    });
    t.serves("myapp", "first page");
    let next = env.run(["config:add", "AFTER=1"]).success();
    assert!(next.stdout.contains("done, v4"), "{next}");
    assert_eq!(next.stderr, "", "nothing was left to do: {next}");
}

#[test]
fn a_change_is_given_up_at_ctrl_c() {
    check_signal("INT", 130);
}

#[test]
fn a_change_is_given_up_when_it_is_told_to_end() {
    check_signal("TERM", 143);
}

#[test]
fn a_change_is_given_up_when_its_terminal_goes() {
    check_signal("HUP", 129);
}

/// Begins to add the add-on that never answers.
fn stuck(t: &Trouble) -> Background {
    t.install("stuck", STUCK_MANIFEST, STUCK);
    let adding = Background::slugline(&t.env.caller(), &["addons:add", "stuck"]);
    wait_until("the resource that the provider has made", || made(t) == 1);
    adding
}

/// How many resources the provider has.
fn made(t: &Trouble) -> usize {
    let key = slugline_ledger::KeySource::File;
    let store = slugline_ledger::PluginStore::open(&t.env.home(), key).unwrap();
    store.list("stuck", "").unwrap().len()
}

#[test]
fn what_a_provider_had_begun_is_taken_back_at_ctrl_c() {
    let t = Trouble::serving();
    let adding = stuck(&t);
    adding.signal("INT");
    let (status, _, stderr) = adding.ends();
    let said = " !    An operation was interrupted: stuck was taken back.\n";
    assert!(stderr.ends_with(said), "{stderr}");
    assert_eq!((status, made(&t)), (130, 0));
    t.ends();
}

#[test]
fn the_next_command_takes_back_what_a_killed_one_had_begun_and_says_so() {
    // No daemon is there that could be faster.
    let t = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
    });
    stuck(&t).kill();
    assert_eq!(ledger(&t.env).journal(&myapp()).unwrap().len(), 1);
    let next = t.env.run(["config:add", "A=1"]).success();
    let said = "An operation was interrupted: stuck was taken back.\n";
    assert_eq!(next.stderr, said, "{next}");
    assert_eq!(
        (ledger(&t.env).journal(&myapp()).unwrap().len(), made(&t)),
        (0, 0)
    );
    assert_eq!(history(&t.env, "myapp"), [(1, "succeeded".to_owned())]);
}

#[test]
fn serve_takes_back_what_a_killed_command_had_begun() {
    let t = Trouble::serving();
    stuck(&t).kill();
    wait_until("the end of what was begun", || {
        ledger(&t.env).journal(&myapp()).unwrap().is_empty()
    });
    assert_eq!(made(&t), 0);
    t.ends();
}

#[test]
fn serve_marks_a_release_as_failed_whose_command_was_killed() {
    let t = Trouble::serving();
    let gate = Gate::new(&t.env, "slow", "never seen");
    let slow = Background::slugline(&t.env.caller(), &["deploy", "slow"]);
    gate.arrived(1);
    slow.kill();
    wait_until("the release that failed", || {
        history(&t.env, "myapp").last() == Some(&(3, "failed".to_owned()))
    });
    t.serves("myapp", "first page");
}

/// A web server that refuses the first request with 500, and takes the second.
fn grudging() -> (u16, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (taken, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for status in ["500 No", "200 OK"] {
            let (mut peer, _) = listener.accept().unwrap();
            let lines = BufReader::new(peer.try_clone().unwrap()).lines();
            let head = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            head.for_each(drop);
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            peer.write_all(answer.as_bytes()).unwrap();
        }
        let _ = taken.send(());
    });
    (port, hears)
}

#[test]
fn serve_delivers_later_what_could_not_be_delivered() {
    let (port, taken) = grudging();
    let t = Trouble::new(&["myapp"], |env| {
        does(&env.run(["addons:add", "releases:advanced"]));
        let url = format!("--url=http://127.0.0.1:{port}/");
        does(&env.run(["addons:add", "deployhooks:http", &url]));
    });
    let told = t.env.run(["deploy", "site"]).success();
    assert!(told.stderr.contains("It is tried again"), "{told}");
    let waiting = ledger(&t.env).outbox(&myapp()).unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0].attempts, 1, "{waiting:?}");
    does(&t.env.run(["serve", "--stop"]));
    // A day later the daemon is started again.
    does(&t.env.at("2030-01-01T00:00:00Z").run(["restart"]));
    taken
        .recv_timeout(slugline_testkit::environment::PATIENCE)
        .unwrap();
    wait_until("an empty outbox", || {
        ledger(&t.env).outbox(&myapp()).unwrap().is_empty()
    });
}

#[test]
fn who_does_not_wait_is_refused_and_who_waits_sees_for_how_long() {
    let t = Trouble::serving();
    let env = &t.env;
    let gate = Gate::new(env, "slow", "second page");
    let slow = Background::slugline(&env.by("slow@example.com"), &["deploy", "slow"]);
    gate.arrived(1);
    let output = env.run(["config:add", "A=1", "--no-wait"]);
    let commit = output.stderr.split("Deploy ").nth(1).unwrap_or_default();
    let commit = commit.get(..7).unwrap_or_default();
    let refusal = format!(
        "the app is being changed by slow@example.com: Deploy {commit}, 0s\n\
         Without --no-wait it is waited for."
    );
    assert_eq!(output.stderr, marked(&refusal), "{output}");
    assert_eq!(output.status, 1, "{output}");
    let later = env.at("2030-01-01T00:00:00Z");
    let mut waits = Background::slugline(&later, &["config:add", "A=1"]);
    let line = waits.line();
    assert!(
        line.starts_with("Waiting for slow@example.com: Deploy "),
        "{line}"
    );
    assert!(line.ends_with('h'), "{line}");
    // Whoever only waits has begun nothing.
    waits.signal("INT");
    let (status, _, stderr) = waits.ends();
    assert!(
        stderr.ends_with(" !    Interrupted. Nothing is left half-done.\n"),
        "{stderr}"
    );
    assert_eq!(status, 130);
    gate.pass();
    slow.succeeds();
    t.serves("myapp", "second page");
}

/// What a command starts while it watches for signals, the daemon above all, hears them: a daemon
/// that did not would be waited for until it is killed.
#[test]
fn what_a_command_starts_hears_every_signal() {
    let t = Trouble::serving();
    let status = t.env.run(["status", "--json"]).success().json();
    let pid = status["pid"].as_u64().unwrap();
    let read = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let blocked = read.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    assert_eq!(blocked.map(str::trim), Some("0000000000000000"), "{read}");
}
