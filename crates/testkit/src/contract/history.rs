//! What was, release by release, and a first tier, which is in none (S3, S7, S9).

use slugline_core::change::{Change, Half};
use slugline_core::port::{Ledger, LedgerError, NewRelease};
use slugline_core::release::{PluginsUsed, Status, Version};
use slugline_core::slug::SlugId;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use crate::values::{
    NOON, actor, addon, app, commit, config_add, deploy, failing_release, key, lent_var, name,
    plan, plugins_used, record, release, service, slug, state, succeeded, v,
};

/// At most so many, older than a number, newest first, or newer than one, oldest first; whatever
/// their status.
pub fn is_listed_newest_first_in_pages(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    ledger.create_app(&app("blog")).expect("created");
    let nothing = state(None, &[], &[]);
    release(ledger, "blog", &config_add("A"), &nothing);
    for _ in 0..6 {
        release(ledger, "shop", &config_add("A"), &nothing);
    }
    failing_release(ledger, "shop", &config_add("A"), &nothing);
    record(ledger, "shop", &config_add("A"), &nothing);
    let numbers = |before: Option<u64>, limit| {
        let rows = ledger
            .history(&name("shop"), before.map(v), limit)
            .expect("a history");
        rows.into_iter()
            .map(|release| release.version.number())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(None, 3), [8, 7, 6]);
    assert_eq!(numbers(Some(6), 3), [5, 4, 3]);
    assert_eq!(numbers(Some(3), 15), [2, 1]);
    assert_eq!(numbers(None, usize::MAX), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(numbers(Some(u64::MAX), 1), [8]);
    for (before, limit) in [(Some(1), 9), (Some(0), 9), (None, 0)] {
        assert_eq!(numbers(before, limit), [0; 0]);
    }
    let upwards = |after: Option<u64>, limit| {
        let rows = ledger
            .history_after(&name("shop"), after.map(v), limit)
            .expect("a history");
        rows.into_iter()
            .map(|release| release.version.number())
            .collect::<Vec<_>>()
    };
    assert_eq!(upwards(None, 3), [1, 2, 3]);
    assert_eq!(upwards(Some(6), 3), [7, 8]);
    assert_eq!(upwards(Some(8), 3), [0; 0]);
    let rows = ledger.history(&name("shop"), None, 3).expect("a history");
    let words: Vec<_> = rows.iter().map(|release| release.status.word()).collect();
    assert_eq!(words, ["pending", "failed", "succeeded"]);
}

/// Changes of every kind, each with the state that it leads to.
fn one_of_each_change() -> Vec<(Change, State)> {
    let bare = state(Some(slug(1)), &[], &[]);
    let with_var = state(Some(slug(1)), &[("A", "1")], &[]);
    let mut lent = state(Some(slug(1)), &[("A", "1")], &["memcache:free"]);
    let (servers, var) = lent_var("MEMCACHE_SERVERS", "127.0.0.1:1", "memcache");
    lent.config.insert(servers, var);
    let mut dearer = lent.clone();
    let (memcache, free) = (service("memcache"), plan("memcache:free"));
    let dear = addon("memcache:100mb");
    dearer.addons.insert(memcache.clone(), dear.clone());
    let add = Change::AddonAdd {
        plan: free.clone(),
        named: false,
    };
    let remove = Change::ConfigRemove {
        keys: [key("A")].into(),
    };
    let back = |target, half| Change::Rollback {
        target: v(target),
        half,
        // Of one half only, so that both are seen.
        pin: half.is_none(),
    };
    vec![
        (deploy(1), bare.clone()),
        (config_add("A"), with_var.clone()),
        (add, lent.clone()),
        (Change::AddonUpgrade { plan: dear.plan }, dearer),
        (Change::AddonDowngrade { plan: free }, lent),
        (Change::AddonRemove { service: memcache }, with_var.clone()),
        (remove, bare),
        (back(2, None), with_var),
        (back(1, Some(Half::Config)), state(None, &[], &[])),
    ]
}

/// Code, config vars with their owners, and add-ons: of each release exactly what was recorded.
pub fn each_release_keeps_the_state_it_was_recorded_with(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let (shop, joe) = (name("shop"), actor("joe@example.com"));
    let steps = one_of_each_change();
    for (at, (change, state)) in (-3..).map(Timestamp).zip(&steps) {
        let release = NewRelease {
            change,
            actor: &joe,
            at,
            state,
            plugins: &PluginsUsed::new(),
        };
        let version = ledger.record(&shop, &release).expect("recorded");
        ledger
            .settle(&shop, version, &succeeded(&[]))
            .expect("settled");
    }
    for ((version, at), (change, state)) in (1..).map(v).zip((-3..).map(Timestamp)).zip(&steps) {
        let found = ledger
            .release(&shop, version)
            .expect("an answer")
            .expect("kept");
        assert_eq!((&found.change, found.status), (change, Status::Succeeded));
        assert_eq!((&found.actor, found.created_at), (&joe, at));
        assert_eq!(found.slug, state.slug);
        assert_eq!(&ledger.state_at(&shop, version).expect("a state"), state);
        assert_eq!(
            ledger.addons_at(&shop, version).expect("add-ons"),
            state.addons
        );
    }
}

/// The plugins that were asked for each release, of whatever other release is pruned.
pub fn each_release_names_the_plugins_that_were_asked(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let shop = name("shop");
    let sets: [&[&str]; 5] = [
        &["memcache 1.0.0", "cap 0.1.0"],
        &[],
        &["memcache 1.0.1", "cap 0.1.0"],
        &["cap 0.1.0", "memcache 1.0.0"],
        &["cap 0.1.0"],
    ];
    let what = state(None, &[], &[]);
    for plugins in sets {
        let release = NewRelease {
            change: &config_add("A"),
            actor: &actor("joe@example.com"),
            at: NOON,
            state: &what,
            plugins: &plugins_used(plugins),
        };
        let version = ledger.record(&shop, &release).expect("recorded");
        let settled = ledger.settle(&shop, version, &succeeded(&[]));
        settled.expect("settled");
    }
    ledger.prune(&shop, &[v(1)], NOON).expect("pruned");
    for (version, plugins) in (1..).map(v).zip(sets).skip(1) {
        let found = ledger.plugins_at(&shop, version).expect("plugins");
        assert_eq!(found, plugins_used(plugins));
    }
    for gone in [v(1), v(6)] {
        let error = ledger.plugins_at(&shop, gone).expect_err("no release");
        assert!(
            matches!(error, LedgerError::NoRelease(_, at) if at == gone),
            "{error}"
        );
    }
}

/// Numbers that have no release.
pub fn a_number_without_a_release_says_so(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    release(
        ledger,
        "shop",
        &config_add("A"),
        &state(None, &[("A", "1")], &[]),
    );
    for version in [Version::NONE, v(2), v(u64::MAX)] {
        assert_eq!(
            ledger.release(&name("shop"), version).expect("an answer"),
            None
        );
        let error = ledger
            .state_at(&name("shop"), version)
            .expect_err("no release");
        assert!(
            matches!(error, LedgerError::NoRelease(_, at) if at == version),
            "{error}"
        );
        let error = ledger
            .addons_at(&name("shop"), version)
            .expect_err("no release");
        assert!(
            matches!(error, LedgerError::NoRelease(_, at) if at == version),
            "{error}"
        );
    }
}

/// A var that only a failed release had is in no other.
pub fn a_failed_release_has_a_state_and_leaves_none(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let first = state(None, &[("A", "1")], &["memcache:free"]);
    let bad = state(None, &[("A", "2"), ("B", "1")], &["mail:free"]);
    failing_release(ledger, "shop", &config_add("B"), &bad);
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").state,
        State::default()
    );
    release(ledger, "shop", &config_add("A"), &first);
    failing_release(ledger, "shop", &config_add("B"), &bad);
    failing_release(ledger, "shop", &config_add("B"), &bad);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, first);
    release(ledger, "shop", &config_add("A"), &first);
    for (version, expected) in [(1, &bad), (2, &first), (3, &bad), (4, &bad), (5, &first)] {
        assert_eq!(
            &ledger.state_at(&name("shop"), v(version)).expect("a state"),
            expected
        );
    }
}

/// S7: a value may be empty, hold `=`, newlines and any Unicode, up to 64 KiB.
pub fn values_come_back_byte_for_byte(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let long = "x".repeat(60 * 1024);
    let all = [
        ("EMPTY", ""),
        ("EQUALS", "a=b=c"),
        ("LINES", "one\r\ntwo\n\n"),
        ("UNICODE", "e\u{301} \u{1F980} 日本 \u{FEFF}"),
        ("QUOTES", "' \" ; -- \\ %s ?1"),
        ("NUMBER", "0042"),
        ("LONG", &long),
        ("lower", "a"),
        ("LOWER", "b"),
    ];
    let expected = state(None, &all, &[]);
    release(ledger, "shop", &config_add("A"), &expected);
    assert!(ledger.moment(&name("shop")).expect("a moment").state == expected);
    release(ledger, "shop", &config_add("A"), &state(None, &[], &[]));
    assert!(ledger.state_at(&name("shop"), v(1)).expect("a state") == expected);
}

/// Two commits may compile to the same bytes; each release keeps its own.
pub fn equal_digests_are_not_equal_slugs(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let mut other = slug(1);
    other.commit = commit(2);
    let states = [slug(1), other].map(|slug| state(Some(slug), &[], &[]));
    for (nth, state) in states.iter().enumerate() {
        release(ledger, "shop", &deploy(nth as u64 + 1), state);
    }
    for (nth, state) in states.iter().enumerate() {
        let at = ledger
            .state_at(&name("shop"), v(nth as u64 + 1))
            .expect("a state");
        assert_eq!(&at, state);
    }
    let ids: Vec<SlugId> = ledger
        .slugs_in_use()
        .expect("slugs")
        .into_iter()
        .map(|slug| slug.id)
        .collect();
    assert_eq!(ids, [slug(1).id, slug(1).id]);
}

/// S9: it is what the app has now, and in the snapshot of no release before it.
pub fn a_first_tier_is_in_no_release(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    ledger
        .install_first_tier(&name("shop"), &addon("releases:basic"), NOON)
        .expect("installed");
    let tier = |plan: &str| state(None, &[], &[plan]);
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").state,
        tier("releases:basic")
    );
    ledger.destroy_app(&name("shop"), NOON).expect("destroyed");

    ledger.create_app(&app("shop")).expect("created");
    let before = state(Some(slug(1)), &[("A", "1")], &["memcache:free"]);
    release(ledger, "shop", &deploy(1), &before);
    ledger
        .install_first_tier(&name("shop"), &addon("releases:advanced"), NOON)
        .expect("installed");
    let moment = ledger.moment(&name("shop")).expect("a moment");
    assert_eq!((moment.last, moment.pending), (v(1), None));
    let with_tier = state(
        Some(slug(1)),
        &[("A", "1")],
        &["memcache:free", "releases:advanced"],
    );
    assert_eq!(moment.state, with_tier);
    assert_eq!(
        ledger.state_at(&name("shop"), v(1)).expect("a state"),
        before
    );
    release(ledger, "shop", &config_add("A"), &with_tier);
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").state,
        with_tier
    );
    assert_eq!(
        ledger.state_at(&name("shop"), v(1)).expect("a state"),
        before
    );
    assert_eq!(
        ledger.state_at(&name("shop"), v(2)).expect("a state"),
        with_tier
    );
}

/// A failure takes nothing away, nor does a release that was planned before the tier came.
pub fn a_first_tier_stays_when_a_release_fails(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let (bare, tier) = (state(None, &[], &[]), state(None, &[], &["releases:basic"]));
    let early = record(ledger, "shop", &config_add("A"), &bare);
    ledger
        .install_first_tier(&name("shop"), &addon("releases:basic"), NOON)
        .expect("installed");
    failing_release(ledger, "shop", &config_add("A"), &bare);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, tier);
    ledger
        .settle(&name("shop"), early, &succeeded(&[]))
        .expect("settled");
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, tier);
    assert_eq!(
        ledger.state_at(&name("shop"), early).expect("a state"),
        bare
    );
}

/// A release recorded after it and settled says whether the tier is still there.
pub fn a_first_tier_goes_with_the_release_that_removes_it(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let bare = state(None, &[], &[]);
    ledger
        .install_first_tier(&name("shop"), &addon("releases:basic"), NOON)
        .expect("installed");
    let change = Change::AddonRemove {
        service: service("releases"),
    };
    release(ledger, "shop", &change, &bare);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, bare);
    ledger
        .install_first_tier(&name("shop"), &addon("releases:advanced"), NOON)
        .expect("installed");
    let tier = state(None, &[], &["releases:advanced"]);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, tier);
}
