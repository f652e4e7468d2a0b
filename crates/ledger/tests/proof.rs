//! The proof of history: whatever is altered behind the ledger's back is found, at the first release
//! that it concerns; and who did what is on record.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests stop where tests do"
)]

use std::path::Path;

use rusqlite::Connection;
use slugline_core::port::Ledger;
use slugline_core::time::Timestamp;
use slugline_ledger::{
    Audited, KeySource, Note, Origin, Outcome, SqliteLedger, Unknown, Verified, Wanted,
};
use slugline_testkit::values::{
    NOON, actor, addon, app, config_add, deploy, failing_release, name, record, release, slug,
    state, v,
};

/// Ten releases: v2 failed, v3 to v5 pruned, v9 pinned and v10 current.
fn history() -> (tempfile::TempDir, SqliteLedger) {
    let home = slugline_testkit::private_folder();
    let origin = Origin {
        command: "config:add".into(),
        place: "here pts/1".into(),
    };
    let ledger = SqliteLedger::open(home.path()).unwrap().from(origin);
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).unwrap();
    }
    let plans = ["memcache:free", "memcache:100mb"];
    for nth in 1..=10_u64 {
        let value = (nth / 2).to_string();
        let vars = [("A", value.as_str()), ("B", "same")];
        let what = state(Some(slug(nth / 3)), &vars, &plans[nth as usize % 2..][..1]);
        match nth {
            2 => drop(failing_release(&ledger, "shop", &config_add("A"), &what)),
            _ => drop(release(&ledger, "shop", &deploy(nth), &what)),
        }
        release(&ledger, "blog", &config_add("A"), &what);
    }
    let shop = name("shop");
    ledger
        .install_first_tier(&shop, &addon("releases:advanced"), NOON)
        .unwrap();
    ledger.set_release_pinned(&shop, v(9), true).unwrap();
    ledger.prune(&shop, &[v(3), v(4), v(5)], NOON).unwrap();
    (home, ledger)
}

fn verified(ledger: &SqliteLedger) -> Verified {
    ledger.verify(&name("shop")).unwrap()
}

#[test]
fn what_was_left_alone_is_proved_and_says_what_it_cannot_know() {
    let (home, ledger) = history();
    let found = verified(&ledger);
    assert_eq!((found.kept, found.pruned), (7, 3));
    assert_eq!(found.altered, None);
    assert_eq!(found.unknown, [Unknown::Pruned(3)]);
    let (newest, digest) = found.newest.unwrap();
    assert_eq!(newest, v(10));
    let shown = ledger.digest(&name("shop"), v(10)).unwrap();
    assert_eq!(shown, Some(digest.clone()));
    // New keys for the values leave the digests as they are.
    ledger.rotate_keys(None).unwrap();
    let again = verified(&SqliteLedger::open(home.path()).unwrap());
    assert_eq!(again.newest.unwrap().1, digest);
    // One that is pending has none yet.
    record(&ledger, "shop", &config_add("A"), &state(None, &[], &[]));
    let pending = verified(&ledger);
    assert_eq!(
        pending.unknown,
        [Unknown::Pending(v(11)), Unknown::Pruned(3)]
    );
    assert_eq!(pending.altered, None);
}

/// Alters the ledger, and answers what verifying it says.
fn after(home: &Path, alteration: &str) -> (usize, Verified) {
    let db = Connection::open(home.join("ledger.db")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let changed = db.execute(alteration, []).unwrap();
    (changed, verified(&SqliteLedger::open(home).unwrap()))
}

/// What is altered in the tables of the app's history, the first release that it concerns, and what is
/// said of that.
const ALTERATIONS: [(&str, u64, &str); 20] = [
    (
        "UPDATE release SET status = 'pending' WHERE version = 7",
        7,
        "is called pending",
    ),
    (
        "UPDATE release SET digest = NULL, content = NULL WHERE version >= 8",
        8,
        "has lost its digest",
    ),
    (
        "UPDATE release SET actor = 'eve@example.com' WHERE version = 7",
        7,
        "does not hold",
    ),
    (
        "UPDATE release SET created_at = created_at + 1 WHERE version = 7",
        7,
        "does not hold",
    ),
    (
        "UPDATE release SET status = 'succeeded', reason = NULL WHERE version = 2",
        2,
        "was altered",
    ),
    (
        "UPDATE release SET change = (SELECT change FROM release WHERE version = 6) WHERE version = 8",
        8,
        "was altered",
    ),
    (
        "UPDATE release SET digest = (SELECT digest FROM release WHERE version = 6) WHERE version = 8",
        8,
        "was altered",
    ),
    (
        "UPDATE release SET digest = NULL WHERE version = 8",
        8,
        "lost its digest",
    ),
    (
        "UPDATE release SET digest = NULL, content = NULL WHERE version = 8",
        8,
        "lost its digest",
    ),
    (
        "UPDATE receipt SET slug = NULL WHERE version = 4",
        4,
        "was altered",
    ),
    (
        "UPDATE receipt SET status = 'failed' WHERE version = 4",
        4,
        "was altered",
    ),
    ("DELETE FROM receipt WHERE version = 4", 4, "is missing"),
    ("DELETE FROM release WHERE version = 8", 8, "is missing"),
    ("DELETE FROM release WHERE version = 10", 10, "is missing"),
    (
        "DELETE FROM config_past WHERE key = 'A' AND from_version = 8",
        8,
        "does not hold",
    ),
    (
        "UPDATE config_past SET to_version = to_version + 1 WHERE key = 'A' AND from_version = 6",
        8,
        "holds two values",
    ),
    (
        "UPDATE config_past SET owner = 'memcache' WHERE key = 'A' AND from_version = 6",
        6,
        "does not hold",
    ),
    (
        "UPDATE config_now SET value = zeroblob(40) WHERE key = 'A'",
        10,
        "does not open",
    ),
    ("DELETE FROM config_now WHERE key = 'B'", 1, "does not hold"),
    (
        "UPDATE addon_past SET price = price + 1 WHERE from_version = 6",
        6,
        "does not hold",
    ),
];

/// The same, elsewhere.
const ALTERATIONS_ELSEWHERE: [(&str, u64, &str); 4] = [
    (
        "UPDATE slug SET body = '{}' WHERE id = (SELECT slug FROM release WHERE version = 8 AND app_id = 1)",
        6,
        "holds something that cannot be read",
    ),
    (
        "UPDATE app SET current_version = 9 WHERE name = 'shop'",
        9,
        "not rightly called current",
    ),
    (
        "UPDATE app SET last_version = 9 WHERE name = 'shop'",
        10,
        "never given out",
    ),
    (
        "UPDATE slug SET body = replace(body, '\"size\":', '\"size\":1') WHERE id = (SELECT min(id) FROM slug)",
        1,
        "does not hold",
    ),
];

#[track_caller]
fn check(alteration: &str, version: u64, what: &str) {
    let (home, ledger) = history();
    drop(ledger);
    let (changed, found) = after(home.path(), alteration);
    assert!(changed > 0, "{alteration}");
    let altered = found.altered.expect(alteration);
    let said = format!("{alteration}: {}", altered.what);
    assert_eq!(altered.version, v(version), "{said}");
    assert!(altered.what.contains(what), "{said}");
}

#[test]
fn an_alteration_is_found_at_the_first_release_that_it_concerns() {
    for (alteration, version, what) in ALTERATIONS {
        let of_shop = "app_id = (SELECT id FROM app WHERE name = 'shop')";
        check(&format!("{alteration} AND {of_shop}"), version, what);
    }
    for (alteration, version, what) in ALTERATIONS_ELSEWHERE {
        check(alteration, version, what);
    }
}

fn copied(home: &Path) -> tempfile::TempDir {
    let copy = slugline_testkit::private_folder();
    for file in ["ledger.db", slugline_ledger::KEY_FILE] {
        std::fs::copy(home.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

/// Each column of each table that a history is made of is altered in turn, in each of its rows: what
/// the proof does not cover is named here, and nothing else escapes it.
#[test]
fn no_column_of_a_history_escapes() {
    let uncovered = [
        "release.pinned",
        "release.origin",
        "receipt.origin",
        "receipt.pruned_at",
        // Of what was pruned only its place is proved.
        "receipt.actor",
        "receipt.created_at",
        "receipt.plugins",
    ];
    let tables = [
        "release",
        "receipt",
        "config_now",
        "config_past",
        "addon_now",
        "addon_past",
    ];
    let (home, ledger) = history();
    drop(ledger);
    let file = home.path().join("ledger.db");
    let db = Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut escaped = std::collections::BTreeSet::new();
    for table in tables {
        let columns: Vec<(String, String)> = db
            .prepare(&format!(
                "SELECT name, type FROM pragma_table_info('{table}')"
            ))
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (column, kind) in columns {
            let other = match kind.as_str() {
                "INTEGER" if column == "pinned" => "1 - pinned".to_owned(),
                "INTEGER" => format!("coalesce({column}, 0) + 1000"),
                "BLOB" => "randomblob(32)".to_owned(),
                _ if column == "status" => {
                    "CASE status WHEN 'failed' THEN 'succeeded' ELSE 'failed' END".into()
                }
                _ => format!("coalesce({column}, '') || 'x'"),
            };
            let whole = format!(
                "UPDATE OR IGNORE {table} SET {column} = {other}
                WHERE app_id = (SELECT id FROM app WHERE name = 'shop')"
            );
            let copy = copied(home.path());
            let altered = Connection::open(copy.path().join("ledger.db")).unwrap();
            altered.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            let changed = altered.execute(&whole, []);
            let broken = match SqliteLedger::open(copy.path())
                .unwrap()
                .verify(&name("shop"))
            {
                Ok(found) => found.altered.is_some(),
                // What cannot be read at all has not escaped either.
                Err(_) => true,
            };
            if changed.is_ok_and(|rows| rows > 0) && !broken {
                escaped.insert(format!("{table}.{column}"));
            }
        }
    }
    let uncovered = uncovered.into_iter().map(str::to_owned).collect();
    assert_eq!(escaped, uncovered);
}

fn shown(entries: &[Audited]) -> Vec<String> {
    let shown = |entry: &Audited| {
        let app = entry.app.as_deref().unwrap_or("-");
        let version = entry
            .version
            .map_or("-".to_owned(), |version| version.to_string());
        let place = entry
            .origin
            .as_ref()
            .map_or("-", |origin| origin.place.as_str());
        let outcome = entry.outcome.word();
        format!(
            "{app} {version} {outcome} {} {place}: {}",
            entry.actor, entry.what
        )
    };
    entries.iter().map(shown).collect()
}

#[test]
fn the_audit_lists_releases_what_made_none_and_apps_that_are_gone() {
    let (home, ledger) = history();
    let shop = name("shop");
    let note = |app, who: &str, outcome, what: &str, later| {
        let note = Note {
            at: Timestamp(NOON.0 + later),
            app,
            actor: &actor(who),
            outcome,
            what,
        };
        ledger.note(&note).unwrap();
    };
    note(
        Some(&shop),
        "eve@example.com",
        Outcome::Refused,
        "rollback: not permitted",
        5,
    );
    note(None, "jim@example.com", Outcome::Done, "keys:rotate", 6);
    let all = Wanted {
        app: None,
        actor: None,
        outcome: None,
        since: None,
        limit: 100,
    };
    let list = |wanted: &Wanted<'_>| shown(&ledger.audited(wanted).unwrap());
    assert_eq!(list(&all).len(), 22);
    assert_eq!(
        list(&Wanted {
            limit: 2,
            ..all.clone()
        }),
        [
            "- - done jim@example.com here pts/1: keys:rotate",
            "shop - refused eve@example.com here pts/1: rollback: not permitted",
        ]
    );
    let of_shop = Wanted {
        app: Some(&shop),
        ..all.clone()
    };
    let listed = list(&of_shop);
    assert_eq!(listed.len(), 11);
    assert_eq!(
        listed[1],
        "shop v10 done jim@example.com here pts/1: Deploy 0000000"
    );
    let failed = Wanted {
        outcome: Some(Outcome::Failed),
        ..of_shop.clone()
    };
    assert_eq!(list(&failed).len(), 1);
    let by_eve = Wanted {
        actor: Some("eve@example.com"),
        ..all.clone()
    };
    assert_eq!(list(&by_eve).len(), 1);
    let late = Wanted {
        since: Some(Timestamp(NOON.0 + 6)),
        ..all.clone()
    };
    assert_eq!(list(&late).len(), 1);
    let before = list(&of_shop);
    ledger.destroy_app(&shop, NOON).unwrap();
    let (mut after, mut before) = (list(&of_shop), before);
    after.sort();
    before.sort();
    // Why a release failed goes with the app; that it did stays.
    before.retain(|line| !line.contains("v2 failed"));
    after.retain(|line| !line.contains("v2 failed"));
    assert_eq!(after, before);
    drop(SqliteLedger::open_with(home.path(), KeySource::File).unwrap());
}
