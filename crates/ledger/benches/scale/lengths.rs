//! What operations read and write in a history of a hundred releases and in one of a million. It must
//! not know how a history is kept.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use slugline_core::corridor::Request;
use slugline_core::operation::rollback::Rollback;
use slugline_core::port::{Ledger, NewRelease};
use slugline_core::query;
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::retention;
use slugline_ledger::SqliteLedger;
use slugline_testkit::idle::Idle;
use slugline_testkit::values::{NOON, actor, config_add, name, release, succeeded, v};
use tempfile::TempDir;

use super::{cheap, folder, in_turns, ledger, nth_state, row, shown, timed};

const VARS: u64 = 20;
const SHORT: u64 = 100;

/// Copies a home that nobody uses.
fn copy(from: &Path, to: &Path) {
    for file in ["ledger.db", "ledger.key"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
        // What the disk is still busy with would be waited for by what is measured.
        let copied = std::fs::File::open(to.join(file)).unwrap();
        copied.sync_all().unwrap();
    }
    std::fs::create_dir_all(to.join("locks")).unwrap();
}

/// A short and a long history, on the disk.
fn histories(long: u64) -> [(u64, TempDir); 2] {
    let memory = cheap();
    let mut filled = 0;
    [SHORT, long].map(|length| {
        let ledger = match filled {
            0 => ledger(memory.path()),
            _ => SqliteLedger::open(memory.path()).unwrap(),
        };
        for nth in filled..length {
            release(&ledger, "shop", &config_add("VAR_1"), &nth_state(nth, VARS));
            if nth % 100_000 == 99_999 {
                eprintln!("{} releases …", nth + 1);
            }
        }
        filled = length;
        // The last one to close a ledger leaves all of it in the one file.
        drop(ledger);
        let home = folder();
        copy(memory.path(), home.path());
        (length, home)
    })
}

/// A ledger, and how many releases have been made in it.
struct Side {
    ledger: SqliteLedger,
    made: Cell<u64>,
}

impl Side {
    fn next(&self) -> u64 {
        self.made.set(self.made.get() + 1);
        self.made.get()
    }

    /// What a rollback to the release before asks and writes, but for the process that is started.
    fn rollback(&self) {
        let (idle, shop, jim) = (Idle::default(), name("shop"), actor("jim@example.com"));
        let request = Request {
            app: &shop,
            actor: &jim,
            confirmed: false,
            if_current: None,
            wait: true,
        };
        let engine = idle.engine(&self.ledger);
        let planned = engine.dry_run(&request, &Rollback::default()).unwrap();
        let target = self.ledger.history(&shop, None, 2).unwrap()[1].version;
        let state = self.ledger.state_at(&shop, target).unwrap();
        let new = NewRelease {
            change: &planned.plan.change,
            actor: &jim,
            at: NOON,
            state: &state,
            plugins: &PluginsUsed::new(),
        };
        let version = self.ledger.record(&shop, &new).unwrap();
        self.ledger.settle(&shop, version, &succeeded(&[])).unwrap();
        self.next();
    }
}

type Task = fn(&Side);

fn read_15(side: &Side) {
    let found = query::history(&side.ledger, &name("shop"), 15).unwrap();
    assert_eq!(found.len(), 15);
}

fn middle(side: &Side) -> Version {
    v(side.made.get() / 2)
}

fn info(side: &Side) {
    query::inspect(&side.ledger, &name("shop"), middle(side)).unwrap();
}

fn diff(side: &Side) {
    let newest = v(side.made.get());
    for version in [middle(side), newest] {
        query::inspect(&side.ledger, &name("shop"), version).unwrap();
    }
}

fn eligible(side: &Side) {
    let idle = Idle::default();
    let engine = idle.engine(&side.ledger);
    engine.history_with_eligibility(&name("shop"), 15).unwrap();
}

/// A release with what comes after it, the asking of the tier among it.
fn create(side: &Side) {
    let next = nth_state(side.next(), VARS);
    release(&side.ledger, "shop", &config_add("VAR_1"), &next);
}

fn after(side: &Side) {
    let idle = Idle::default();
    retention::prune_where_due(&idle.engine(&side.ledger), &name("shop")).unwrap();
}

fn prune_one(side: &Side) {
    let next = nth_state(side.next(), VARS);
    release(&side.ledger, "shop", &config_add("VAR_1"), &next);
    let gone = [v(side.made.get() - 50)];
    side.ledger.prune(&name("shop"), &gone, NOON).unwrap();
}

/// Everything about lengths.
pub(super) fn all(long: u64) {
    eprintln!("a history of {long} …");
    let since = Instant::now();
    let [(_, small), (_, large)] = histories(long);
    eprintln!("made in {}", shown(since.elapsed()));
    let side = |home: &TempDir, length| Side {
        ledger: SqliteLedger::open(home.path()).unwrap(),
        made: Cell::new(length),
    };
    open(small.path(), large.path(), long);
    let (short, million) = (side(&small, SHORT), side(&large, long));
    retention::prune(&Idle::default().engine(&million.ledger), &name("shop")).unwrap();
    let parts: [(&str, usize, Task); 8] = [
        ("`releases`: the newest 15", 2000, read_15),
        (
            "`releases --json`: with whether each is eligible",
            500,
            eligible,
        ),
        ("`releases:info` of the middle one", 2000, info),
        ("`releases:diff` of the middle and the newest", 2000, diff),
        (
            "a rollback: planned, recorded, settled",
            500,
            Side::rollback,
        ),
        ("a release: recorded, settled", 500, create),
        ("what comes after a release: its tier", 500, after),
        ("a release, and another one pruned", 300, prune_one),
    ];
    for (what, rounds, task) in parts {
        let [ours, theirs] = in_turns(
            rounds,
            [&mut || timed(|| task(&million)), &mut || {
                timed(|| task(&short))
            }],
        );
        let what = format!("{what}, among {long}");
        row(&what, ours, "the same, among 100", theirs, "1.2");
    }
    drop(million);
    whole(large.path(), long);
}

/// Opening a ledger and reading one release of it.
fn open(small: &Path, large: &Path, long: u64) {
    let read = |home: &Path| {
        timed(|| {
            let ledger = SqliteLedger::open(home).unwrap();
            ledger.history(&name("shop"), None, 1).unwrap();
        })
    };
    let [ours, theirs] = in_turns(500, [&mut || read(large), &mut || read(small)]);
    let what = format!("opening a ledger of {long} releases, reading one");
    row(&what, ours, "one of 100", theirs, "1.2");
}

/// What is about many releases at once, each time anew.
fn whole(home: &Path, long: u64) {
    let shop = name("shop");
    let fresh = || {
        let place = folder();
        copy(home, place.path());
        let ledger = SqliteLedger::open(place.path()).unwrap();
        (place, ledger)
    };
    let prune = |gone: &[Version]| -> Duration {
        let (_place, ledger) = fresh();
        timed(|| ledger.prune(&shop, gone, NOON).unwrap())
    };
    let oldest: Vec<_> = (1..=1000).map(v).collect();
    let scattered: Vec<_> = (1..=1000).map(|nth| v(nth * (long / 1001))).collect();
    let [oldest, scattered] = in_turns(3, [&mut || prune(&oldest), &mut || prune(&scattered)]);
    let what = format!("pruning 1,000 of {long}: those that are all over it");
    row(&what, scattered, "the oldest 1,000", oldest, "1 s");
    let ledger = SqliteLedger::open(home).unwrap();
    let verified = timed(|| {
        let found = ledger.verify(&shop).unwrap();
        assert!(found.altered.is_none(), "{:?}", found.altered);
    });
    println!(
        "| `releases:verify` of {long} | {} | | | | |",
        shown(verified)
    );
}
