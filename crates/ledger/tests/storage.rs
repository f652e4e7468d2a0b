//! What only a ledger on disk has to show: it survives being closed, reads what older versions
//! wrote, names what it cannot read, and keeps nothing that only pruned releases needed.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where tests do")]

use std::path::Path;

use rusqlite::Connection;
use slugline_core::billing::Usage;
use slugline_core::port::{Ledger, LedgerError, NewRelease};
use slugline_core::state::State;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{
    NOON, actor, addon, app, config_add, deploy, failing_release, name, plugins_used, record,
    release, resource, slug, state, succeeded, v,
};

/// Runs SQL on the file behind the ledger's back and answers the first column, joined by spaces.
fn sql(home: &Path, text: &str) -> String {
    let db = Connection::open(home.join("ledger.db")).unwrap();
    db.set_db_config(
        rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY,
        false,
    )
    .unwrap();
    let mut statement = db.prepare(text).unwrap();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        found.push(row.get_ref(0).unwrap().as_str().unwrap().to_owned());
    }
    found.join(" ")
}

#[test]
fn what_was_written_is_there_after_closing_and_for_others_at_once() {
    let home = slugline_testkit::private_folder();
    let writer = SqliteLedger::open(home.path()).unwrap();
    let reader = SqliteLedger::open(home.path()).unwrap();
    writer.create_app(&app("shop")).unwrap();
    let what = state(Some(slug(1)), &[("A", "1")], &["memcache:free"]);
    release(&writer, "shop", &deploy(1), &what);
    let moment = reader.moment(&name("shop")).unwrap();
    assert_eq!(moment.state, what);
    drop((writer, reader));
    let again = SqliteLedger::open(home.path()).unwrap();
    assert_eq!(again.moment(&name("shop")).unwrap(), moment);
}

/// `tests/fixtures/v1.sql` is a ledger as format 1 left it, and is never edited.
fn saved(home: &Path, fixture: &str, format: i64) {
    let db = Connection::open(home.join("ledger.db")).unwrap();
    db.execute_batch(fixture).unwrap();
    db.pragma_update(None, "user_version", format).unwrap();
}

#[test]
fn a_ledger_of_format_1_opens() {
    let home = slugline_testkit::private_folder();
    saved(home.path(), include_str!("fixtures/v1.sql"), 1);
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let shop = name("shop");
    let history = ledger.history(&shop, None, 15).unwrap();
    let lines: Vec<_> = history
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row.version,
                row.change,
                row.actor,
                row.status.word()
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "v4 Config add A jim@example.com pending",
            "v3 Add-on add memcache:free joe@example.com succeeded",
            "v1 Deploy 0000000 jim@example.com succeeded",
        ]
    );
    let moment = ledger.moment(&shop).unwrap();
    let mut now = state(
        Some(slug(1)),
        &[("A", "2"), ("B", "it's")],
        &["memcache:free"],
    );
    assert_eq!(ledger.state_at(&shop, v(3)).unwrap(), now);
    assert!(ledger.plugins_at(&shop, v(3)).unwrap().is_empty());
    now.addons.insert(
        addon("releases:basic").plan.service().clone(),
        addon("releases:basic"),
    );
    assert_eq!((moment.state, moment.pending), (now, Some(v(4))));
    let first = state(Some(slug(1)), &[("A", "1")], &[]);
    assert_eq!(ledger.state_at(&shop, v(1)).unwrap(), first);
    assert_eq!(
        ledger.resources(&shop).unwrap(),
        [resource(1, "memcache:free", Some(4000))]
    );
    assert_eq!(ledger.outbox(&shop).unwrap().len(), 1);
    assert!(history.iter().all(|release| !release.pinned));
    let used = ledger.usage(NOON, Timestamp(i64::MAX)).unwrap();
    let since = |used: &Usage| format!("{} {} {:?}", used.plan, used.from.0 - NOON.0, used.to);
    let used: Vec<String> = used.iter().map(since).collect();
    assert_eq!(
        used,
        ["memcache:free 1000 None", "releases:basic 2000 None"]
    );
    ledger.settle(&shop, v(4), &succeeded(&[])).unwrap();
    assert_eq!(release(&ledger, "shop", &config_add("B"), &first), v(5));
}

#[test]
fn a_new_ledger_has_the_tables_of_the_saved_one() {
    let (new, old) = (
        slugline_testkit::private_folder(),
        slugline_testkit::private_folder(),
    );
    drop(SqliteLedger::open(new.path()).unwrap());
    saved(old.path(), include_str!("fixtures/v1.sql"), 1);
    drop(SqliteLedger::open(old.path()).unwrap());
    let tables = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name";
    let (new, old) = (sql(new.path(), tables), sql(old.path(), tables));
    assert!(new.contains("WITHOUT ROWID"), "{new}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&new), words(&old));
}

#[test]
fn plugins_that_took_part_are_stored_once_for_all_releases() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let (cap, none) = (plugins_used(&["cap 0.1.0"]), plugins_used(&[]));
    for plugins in [&cap, &none, &cap, &cap] {
        let new = NewRelease {
            change: &config_add("A"),
            actor: &actor("jim@example.com"),
            at: NOON,
            state: &State::default(),
            plugins,
        };
        ledger.record(&name("shop"), &new).unwrap();
    }
    let sets = || sql(home.path(), "SELECT plugins FROM plugin_set");
    assert_eq!(sets(), serde_json::to_string(&cap).unwrap());
    let rows = "SELECT coalesce(plugins, 'none') || '' FROM release ORDER BY version";
    assert_eq!(sql(home.path(), rows), "1 none 1 1");
    ledger.destroy_app(&name("shop"), NOON).unwrap();
    assert_eq!(sets(), serde_json::to_string(&cap).unwrap());

    sql(home.path(), "UPDATE plugin_set SET plugins = '[hush'");
    ledger.create_app(&app("shop")).unwrap();
    record(&ledger, "shop", &config_add("A"), &State::default());
    sql(home.path(), "UPDATE release SET plugins = 1");
    let error = ledger.plugins_at(&name("shop"), v(1)).unwrap_err();
    let named = matches!(&error, LedgerError::Corrupt(at) if at == "plugin_set.plugins");
    assert!(named, "{error}");
}

#[test]
fn a_ledger_of_a_newer_slugline_is_refused_and_left_alone() {
    let home = slugline_testkit::private_folder();
    drop(SqliteLedger::open(home.path()).unwrap());
    sql(home.path(), "PRAGMA user_version = 99");
    let error = SqliteLedger::open(home.path()).unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::TooNew {
                found: 99,
                known: 10..=98
            }
        ),
        "{error}"
    );
    let format = sql(
        home.path(),
        "SELECT CAST(user_version AS TEXT) FROM pragma_user_version",
    );
    assert_eq!(format, "99");
}

/// Spoils one column, and checks that what is read says which, and not what was in it.
#[track_caller]
fn check_corrupt(table: &str, column: &str, place: &str, read: fn(&SqliteLedger) -> LedgerError) {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let what = state(Some(slug(1)), &[("A", "1")], &["memcache:free"]);
    let version = record(&ledger, "shop", &deploy(1), &what);
    let event = slugline_core::event::Event::Prune;
    ledger
        .settle(&name("shop"), version, &succeeded(&[event]))
        .unwrap();
    ledger
        .put_resource(&name("shop"), &resource(1, "memcache:free", Some(1)))
        .unwrap();
    drop(ledger);
    let kind = if column == "value" || table == "resource" && column == "body" {
        "BLOB"
    } else {
        "TEXT"
    };
    let spoil = format!(
        "UPDATE {table} SET {column} = CAST('hush' || char(0) || ' {{\"hush\":' AS {kind})"
    );
    sql(home.path(), &spoil);
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let error = read(&ledger);
    assert!(
        matches!(&error, LedgerError::Corrupt(at) if at == place),
        "{error}"
    );
    let mut whole = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        whole.push_str(&error.to_string());
        source = error.source();
    }
    assert!(!whole.contains("hush"), "{whole}");
}

#[test]
fn what_cannot_be_read_is_named_without_its_value() {
    let moment = |ledger: &SqliteLedger| ledger.moment(&name("shop")).unwrap_err();
    let resources = |ledger: &SqliteLedger| ledger.resources(&name("shop")).unwrap_err();
    check_corrupt("release", "change", "release.change", moment);
    check_corrupt("release", "actor", "release.actor", moment);
    check_corrupt("slug", "body", "slug.body", moment);
    check_corrupt("config_now", "value", "config.value", moment);
    check_corrupt("config_now", "key", "config.key", moment);
    check_corrupt("config_now", "owner", "config.owner", moment);
    check_corrupt("addon_now", "plan", "addon.plan", moment);
    check_corrupt("addon_now", "service", "addon.service", moment);
    check_corrupt("addon_now", "resource", "addon.resource", moment);
    check_corrupt("app", "owner", "app.owner", moment);
    check_corrupt("resource", "body", "resource.body", resources);
    check_corrupt("resource", "plan", "resource.plan", resources);
    check_corrupt("outbox", "event", "outbox.event", |ledger| {
        ledger.outbox(&name("shop")).unwrap_err()
    });
    let usage = |ledger: &SqliteLedger| ledger.usage(NOON, Timestamp(i64::MAX)).unwrap_err();
    check_corrupt("usage", "app", "usage.app", usage);
    check_corrupt("usage", "owner", "usage.owner", usage);
    check_corrupt("usage", "plan", "usage.plan", usage);
    check_corrupt("app", "name", "app.name", |ledger| {
        ledger.apps().unwrap_err()
    });
}

#[test]
fn a_current_release_that_is_missing_is_corrupt() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    release(&ledger, "shop", &config_add("A"), &State::default());
    sql(home.path(), "DELETE FROM release");
    let error = ledger.moment(&name("shop")).unwrap_err();
    assert!(
        matches!(&error, LedgerError::Corrupt(at) if at == "app.current_version"),
        "{error}"
    );
}

#[test]
fn pruning_leaves_receipts_and_no_interval_that_nobody_needs() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let with = |value: &str, plan: &str| state(Some(slug(1)), &[("A", value)], &[plan]);
    release(&ledger, "shop", &deploy(1), &with("one", "memcache:free"));
    release(
        &ledger,
        "shop",
        &config_add("A"),
        &with("two", "memcache:100mb"),
    );
    failing_release(
        &ledger,
        "shop",
        &config_add("A"),
        &with("three", "memcache:free"),
    );
    release(
        &ledger,
        "shop",
        &config_add("A"),
        &with("four", "memcache:100mb"),
    );
    let values = || {
        sql(
            home.path(),
            "SELECT CAST(from_version AS TEXT) FROM config_past ORDER BY from_version",
        )
    };
    let plans = || {
        sql(
            home.path(),
            "SELECT plan FROM addon_past ORDER BY from_version",
        )
    };
    assert_eq!(values(), "1 2 3");

    ledger.prune(&name("shop"), &[v(2), v(3)], NOON).unwrap();
    assert_eq!(
        (values().as_str(), plans().as_str()),
        ("1", "memcache:free")
    );
    ledger
        .prune(&name("shop"), &[v(1), v(2), v(4)], NOON)
        .unwrap();
    assert_eq!((values().as_str(), plans().as_str()), ("", ""));
    let receipts = sql(
        home.path(),
        "SELECT version || ':' || status || ':' || json_extract(change, '$.kind') || ':' ||
            (slug = printf('%064x', 1)) || ':' || (pruned_at = 1329211800000)
        FROM receipt ORDER BY version",
    );
    assert_eq!(
        receipts,
        "1:succeeded:deploy:1:1 2:succeeded:config_add:1:1 3:failed:config_add:1:1"
    );
    assert_eq!(
        ledger.state_at(&name("shop"), v(4)).unwrap(),
        with("four", "memcache:100mb")
    );
}

#[test]
fn a_value_of_a_pruned_failure_is_not_kept_when_the_next_release_ends_it() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let with = |value: &str| state(None, &[("A", value)], &[]);
    release(&ledger, "shop", &config_add("A"), &with("one"));
    failing_release(&ledger, "shop", &config_add("A"), &with("two"));
    ledger.prune(&name("shop"), &[v(2)], NOON).unwrap();
    release(&ledger, "shop", &config_add("A"), &with("three"));
    let left = sql(
        home.path(),
        "SELECT CAST(from_version AS TEXT) FROM config_past",
    );
    assert_eq!(left, "1");
}

#[test]
fn a_destroyed_app_leaves_only_its_resources_and_what_it_has_cost() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    for nth in 1..=3 {
        let plans = [["memcache:free"], ["memcache:100mb"]];
        let what = state(
            Some(slug(nth)),
            &[("A", &nth.to_string())],
            &plans[nth as usize % 2],
        );
        release(&ledger, "shop", &deploy(nth), &what);
    }
    ledger
        .install_first_tier(&name("shop"), &addon("releases:basic"), NOON)
        .unwrap();
    ledger.prune(&name("shop"), &[v(1)], NOON).unwrap();
    ledger
        .put_resource(&name("shop"), &resource(1, "memcache:free", None))
        .unwrap();
    ledger.destroy_app(&name("shop"), NOON).unwrap();
    let tables = sql(
        home.path(),
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    let rows = |table: &str| {
        sql(
            home.path(),
            &format!("SELECT CAST(count(*) AS TEXT) FROM {table}"),
        )
    };
    let filled: Vec<_> = tables
        .split(' ')
        .filter(|table| rows(table) != "0")
        .collect();
    assert_eq!(filled, ["usage", "data_key", "resource", "audit"]);
    assert!(tables.split(' ').count() > 8, "{tables}");
}

#[test]
fn a_failed_delivery_is_counted_with_its_reason() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let version = record(&ledger, "shop", &config_add("A"), &State::default());
    let event = slugline_core::event::Event::Prune;
    ledger
        .settle(&name("shop"), version, &succeeded(&[event]))
        .unwrap();
    let place = ledger.outbox(&name("shop")).unwrap()[0].place;
    ledger.undelivered(place, "timed out", NOON).unwrap();
    ledger
        .undelivered(place, "connection refused", NOON)
        .unwrap();
    let noted = sql(
        home.path(),
        "SELECT attempts || ' ' || (length(last_error) > 30) FROM outbox",
    );
    assert_eq!(noted, "2 1");
}
