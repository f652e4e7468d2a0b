//! One release, of a hundred config vars of which one changes, beside what else could be written: the
//! rows alone, and a copy of everything. It must not know long histories.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use slugline_core::event::Event;
use slugline_core::port::Ledger;
use slugline_testkit::values::{NOON, config_add, name, record, succeeded};
use tempfile::TempDir;

use super::{cheap, in_turns, ledger, nth_state, row, timed};

const VARS: u64 = 100;
const CHANGE: &str = r#"{"kind":"config_add","keys":["VAR_1"]}"#;
const EVENT: &str = r#"{"event":"prune"}"#;

/// A database without any of the ledger's thinking, as durable: nothing sealed, nothing compared,
/// nothing proved.
pub(super) struct Bare {
    db: Connection,
    app: i64,
    last: i64,
}

impl Bare {
    fn new(home: &Path) -> Self {
        Self::of_app(home, 1)
    }

    /// One of several that write to one file, each to an app of its own.
    pub(super) fn of_app(home: &Path, app: i64) -> Self {
        let mut db = Connection::open(home.join("bare.db")).unwrap();
        let patient = |_| {
            std::thread::sleep(Duration::from_micros(500));
            true
        };
        db.busy_handler(Some(patient)).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS app (id INTEGER PRIMARY KEY, last INTEGER, current INTEGER) STRICT;
            CREATE TABLE IF NOT EXISTS release (app INTEGER, version INTEGER, change TEXT, actor TEXT, at INTEGER,
                status TEXT, slug INTEGER, whole TEXT, PRIMARY KEY (app, version)
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS release_slug ON release (slug);
            CREATE TABLE IF NOT EXISTS now (app INTEGER, key TEXT, since INTEGER, value TEXT,
                PRIMARY KEY (app, key)) STRICT, WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS past (app INTEGER, key TEXT, until INTEGER, since INTEGER, value TEXT,
                PRIMARY KEY (app, key, until)) STRICT, WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS outbox (place INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER, event TEXT
            ) STRICT;
            CREATE INDEX IF NOT EXISTS outbox_app ON outbox (app);",
        )
        .unwrap();
        let known = "INSERT OR IGNORE INTO app VALUES (?1, 0, 0)";
        db.execute(known, [app]).unwrap();
        let last = "SELECT last FROM app WHERE id = ?1";
        let last = db.query_row(last, [app], |row| row.get(0)).unwrap();
        Self { db, app, last }
    }

    fn begin(&self) -> Transaction<'_> {
        Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).unwrap()
    }

    /// The rows of a release that changes one var, in two transactions as the ledger does.
    pub(super) fn rows(&mut self) {
        self.last += 1;
        let (last, tx) = (self.last, self.begin());
        let (key, value) = (format!("VAR_{}", last % VARS as i64), format!("{last:060}"));
        run(
            &tx,
            "INSERT INTO past VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.app, key, last, last - 1, value],
        );
        run(
            &tx,
            "INSERT OR REPLACE INTO now VALUES (?1, ?2, ?3, ?4)",
            params![self.app, key, last, value],
        );
        self.release(tx, None);
    }

    /// A release that holds a copy of the whole state.
    fn copy(&mut self) {
        self.last += 1;
        let whole = snapshot(self.last.unsigned_abs());
        let tx = self.begin();
        self.release(tx, Some(&whole));
    }

    fn release(&self, tx: Transaction<'_>, whole: Option<&str>) {
        let last = self.last;
        let app = self.app;
        let of = params![app, last, CHANGE, NOON.0, last / 10, whole];
        let add = "INSERT INTO release
            VALUES (?1, ?2, ?3, 'jim@example.com', ?4, 'pending', ?5, ?6)";
        run(&tx, add, of);
        run(
            &tx,
            "UPDATE app SET last = ?2 WHERE id = ?1",
            params![app, last],
        );
        tx.commit().unwrap();
        let tx = self.begin();
        let settle = "UPDATE release SET status = 'succeeded' WHERE app = ?1 AND version = ?2";
        run(&tx, settle, params![app, last]);
        run(
            &tx,
            "UPDATE app SET current = ?2 WHERE id = ?1",
            params![app, last],
        );
        run(
            &tx,
            "INSERT INTO outbox (app, event) VALUES (?1, ?2)",
            params![app, EVENT],
        );
        tx.commit().unwrap();
    }
}

fn run(tx: &Transaction<'_>, sql: &str, values: &[&dyn rusqlite::ToSql]) {
    tx.prepare_cached(sql).unwrap().execute(values).unwrap();
}

/// All vars as one JSON text, made from what is at hand as whoever copies must.
fn snapshot(nth: u64) -> String {
    let state = nth_state(nth, VARS);
    let vars = state.config.iter();
    let vars = vars.map(|(key, var)| (key.to_string(), var.value.reveal().to_owned()));
    serde_json::to_string(&vars.collect::<std::collections::BTreeMap<_, _>>()).unwrap()
}

/// Recording and settling one release; `where_` says what kind of folder `place` makes.
pub(super) fn creation(place: fn() -> TempDir, where_: &str) {
    eprintln!("creation, {where_} …");
    let (home, copies) = (place(), place());
    let (ledger, shop) = (ledger(home.path()), name("shop"));
    let (mut rows, mut whole) = (Bare::new(home.path()), Bare::new(copies.path()));
    let (change, outcome, mut nth) = (config_add("VAR_1"), succeeded(&[Event::Prune]), 0);
    let [ours, rows, whole] = in_turns(
        2000,
        [
            &mut || {
                nth += 1;
                let next = nth_state(nth, VARS);
                timed(|| {
                    let version = record(&ledger, "shop", &change, &next);
                    ledger.settle(&shop, version, &outcome).unwrap();
                })
            },
            &mut || timed(|| rows.rows()),
            &mut || timed(|| whole.copy()),
        ],
    );
    let what = "a release: recorded and settled, sealed, proved; one of 100 vars changed";
    let what = &format!("{what}; {where_}");
    row(
        what,
        ours,
        "two bare transactions with its rows",
        rows,
        "1.5",
    );
    row(
        what,
        ours,
        "two that copy all vars as JSON, unsealed",
        whole,
        "1",
    );
}

/// How much a file grows for each release.
pub(super) fn bytes() {
    eprintln!("bytes …");
    let size = |home: &Path, file: &str| {
        let db = Connection::open(home.join(file)).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        std::fs::metadata(home.join(file)).unwrap().len()
    };
    let (home, copies) = (cheap(), cheap());
    let (ledger, shop) = (ledger(home.path()), name("shop"));
    let (change, outcome) = (config_add("VAR_1"), succeeded(&[]));
    let grow = |from: u64, to: u64| {
        for nth in from..to {
            let version = record(&ledger, "shop", &change, &nth_state(nth, VARS));
            ledger.settle(&shop, version, &outcome).unwrap();
        }
        size(home.path(), "ledger.db")
    };
    let (before, after) = (grow(0, 100), grow(100, 10_100));
    let mut whole = Bare::new(copies.path());
    let mut copy = |count: u64| {
        (0..count).for_each(|_| whole.copy());
        size(copies.path(), "bare.db")
    };
    let (empty, full) = (copy(100), copy(1000));
    let (ours, theirs) = ((after - before) / 10_000, (full - empty) / 1000);
    let ratio = ours as f64 / theirs as f64;
    println!(
        "| bytes in the file for a release, one of 100 vars of 60 bytes changed | {ours} B | \
         a copy of all vars as JSON, unsealed | {theirs} B | {ratio:.2} | 400 B |"
    );
}
