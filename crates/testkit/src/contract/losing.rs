//! What goes: pruned releases, unused slugs, destroyed apps (S1, S15).

use std::collections::BTreeSet;

use slugline_core::event::Event;
use slugline_core::port::{Kept, Ledger, LedgerError};
use slugline_core::release::Version;
use slugline_core::slug::Slug;
use slugline_core::state::State;

use crate::values::{
    NOON, addon, app, config_add, deploy, failing_release, name, record, release, resource, slug,
    state, succeeded, v,
};

/// Releases of one app with config vars and add-ons that come, change, go and come back.
fn restless(ledger: &dyn Ledger, count: u64) -> Vec<State> {
    ledger.create_app(&app("shop")).expect("created");
    let mut states = Vec::new();
    for nth in 1..=count {
        let (often, seldom) = (nth.to_string(), (nth / 3).to_string());
        let mut config = vec![("SELDOM", seldom.as_str()), ("ALWAYS", "same")];
        if nth % 2 == 0 {
            config.push(("OFTEN", &often));
        }
        let addons: &[&str] = match nth % 4 {
            0 => &["memcache:free"],
            1 => &["memcache:100mb", "mail:free"],
            _ => &[],
        };
        let state = state(Some(slug(nth / 2)), &config, addons);
        release(ledger, "shop", &config_add("OFTEN"), &state);
        states.push(state);
    }
    states
}

fn check_kept(ledger: &dyn Ledger, states: &[State], pruned: &BTreeSet<u64>) {
    for (nth, state) in (1..).zip(states) {
        if pruned.contains(&nth) {
            assert_eq!(
                ledger.release(&name("shop"), v(nth)).expect("an answer"),
                None
            );
            let error = ledger.state_at(&name("shop"), v(nth)).expect_err("pruned");
            assert!(matches!(error, LedgerError::NoRelease(..)), "{error}");
        } else {
            let at = ledger.state_at(&name("shop"), v(nth)).expect("a state");
            assert_eq!(&at, state, "v{nth} without {pruned:?}");
        }
    }
}

/// One by one, in an order that makes gaps, joins them and moves on (S15).
pub fn pruned_releases_are_gone_and_the_rest_is_as_it_was(ledger: &dyn Ledger) {
    let states = restless(ledger, 14);
    let mut pruned = BTreeSet::new();
    for step in [
        &[7][..],
        &[5],
        &[6],
        &[1],
        &[13, 2, 2, 99],
        &[9, 11, 10],
        &[3, 4, 8, 12],
    ] {
        let versions: Vec<Version> = step.iter().map(|nth| v(*nth)).collect();
        ledger
            .prune(&name("shop"), &versions, NOON)
            .expect("pruned");
        pruned.extend(step.iter().copied());
        check_kept(ledger, &states, &pruned);
    }
    let kept = ledger.history(&name("shop"), None, 99).expect("a history");
    assert_eq!(kept.len(), 1);
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").state,
        states[13]
    );
}

/// Even if they are named, and while one is both the newest and pending; what comes after a pending
/// one waits for it.
pub fn current_and_pending_releases_are_not_pruned(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    ledger.prune(&name("shop"), &[v(1)], NOON).expect("pruned");
    let with = |value| state(None, &[("A", value)], &[]);
    let lost = record(ledger, "shop", &config_add("A"), &with("1"));
    let behind = release(ledger, "shop", &config_add("A"), &with("behind"));
    ledger
        .prune(&name("shop"), &[lost, behind], NOON)
        .expect("pruned");
    assert!(
        ledger
            .release(&name("shop"), behind)
            .expect("an answer")
            .is_some()
    );
    ledger
        .settle(&name("shop"), lost, &succeeded(&[]))
        .expect("settled");
    release(ledger, "shop", &config_add("A"), &with("2"));
    release(ledger, "shop", &config_add("A"), &with("3"));
    failing_release(ledger, "shop", &config_add("A"), &with("4"));
    record(ledger, "shop", &config_add("A"), &with("5"));
    let all: Vec<Version> = (0..9).map(v).collect();
    ledger.prune(&name("shop"), &all, NOON).expect("pruned");
    let kept = ledger.history(&name("shop"), None, 99).expect("a history");
    let kept: Vec<u64> = kept
        .into_iter()
        .map(|release| release.version.number())
        .collect();
    assert_eq!(kept, [6, 4]);
    for (version, value) in [(v(6), "5"), (v(4), "3")] {
        assert_eq!(
            ledger.state_at(&name("shop"), version).expect("a state"),
            with(value)
        );
    }
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").state,
        with("3")
    );
}

/// S13: whatever is asked, and until they are let go.
pub fn pinned_releases_are_not_pruned(ledger: &dyn Ledger) {
    let shop = name("shop");
    let states = restless(ledger, 6);
    let pinned = |number: u64, pinned: bool| {
        ledger
            .set_release_pinned(&shop, v(number), pinned)
            .expect("kept");
        let release = ledger.release(&shop, v(number)).expect("an answer");
        assert_eq!(release.map(|release| release.pinned), Some(pinned));
    };
    for number in [2, 3, 3, 6] {
        pinned(number, true);
    }
    let marks = || -> Vec<(u64, bool)> {
        let kept = ledger.history(&shop, None, 99).expect("a history");
        let mark =
            |release: slugline_core::release::Release| (release.version.number(), release.pinned);
        kept.into_iter().map(mark).collect()
    };
    let all: Vec<Version> = (0..9).map(v).collect();
    ledger.prune(&shop, &all, NOON).expect("pruned");
    assert_eq!(marks(), [(6, true), (3, true), (2, true)]);
    check_kept(ledger, &states, &[1, 4, 5].into());
    let moment = ledger.moment(&shop).expect("a moment");
    assert_eq!(moment.current.map(|current| current.pinned), Some(true));

    pinned(3, false);
    ledger.prune(&shop, &all, NOON).expect("pruned");
    assert_eq!(marks(), [(6, true), (2, true)]);
    for gone in [1, 3, 7] {
        let error = ledger.set_release_pinned(&shop, v(gone), true);
        let error = error.expect_err("not kept");
        assert!(matches!(error, LedgerError::NoRelease(..)), "{error}");
    }
    // A release that is pinned and newly current was not: the pin is of one release.
    release(ledger, "shop", &config_add("A"), &states[0]);
    assert_eq!(marks(), [(7, false), (6, true), (2, true)]);
}

/// S1: not after pruning either, not even the newest number.
pub fn pruned_numbers_never_come_back(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let nothing = state(None, &[], &[]);
    for _ in 0..3 {
        failing_release(ledger, "shop", &config_add("A"), &nothing);
    }
    ledger
        .prune(&name("shop"), &[v(1), v(2), v(3)], NOON)
        .expect("pruned");
    assert_eq!(
        ledger.history(&name("shop"), None, 9).expect("a history"),
        []
    );
    assert_eq!(release(ledger, "shop", &config_add("A"), &nothing), v(4));
}

/// What a pruned failure had changed is not taken for the app's state, nor lost to the next.
pub fn a_pruned_failure_is_still_what_the_next_release_follows(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let good = state(None, &[("A", "1"), ("B", "1")], &["memcache:free"]);
    let bad = state(
        None,
        &[("A", "2"), ("C", "2")],
        &["memcache:100mb", "mail:free"],
    );
    let next = state(
        None,
        &[("A", "2"), ("B", "1")],
        &["memcache:free", "mail:free"],
    );
    release(ledger, "shop", &config_add("A"), &good);
    failing_release(ledger, "shop", &config_add("A"), &bad);
    ledger.prune(&name("shop"), &[v(2)], NOON).expect("pruned");
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, good);
    release(ledger, "shop", &config_add("A"), &next);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, next);
    assert_eq!(ledger.state_at(&name("shop"), v(1)).expect("a state"), good);
    failing_release(ledger, "shop", &config_add("A"), &bad);
    release(ledger, "shop", &config_add("A"), &good);
    ledger
        .prune(&name("shop"), &[v(1), v(3)], NOON)
        .expect("pruned");
    assert_eq!(ledger.state_at(&name("shop"), v(4)).expect("a state"), bad);
    assert_eq!(ledger.state_at(&name("shop"), v(5)).expect("a state"), good);
}

/// Every second one of a longer history.
pub fn many_gaps_at_once_leave_the_rest_as_it_was(ledger: &dyn Ledger) {
    let states = restless(ledger, 150);
    let pruned: BTreeSet<u64> = (1..150)
        .filter(|nth| nth % 2 == 1 || nth % 7 == 0)
        .collect();
    let versions: Vec<Version> = pruned.iter().map(|nth| v(*nth)).collect();
    ledger
        .prune(&name("shop"), &versions, NOON)
        .expect("pruned");
    check_kept(ledger, &states, &pruned);
}

/// A slug is in use while a release holds it or it is an app's newest deploy.
pub fn slugs_are_in_use_as_long_as_something_refers_to_them(ledger: &dyn Ledger) {
    let check = |expected: &[u64]| {
        let mut slugs = ledger.slugs_in_use().expect("slugs");
        slugs.sort_by(|a, b| a.id.cmp(&b.id));
        let expected: Vec<Slug> = expected.iter().map(|number| slug(*number)).collect();
        assert_eq!(slugs, expected);
    };
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    check(&[]);
    let with = |number| state(Some(slug(number)), &[], &[]);
    release(ledger, "shop", &deploy(1), &with(1));
    release(ledger, "shop", &deploy(2), &with(2));
    failing_release(ledger, "shop", &deploy(3), &with(3));
    release(ledger, "blog", &deploy(1), &with(1));
    check(&[1, 2, 3]);
    release(ledger, "shop", &config_add("A"), &with(1));
    ledger
        .prune(&name("shop"), &[v(1), v(2), v(3)], NOON)
        .expect("pruned");
    check(&[1, 2]);
    release(ledger, "shop", &deploy(4), &with(4));
    check(&[1, 4]);
    ledger.destroy_app(&name("shop"), NOON).expect("destroyed");
    check(&[1]);
    ledger.destroy_app(&name("blog"), NOON).expect("destroyed");
    check(&[]);
}

/// Nothing of it is left but its resources; another of its name begins at v1.
pub fn a_destroyed_app_is_gone_and_its_name_is_free(ledger: &dyn Ledger) {
    let shop = name("shop");
    restless(ledger, 9);
    let pending = record(ledger, "shop", &deploy(9), &state(Some(slug(9)), &[], &[]));
    ledger
        .settle(&shop, pending, &succeeded(&[Event::Prune, Event::Prune]))
        .expect("settled");
    ledger
        .install_first_tier(&shop, &addon("releases:basic"), NOON)
        .expect("installed");
    ledger.set_code_pinned(&shop, true).expect("pinned");
    ledger.prune(&shop, &[v(2), v(3)], NOON).expect("pruned");
    let kept = [resource(1, "memcache:free", Some(4000))];
    ledger.put_resource(&shop, &kept[0]).expect("put");
    let place = ledger.outbox(&shop).expect("an outbox")[0].place;

    ledger.destroy_app(&shop, NOON).expect("destroyed");
    let error = ledger.moment(&shop).expect_err("destroyed");
    assert!(
        matches!(&error, LedgerError::NoApp(name) if *name == shop),
        "{error}"
    );
    assert_eq!(ledger.apps().expect("apps"), []);
    assert_eq!(ledger.resources(&shop).expect("resources"), kept);
    assert_eq!(ledger.ports_in_use().expect("ports"), [4000]);

    ledger.create_app(&app("shop")).expect("created");
    let moment = ledger.moment(&shop).expect("a moment");
    assert_eq!(
        (moment.last, moment.pending, moment.current),
        (Version::NONE, None, None)
    );
    assert_eq!(
        (moment.state, moment.newest_deploy),
        (State::default(), None)
    );
    assert!(!moment.code_pinned);
    assert_eq!(ledger.outbox(&shop).expect("an outbox"), []);
    let first = state(None, &[("A", "1")], &[]);
    assert_eq!(release(ledger, "shop", &config_add("A"), &first), v(1));
    assert_eq!(ledger.state_at(&shop, v(1)).expect("a state"), first);
    ledger.prune(&shop, &[v(1)], NOON).expect("pruned");
    let settled = record(ledger, "shop", &config_add("A"), &first);
    ledger
        .settle(&shop, settled, &succeeded(&[Event::Prune]))
        .expect("settled");
    // Who delivers an event of the app that is gone takes none from the new one.
    ledger.delivered(place).expect("delivered");
    assert_eq!(ledger.outbox(&shop).expect("an outbox").len(), 1);
    assert_eq!(ledger.resources(&shop).expect("resources"), kept);
}

/// What is kept beside a release is its own, is replaced, and goes with it.
pub fn what_is_kept_beside_a_release_goes_with_it(ledger: &dyn Ledger) {
    let shop = name("shop");
    ledger.create_app(&app("shop")).expect("created");
    for key in ["A", "B", "C"] {
        release(ledger, "shop", &config_add(key), &state(None, &[], &[]));
    }
    let kept = |version, what| ledger.kept(&shop, version, what).expect("an answer");
    let keep = |version, what, text| ledger.keep(&shop, version, what, text);
    assert_eq!(kept(v(1), Kept::Output), None);
    let long = "migrated\n\u{1F600}".repeat(60_000);
    for text in ["", "first", &long] {
        keep(v(1), Kept::Output, text).expect("kept");
        assert_eq!(kept(v(1), Kept::Output).as_deref(), Some(text));
    }
    keep(v(2), Kept::Verdict, "it went bad").expect("kept");
    assert_eq!(kept(v(1), Kept::Verdict), None);
    assert_eq!(kept(v(2), Kept::Output), None);
    assert_eq!(kept(v(2), Kept::Verdict).as_deref(), Some("it went bad"));
    ledger.prune(&shop, &[v(1)], NOON).expect("pruned");
    assert_eq!(kept(v(1), Kept::Output), None);
    for gone in [v(1), v(9)] {
        let error = keep(gone, Kept::Output, "late").expect_err("it is gone");
        assert!(
            matches!(&error, LedgerError::NoRelease(_, which) if *which == gone),
            "{error}"
        );
    }
    assert_eq!(kept(v(2), Kept::Verdict).as_deref(), Some("it went bad"));
}
