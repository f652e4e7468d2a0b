//! Values at rest: what is secret is in no file of the home in the clear, opens only where it was
//! written, and outlives new keys.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where tests do")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use slugline_core::journal::Effect;
use slugline_core::port::{Ledger, LedgerError};
use slugline_ledger::{KEY_FILE, KeySource, PluginStore, SqliteLedger};
use slugline_testkit::values::{
    NOON, addon, app, config_add, name, release, resource, resource_id, state, v,
};

const MARKER: &str = "s3cr3t-marker";

/// The files under a folder that hold the marker.
fn with_marker(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(with_marker(&path));
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(MARKER) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A home whose ledger holds the marker wherever it may hold a secret.
fn planted() -> tempfile::TempDir {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    for value in [MARKER, "plain", MARKER] {
        let what = state(None, &[("A", value), ("B", MARKER)], &[]);
        release(&ledger, "shop", &config_add("A"), &what);
    }
    let mut one = resource(7, "memcache:free", None);
    one.options.insert("url".into(), MARKER.into());
    one.process = Some(vec!["server".into(), MARKER.into()]);
    ledger.put_resource(&name("shop"), &one).unwrap();
    let place = outbox(&ledger);
    ledger.undelivered(place, MARKER, NOON).unwrap();
    let begun = Effect::Provision {
        id: resource_id(8),
        plan: addon("memcache:free").plan,
        options: [("url".to_owned(), MARKER.to_owned())].into(),
    };
    ledger.begin_effects(&name("shop"), &[begun]).unwrap();
    let store = PluginStore::open(home.path(), KeySource::File).unwrap();
    store.set("mine", "token", MARKER, 9).unwrap();
    home
}

fn outbox(ledger: &SqliteLedger) -> i64 {
    use slugline_core::port::{NewRelease, Outcome, Settlement};
    use slugline_testkit::values::{NOON, actor};
    let what = state(None, &[("A", MARKER), ("B", MARKER)], &[]);
    let new = NewRelease {
        change: &config_add("B"),
        actor: &actor("jim@example.com"),
        at: NOON,
        state: &what,
        plugins: &std::collections::BTreeSet::new(),
    };
    let version = ledger.record(&name("shop"), &new).unwrap();
    let settlement = Settlement {
        outcome: Outcome::Succeeded { code_pinned: false },
        at: NOON,
        events: vec![slugline_core::event::Event::Prune],
    };
    ledger.settle(&name("shop"), version, &settlement).unwrap();
    ledger.outbox(&name("shop")).unwrap()[0].place
}

#[test]
fn no_file_holds_a_secret_in_the_clear() {
    let home = planted();
    assert_eq!(with_marker(home.path()), Vec::<String>::new());
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let vars = ledger.state_at(&name("shop"), v(1)).unwrap().config;
    assert!(vars.iter().all(|(_, var)| var.value.reveal() == MARKER));
    assert_eq!(vars.iter().count(), 2);
}

#[test]
fn what_an_older_format_kept_in_the_clear_is_gone() {
    let home = slugline_testkit::private_folder();
    let db = Connection::open(home.path().join("ledger.db")).unwrap();
    db.execute_batch(include_str!("fixtures/v1.sql")).unwrap();
    db.execute_batch(&format!(
        "UPDATE config_now SET value = '{MARKER}'; UPDATE config_past SET value = '{MARKER}';"
    ))
    .unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    assert!(!with_marker(home.path()).is_empty());
    let ledger = SqliteLedger::open(home.path()).unwrap();
    assert_eq!(with_marker(home.path()), Vec::<String>::new());
    let vars = ledger.state_at(&name("shop"), v(3)).unwrap().config;
    assert!(vars.iter().any(|(_, var)| var.value.reveal() == MARKER));
}

fn refused(result: Result<slugline_core::port::Moment, LedgerError>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(!text.contains(MARKER), "{text}");
    text
}

#[test]
fn a_value_that_was_moved_or_altered_does_not_open() {
    let check = |alteration: &str| {
        let home = planted();
        let db = Connection::open(home.path().join("ledger.db")).unwrap();
        db.execute_batch(alteration).unwrap();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        let text = refused(ledger.moment(&name("shop")));
        assert!(text.contains("config.value"), "{alteration}: {text}");
    };
    check(
        "UPDATE config_now SET value = (SELECT value FROM config_now WHERE key = 'B') WHERE key = 'A'",
    );
    check("UPDATE config_now SET from_version = from_version + 1");
    check("UPDATE config_now SET value = zeroblob(60)");
    check("UPDATE config_now SET value = randomblob(length(value))");
    check("UPDATE config_now SET value = x''");
}

#[test]
fn without_the_key_or_with_another_one_it_says_so() {
    let home = planted();
    let key = home.path().join(KEY_FILE);
    let kept = std::fs::read_to_string(&key).unwrap();
    let check = |expected: &str| {
        let ledger = SqliteLedger::open(home.path()).unwrap();
        let text = refused(ledger.moment(&name("shop")));
        assert!(text.contains(expected), "{text}");
        // What is not secret is there all the same.
        assert_eq!(ledger.history(&name("shop"), None, 9).unwrap().len(), 4);
    };
    std::fs::remove_file(&key).unwrap();
    check("ledger.key is missing");
    std::fs::write(&key, "00".repeat(32)).unwrap();
    check("chmod 600");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    check("it was made with the key");
    std::fs::remove_file(&key).unwrap();
    let digits = kept.lines().last().unwrap();
    for source in [
        KeySource::Given(digits.to_owned()),
        KeySource::Command(format!("echo {digits}")),
    ] {
        let ledger = SqliteLedger::open_with(home.path(), source).unwrap();
        assert!(ledger.moment(&name("shop")).is_ok());
    }
}

#[test]
fn a_home_that_others_can_look_into_is_refused() {
    let home = planted();
    for mode in [0o755, 0o710, 0o701] {
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = SqliteLedger::open(home.path()).unwrap_err();
        assert!(matches!(error, LedgerError::NotPrivate { .. }), "{error}");
    }
}

#[test]
fn new_keys_open_all_there_was_and_the_old_ones_nothing() {
    let home = planted();
    let key = home.path().join(KEY_FILE);
    let before = std::fs::read_to_string(&key).unwrap();
    // These have the old keys at hand, and go on without noticing.
    let writer = SqliteLedger::open(home.path()).unwrap();
    let store = PluginStore::open(home.path(), KeySource::File).unwrap();
    let moment = writer.moment(&name("shop")).unwrap();
    let states: Vec<_> = (1..=4)
        .map(|n| writer.state_at(&name("shop"), v(n)).unwrap())
        .collect();
    let rotated = SqliteLedger::open(home.path())
        .unwrap()
        .rotate_keys(None)
        .unwrap();
    assert!(rotated.master);
    // A: v1, v2, v3 on; B from v1 on; a resource, a plugin's value, what an event failed with, an effect.
    assert_eq!(rotated.values, 4 + 4);
    assert_eq!(writer.moment(&name("shop")).unwrap(), moment);
    assert_eq!(store.get("mine", "token").unwrap().as_deref(), Some(MARKER));
    release(
        &writer,
        "shop",
        &config_add("C"),
        &state(None, &[("C", "new")], &[]),
    );
    let after = std::fs::read_to_string(&key).unwrap();
    assert_ne!(before, after);
    assert_eq!(before.lines().count(), after.lines().count());
    let ledger = SqliteLedger::open(home.path()).unwrap();
    for (state, number) in states.iter().zip(1..) {
        assert_eq!(ledger.state_at(&name("shop"), v(number)).unwrap(), *state);
    }
    std::fs::write(&key, before).unwrap();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    assert!(refused(ledger.moment(&name("shop"))).contains("it was made with the key"));
}

#[test]
fn a_rotation_that_died_before_or_after_its_transaction_leaves_a_ledger_that_opens() {
    let home = planted();
    let key = home.path().join(KEY_FILE);
    let old = std::fs::read_to_string(&key).unwrap();
    let both = |first: &str, second: &str| {
        let last = second.lines().last().unwrap();
        std::fs::write(&key, format!("{first}{last}\n")).unwrap();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        ledger.moment(&name("shop")).unwrap();
        ledger.rotate_keys(None).unwrap();
        let lines = std::fs::read_to_string(&key).unwrap();
        assert_eq!(lines.lines().count(), 2);
        SqliteLedger::open(home.path())
            .unwrap()
            .moment(&name("shop"))
            .unwrap();
    };
    both(&old, &"5a".repeat(32));
    let new = std::fs::read_to_string(&key).unwrap();
    both(&old, &new);
}

#[test]
fn a_key_kept_elsewhere_is_replaced_by_one_that_is_given() {
    let home = slugline_testkit::private_folder();
    let given = |byte: &str| KeySource::Given(byte.repeat(32));
    let ledger = SqliteLedger::open_with(home.path(), given("01")).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    release(
        &ledger,
        "shop",
        &config_add("A"),
        &state(None, &[("A", MARKER)], &[]),
    );
    assert!(!home.path().join(KEY_FILE).exists());
    assert!(!ledger.rotate_keys(None).unwrap().master);
    assert!(ledger.rotate_keys(Some(given("02"))).unwrap().master);
    let open = |byte| {
        SqliteLedger::open_with(home.path(), given(byte))
            .unwrap()
            .moment(&name("shop"))
    };
    assert!(open("02").is_ok());
    assert!(refused(open("01")).contains("it was made with the key"));
}

#[test]
fn rotations_that_race_leave_one_key_which_opens_everything() {
    let home = planted();
    let shop = name("shop");
    let before = SqliteLedger::open(home.path())
        .unwrap()
        .moment(&shop)
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let ledger = SqliteLedger::open(home.path()).unwrap();
                let store = PluginStore::open(home.path(), KeySource::File).unwrap();
                for turn in 0..5 {
                    ledger.rotate_keys(None).unwrap();
                    store.set("mine", "turn", &turn.to_string(), 9).unwrap();
                }
            });
        }
    });
    let key = std::fs::read_to_string(home.path().join(KEY_FILE)).unwrap();
    assert_eq!(key.lines().count(), 2, "a line of explanation and one key");
    let after = SqliteLedger::open(home.path()).unwrap().moment(&shop);
    assert_eq!(after.unwrap(), before);
    let left = std::fs::read_dir(home.path()).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        !name.to_string_lossy().starts_with("ledger.") && name != "locks"
    });
    assert_eq!(left.count(), 0, "nothing half-written is left");
}
