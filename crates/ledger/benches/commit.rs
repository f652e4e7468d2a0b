//! What the ledger costs: commits side by side with bare SQLite transactions that write as many
//! rows as durably, and reading and pruning in histories of three lengths.
//!
//! Commits are measured in turns, one of ours and one bare, so that both meet the same disk; at
//! the end the ratio of the medians is printed. Run with `cargo bench -p slugline-ledger`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops where it cannot go on, and prints its ratios"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use slugline_core::event::Event;
use slugline_core::port::Ledger;
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{
    NOON, app, config_add, name, record, release, slug, state, succeeded, v, var,
};
use tempfile::TempDir;

const VARS: u64 = 20;

fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A ledger with one app of twenty config vars and two add-ons.
fn ledger(home: &Path) -> SqliteLedger {
    let ledger = SqliteLedger::open(home).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    ledger
}

/// The state of the release after `nth` others: one var differs from the one before.
fn nth_state(nth: u64) -> State {
    let mut next = state(
        Some(slug(nth / 10)),
        &[],
        &["memcache:free", "releases:advanced"],
    );
    for var_nth in 0..VARS {
        let changed = (nth + VARS - var_nth) / VARS;
        let (key, var) = var(&format!("VAR_{var_nth}"), &format!("{changed:060}"));
        next.config.insert(key, var);
    }
    next
}

/// Rows as the ledger writes them, in a database without any of its thinking.
struct Bare {
    db: Connection,
    last: i64,
}

impl Bare {
    fn new(home: &Path) -> Self {
        let db = Connection::open(home.join("bare.db")).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.execute_batch(
            "CREATE TABLE app (id INTEGER PRIMARY KEY, last INTEGER, current INTEGER) STRICT;
            INSERT INTO app VALUES (1, 0, 0);
            CREATE TABLE release (app INTEGER, version INTEGER, change TEXT, actor TEXT,
                at INTEGER, status TEXT, slug INTEGER, PRIMARY KEY (app, version)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX release_slug ON release (slug);
            CREATE TABLE now (app INTEGER, key TEXT, since INTEGER, value TEXT,
                PRIMARY KEY (app, key)) STRICT, WITHOUT ROWID;
            CREATE TABLE past (app INTEGER, key TEXT, until INTEGER, since INTEGER, value TEXT,
                PRIMARY KEY (app, key, until)) STRICT, WITHOUT ROWID;
            CREATE TABLE outbox (place INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER, event TEXT
            ) STRICT;
            CREATE INDEX outbox_app ON outbox (app);",
        )
        .unwrap();
        Self { db, last: 0 }
    }

    fn begin(&self) -> Transaction<'_> {
        Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).unwrap()
    }

    fn record(&mut self) {
        self.last += 1;
        let (last, tx) = (self.last, self.begin());
        let key = format!("VAR_{}", self.last % VARS as i64);
        let value = format!("{last:060}");
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            tx.prepare_cached(sql).unwrap().execute(values).unwrap();
        };
        run(
            "INSERT INTO past VALUES (1, ?1, ?2, ?3, ?4)",
            params![key, last, last - 1, value],
        );
        run(
            "INSERT OR REPLACE INTO now VALUES (1, ?1, ?2, ?3)",
            params![key, last, value],
        );
        run(
            "INSERT INTO release VALUES (1, ?1, ?2, 'jim@example.com', ?3, 'pending', ?4)",
            params![
                last,
                format!(r#"{{"kind":"config_add","keys":["{key}"]}}"#),
                NOON.0,
                last / 10
            ],
        );
        run("UPDATE app SET last = ?1 WHERE id = 1", params![last]);
        tx.commit().unwrap();
    }

    fn settle(&mut self) {
        let (last, tx) = (self.last, self.begin());
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            tx.prepare_cached(sql).unwrap().execute(values).unwrap();
        };
        run(
            "UPDATE release SET status = 'succeeded' WHERE app = 1 AND version = ?1",
            params![last],
        );
        run("UPDATE app SET current = ?1 WHERE id = 1", params![last]);
        run(
            "INSERT INTO outbox (app, event) VALUES (1, ?1)",
            params![r#"{"event":"prune"}"#],
        );
        tx.commit().unwrap();
    }
}

/// How long each of the four commits of one turn took.
struct Turn {
    record: Duration,
    settle: Duration,
    bare_record: Duration,
    bare_settle: Duration,
}

fn timed(work: impl FnOnce()) -> Duration {
    let since = Instant::now();
    work();
    since.elapsed()
}

fn turn(ledger: &SqliteLedger, bare: &mut Bare, nth: &mut u64) -> Turn {
    *nth += 1;
    let (shop, next) = (name("shop"), nth_state(*nth));
    let (change, outcome) = (config_add("VAR_1"), succeeded(&[Event::Prune]));
    let mut version = v(0);
    let record = timed(|| version = record(ledger, "shop", &change, &next));
    let bare_record = timed(|| bare.record());
    let settle = timed(|| ledger.settle(&shop, version, &outcome).unwrap());
    let bare_settle = timed(|| bare.settle());
    Turn {
        record,
        settle,
        bare_record,
        bare_settle,
    }
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64() * 1e6
}

fn commits(c: &mut Criterion) {
    let home = folder();
    let (ledger, mut bare, mut nth) = (ledger(home.path()), Bare::new(home.path()), 0);
    let mut turns = Vec::new();
    let mut group = c.benchmark_group("commit");
    group
        .measurement_time(Duration::from_secs(4))
        .sample_size(50);
    type Part = (&'static str, fn(&Turn) -> Duration);
    let parts: [Part; 6] = [
        ("record and settle", |turn| turn.record + turn.settle),
        ("two bare transactions", |turn| {
            turn.bare_record + turn.bare_settle
        }),
        ("record", |turn| turn.record),
        ("its bare transaction", |turn| turn.bare_record),
        ("settle", |turn| turn.settle),
        ("settling bare", |turn| turn.bare_settle),
    ];
    for (title, part) in parts {
        group.bench_function(title, |b| {
            b.iter_custom(|count| {
                let from = turns.len();
                turns.extend((0..count).map(|_| turn(&ledger, &mut bare, &mut nth)));
                turns[from..].iter().map(part).sum()
            });
        });
    }
    group.finish();
    for ours_and_bare in parts.chunks(2) {
        let of = |(_, part): Part| median(turns.iter().map(part).collect());
        let (ours, bare) = (of(ours_and_bare[0]), of(ours_and_bare[1]));
        println!(
            "{}: {ours:.0} us, {}: {bare:.0} us, ratio {:.2} (medians of {} turns)",
            ours_and_bare[0].0,
            ours_and_bare[1].0,
            ours / bare,
            turns.len()
        );
    }
}

/// Homes with so many releases each. They are filled where writing is cheap, and copied to disk.
fn histories(lengths: &[u64]) -> Vec<(u64, TempDir)> {
    let memory = PathBuf::from("/dev/shm");
    let cheap = tempfile::tempdir_in(&memory).unwrap_or_else(|_| folder());
    drop(ledger(cheap.path()));
    let (mut filled, mut homes) = (0, Vec::new());
    for length in lengths {
        let ledger = SqliteLedger::open(cheap.path()).unwrap();
        for nth in filled..*length {
            release(&ledger, "shop", &config_add("VAR_1"), &nth_state(nth));
        }
        filled = *length;
        // The last one to close a ledger leaves all of it in the one file.
        drop(ledger);
        let home = folder();
        std::fs::copy(
            cheap.path().join("ledger.db"),
            home.path().join("ledger.db"),
        )
        .unwrap();
        homes.push((*length, home));
    }
    homes
}

fn long_histories(c: &mut Criterion) {
    let mut group = c.benchmark_group("history");
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500));
    group.sample_size(20);
    // A filter on the command line that leaves these out leaves out the filling too.
    let lengths = [100, 10_000, 100_000];
    if std::env::args().any(|arg| arg.starts_with("commit")) {
        return;
    }
    for (length, home) in histories(&lengths) {
        let (ledger, shop) = (SqliteLedger::open(home.path()).unwrap(), name("shop"));
        let id = |what: &str| BenchmarkId::new(what, length);
        group.bench_function(id("open and newest 15"), |b| {
            b.iter(|| {
                let fresh = SqliteLedger::open(home.path()).unwrap();
                fresh.history(&shop, None, 15).unwrap()
            });
        });
        group.bench_function(id("newest 15"), |b| {
            b.iter(|| ledger.history(&shop, None, 15).unwrap());
        });
        group.bench_function(id("moment"), |b| b.iter(|| ledger.moment(&shop).unwrap()));
        group.bench_function(id("state_at"), |b| {
            b.iter(|| ledger.state_at(&shop, v(length / 2)).unwrap());
        });
        let mut nth = length;
        group.bench_function(id("prune one"), |b| {
            b.iter_custom(|count| {
                let prune = |_| {
                    nth += 1;
                    release(&ledger, "shop", &config_add("VAR_1"), &nth_state(nth));
                    let gone = [v(nth - length / 2)];
                    timed(|| ledger.prune(&shop, &gone, NOON).unwrap())
                };
                (0..count).map(prune).sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commits, long_histories);
criterion_main!(benches);
