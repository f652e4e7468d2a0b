//! Every statement finds its rows by an index, and costs the same however long the history is.

use super::*;
use crate::schema;

/// The tables that grow with the number of releases.
const LONG: [&str; 5] = ["release", "config_past", "addon_past", "receipt", "usage"];
/// The names that statements give to them.
const ALIASES: [&str; 3] = ["r", "l", "p"];

fn plan(db: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let rows = statement.raw_query().mapped(|row| row.get(3));
    rows.collect::<Result<_, _>>().unwrap()
}

fn scans(line: &str) -> bool {
    // An index of the few that are pending.
    if line.ends_with("release_pending") {
        return false;
    }
    let mut words = line.split_whitespace().skip_while(|word| *word != "SCAN");
    words.next();
    words
        .next()
        .is_some_and(|table| LONG.contains(&table) || ALIASES.contains(&table))
}

#[test]
fn no_statement_scans_a_table_that_grows_with_the_releases() {
    let db = schema::in_memory();
    assert!(ALL.len() > 50);
    // The audit of all apps looks at everything there is.
    for (name, sql) in ALL.iter().filter(|(name, _)| *name != "AUDIT_ALL") {
        for line in plan(&db, sql) {
            // A rotation of the keys is about everything there is.
            assert!(
                !scans(&line) || *name == "SEALED_CONFIG_PAST",
                "{name}: {line}"
            );
        }
    }
    assert!(plan(&db, "SELECT * FROM release").iter().any(|l| scans(l)));
}

/// SQLite can compile a statement again whenever another value is bound to it; that takes longer
/// than most statements take.
#[test]
fn no_statement_is_compiled_each_time_it_is_run() {
    let home = slugline_testkit::private_folder();
    let open = || crate::SqliteLedger::open(home.path()).unwrap();
    // Making the tables lets SQLite compile anew what it knew before.
    drop(open());
    let ledger = open();
    let again = ALL.iter().filter(|(_, sql)| {
        for value in ["a", "b"] {
            let mut statement = ledger.db.prepare_cached(sql).unwrap();
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, value).unwrap();
            }
            // What these values are refused for does not matter.
            let _ = statement.raw_query().next();
        }
        let statement = ledger.db.prepare_cached(sql).unwrap();
        statement.get_status(rusqlite::StatementStatus::RePrepare) > 0
    });
    let names: Vec<_> = again.map(|(name, _)| *name).collect();
    assert_eq!(names, [""; 0]);
}

#[test]
fn only_verifying_and_destroying_walk_the_whole_history_of_an_app() {
    let db = schema::in_memory();
    let whole = |line: &String| {
        let tables = ["release ", "config_past ", "addon_past ", "r ", "p "];
        tables
            .iter()
            .any(|table| line.starts_with(&format!("SEARCH {table}")))
            && line.ends_with("(app_id=?)")
    };
    let walkers: Vec<_> = ALL
        .iter()
        .filter(|(_, sql)| plan(&db, sql).iter().any(whole))
        .map(|(name, _)| *name)
        .collect();
    // These take only the first or last one of an index, some from key to key, as the test
    // below shows.
    let steps = [
        "NEWEST_KEPT",
        "CONFIG_AT",
        "CONFIG_KEYS_PAST",
        "ADDONS_AT",
        "ADDON_KEYS_PAST",
        "AUDIT_OF_APP",
    ];
    let walkers: Vec<_> = walkers
        .into_iter()
        .filter(|name| !steps.contains(name))
        .collect();
    assert_eq!(
        walkers,
        [
            "DESTROY_APP",
            "SLUGS_OF_APP",
            "CHAIN",
            "CONFIG_ALL",
            "ADDONS_ALL",
            "EXPORT_PLUGINS",
            "EXPORT_ORIGINS",
            "EXPORT_RELEASES",
            "AUDIT_RELEASES"
        ]
    );
}

/// An app with so many releases, each of which changed one of ten config vars; and a second app,
/// with one.
fn history(releases: i64) -> rusqlite::Connection {
    let db = schema::in_memory();
    db.execute_batch(&format!(
        "INSERT INTO app (id, name, owner, created_at, last_version, current_version)
        VALUES (1, 'shop', 'jim', 0, {releases}, {releases}), (2, 'blog', 'jim', 0, 1, 1);
        INSERT INTO slug (id, digest, body) VALUES (1, 'd', 'b'), (2, 'd', 'c');
        INSERT INTO config_now (app_id, key, from_version, value) VALUES (1, 'A', 1, x'00');
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {releases})
        INSERT INTO config_past (app_id, key, to_version, from_version, value)
        SELECT 1, 'KEY_' || (n % 10), n + 10, n, x'00' FROM n;
        INSERT INTO addon_past
        SELECT 1, 'memcache', to_version, to_version - 1, 'memcache:free', 0, NULL
        FROM config_past;
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {releases})
        INSERT INTO release (app_id, version, change, actor, created_at, status, slug, content)
        SELECT 1, n, '', '', 0, 'succeeded', 1, x'00' FROM n;
        INSERT INTO receipt (app_id, version, change, status, pruned_at, actor, created_at)
        SELECT 1, version, '', 'succeeded', 0, '', 0 FROM release;
        INSERT INTO usage (app, owner, plan, price, from_at, to_at)
        SELECT 'shop', 'jim', 'memcache:free', 0, version, version + 1 FROM release;
        INSERT INTO usage (app, owner, plan, price, from_at)
        VALUES ('shop', 'jim', 'memcache:free', 0, 9)"
    ))
    .unwrap();
    db
}

/// Instructions that SQLite's machine runs for a statement, with these parameters.
fn instructions(db: &rusqlite::Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> i32 {
    let mut statement = db.prepare(sql).unwrap();
    statement.query(values).unwrap().mapped(|_| Ok(())).count();
    statement.get_status(rusqlite::StatementStatus::VmStep)
}

/// The statements of every operation on an app's history but `releases:verify`, `audit` and
/// `apps:destroy`.
#[test]
fn every_operation_costs_the_same_in_a_thousand_times_longer_history() {
    let (short, long) = (history(100), history(100_000));
    let check = |sql: &str, values: &dyn Fn(i64) -> Vec<Box<dyn rusqlite::ToSql>>| {
        let run = |db, releases| {
            let values = values(releases);
            let values: Vec<_> = values.iter().map(|value| &**value).collect();
            instructions(db, sql, &values)
        };
        let (short, long) = (run(&short, 100), run(&long, 100_000));
        assert!(
            long < short + short / 10 + 3,
            "{short} became {long}: {sql}"
        );
    };
    macro_rules! check {
        ($($sql:expr, |$n:ident| ($($value:expr),*);)*) => {
            $(check($sql, &|$n: i64| {
                let _ = $n;
                vec![$(Box::new($value) as Box<dyn rusqlite::ToSql>),*]
            });)*
        };
    }
    check! {
        // Reading.
        MOMENT, |n| ("shop");
        COUNTERS, |n| ("shop");
        HISTORY, |n| (1, i64::MAX, 15);
        HISTORY, |n| (1, n / 2, 15);
        HISTORY_AFTER, |n| (1, 0, 15);
        HISTORY_AFTER, |n| (1, n / 2, 15);
        RELEASE, |n| (1, n / 2);
        IS_KEPT, |n| (1, n / 2);
        PLUGINS_AT, |n| (1, n / 2);
        CONFIG_NOW, |n| (1);
        CONFIG_ONE, |n| (1, "A");
        ADDON_ONE, |n| (1, "memcache");
        CONFIG_AT, |n| (1, n / 2);
        ADDONS_NOW, |n| (1);
        ADDONS_AT, |n| (1, n / 2);
        AUDIT_OF_APP, |n| ("shop", Option::<String>::None, Option::<String>::None, i64::MIN, 15);
        ASKED, |n| (1);
        SETTINGS, |n| (1);
        UNFINISHED, |n| (i64::MAX);
        // Making a release.
        NEWEST_KEPT, |n| (1);
        ADD_RELEASE, |n| (1, n + 1, "", "", 0, 1, Option::<i64>::None, Option::<i64>::None, vec![0_u8]);
        CONFIG_CHANGE, |n| (1, "A", n + 1, vec![0_u8], Option::<String>::None);
        CONFIG_CLOSE, |n| (1, "KEY_1", n + 99, n + 1, vec![0_u8], Option::<String>::None);
        TO_SETTLE, |n| (1, n + 1);
        SETTLE, |n| (1, n + 1, "succeeded", Option::<String>::None, vec![0_u8]);
        DIGEST_BEFORE, |n| (1, n);
        LINK, |n| (1, n + 1);
        SET_DIGEST, |n| (1, n + 1, vec![0_u8]);
        USAGE_OPEN, |n| ("shop");
        MONTHLY_COST, |n| ("jim", "blog");
        // Pruning one.
        CONFIG_KEYS_PAST, |n| (1);
        ADDON_KEYS_PAST, |n| (1);
        ADD_RECEIPTS, |n| (1, n + 1, n + 1, 0, 0);
        DROP_RELEASES, |n| (1, n + 1, n + 1, 0);
        NEIGHBOURS, |n| (1, n / 2);
        CONFIG_GAP, |n| (1, "KEY_1", n / 2, n / 2 + 20);
        CONFIG_SWEEP, |n| (1, "KEY_1", n / 2 + 20, n / 2 + 60);
        ADDON_GAP, |n| (1, "memcache", n / 2, n / 2 + 20);
        ADDON_SWEEP, |n| (1, "memcache", n / 2 + 20, n / 2 + 60);
        DROP_UNUSED_SLUG, |n| (1);
        DROP_UNUSED_SLUG, |n| (2);
    }
}
