//! What one process remembers of the newest release is not believed when another has written since.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use slugline_core::port::Ledger;
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{
    NOON, app, config_add, failing_release, name, record, release, state, succeeded, v,
};

fn of(vars: &[(&str, &str)]) -> State {
    state(None, vars, &["memcache:free"])
}

/// Each release holds what was recorded for it, whoever recorded it, and its digests are right.
fn check(ledger: &SqliteLedger, expected: &[State]) {
    for (number, state) in (1..).zip(expected) {
        let found = ledger.state_at(&name("shop"), v(number)).unwrap();
        assert!(found == *state, "v{number}");
    }
    let verified = ledger.verify(&name("shop")).unwrap();
    assert_eq!(verified.altered, None);
    assert_eq!(verified.kept, expected.len() as u64);
}

#[test]
fn what_another_has_written_is_seen() {
    let home = slugline_testkit::private_folder();
    let one = SqliteLedger::open(home.path()).unwrap();
    let two = SqliteLedger::open(home.path()).unwrap();
    one.create_app(&app("shop")).unwrap();
    one.create_app(&app("blog")).unwrap();
    let states = [
        of(&[("A", "1"), ("B", "1")]),
        of(&[("A", "2"), ("B", "1"), ("C", "1")]),
        of(&[("A", "1"), ("B", "1")]),
        of(&[("A", "1"), ("C", "3")]),
        state(None, &[("A", "1"), ("C", "3")], &[]),
        of(&[]),
    ];
    let handles = [&one, &two, &one, &one, &two, &one];
    for (ledger, state) in handles.into_iter().zip(&states) {
        release(ledger, "shop", &config_add("A"), state);
        // Another app's newest is not this one's.
        release(ledger, "blog", &config_add("A"), &of(&[("A", "9")]));
        one.moment(&name("shop")).unwrap();
    }
    check(&one, &states);
    check(&two, &states);
}

#[test]
fn an_app_of_the_same_name_is_another_one() {
    let home = slugline_testkit::private_folder();
    let one = SqliteLedger::open(home.path()).unwrap();
    let two = SqliteLedger::open(home.path()).unwrap();
    one.create_app(&app("shop")).unwrap();
    release(&one, "shop", &config_add("A"), &of(&[("A", "1")]));
    two.destroy_app(&name("shop"), NOON).unwrap();
    two.create_app(&app("shop")).unwrap();
    release(&one, "shop", &config_add("A"), &of(&[("A", "1")]));
    check(&two, &[of(&[("A", "1")])]);
}

#[test]
fn what_failed_or_was_pruned_is_what_the_next_is_held_against() {
    let home = slugline_testkit::private_folder();
    let one = SqliteLedger::open(home.path()).unwrap();
    one.create_app(&app("shop")).unwrap();
    let (old, new) = (of(&[("A", "1"), ("B", "1")]), of(&[("A", "2")]));
    release(&one, "shop", &config_add("A"), &old);
    failing_release(&one, "shop", &config_add("A"), &new);
    one.moment(&name("shop")).unwrap();
    release(&one, "shop", &config_add("A"), &old);
    check(&one, &[old.clone(), new.clone(), old.clone()]);
    failing_release(&one, "shop", &config_add("A"), &new);
    one.prune(&name("shop"), &[v(4)], NOON).unwrap();
    release(&one, "shop", &config_add("A"), &new);
    assert!(one.state_at(&name("shop"), v(5)).unwrap() == new);
    assert_eq!(one.verify(&name("shop")).unwrap().altered, None);
}

#[test]
fn a_ledger_put_back_from_a_copy_is_not_taken_for_what_it_was() {
    let home = slugline_testkit::private_folder();
    let one = SqliteLedger::open(home.path()).unwrap();
    one.create_app(&app("shop")).unwrap();
    release(&one, "shop", &config_add("A"), &of(&[("A", "1")]));
    let copy = home.path().join("copy.db");
    let db = rusqlite::Connection::open(home.path().join("ledger.db")).unwrap();
    db.execute("VACUUM INTO ?1", [copy.display().to_string()])
        .unwrap();
    release(&one, "shop", &config_add("A"), &of(&[("A", "2")]));
    // Back to v1, in the same file, and another v2 by somebody else.
    db.execute("ATTACH ?1 AS copy", [copy.display().to_string()])
        .unwrap();
    let mut tables = db
        .prepare("SELECT name FROM copy.sqlite_master WHERE type = 'table'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    db.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")
        .unwrap();
    for table in tables {
        let back = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM copy.{table}"
        );
        db.execute_batch(&back).unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
    let two = SqliteLedger::open(home.path()).unwrap();
    let other = of(&[("A", "other"), ("B", "1")]);
    release(&two, "shop", &config_add("A"), &other);
    let version = record(&one, "shop", &config_add("A"), &of(&[("A", "2")]));
    one.settle(&name("shop"), version, &succeeded(&[])).unwrap();
    check(&two, &[of(&[("A", "1")]), other, of(&[("A", "2")])]);
}
