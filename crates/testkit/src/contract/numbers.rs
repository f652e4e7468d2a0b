//! Numbers, statuses, and what is current (S1, S3, S22).

use slugline_core::port::{Ledger, LedgerError, Outcome, Settlement};
use slugline_core::release::{Status, Version};

use crate::values::{
    NOON, app, config_add, deploy, failed, failing_release, name, record, release, slug, state,
    succeeded, v,
};

/// S1, whatever becomes of the releases.
pub fn grow_by_one_without_gaps(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").last,
        Version::NONE
    );
    let nothing = state(None, &[], &[]);
    assert_eq!(record(ledger, "shop", &config_add("A"), &nothing), v(1));
    assert_eq!(release(ledger, "shop", &config_add("A"), &nothing), v(2));
    assert_eq!(
        failing_release(ledger, "shop", &config_add("A"), &nothing),
        v(3)
    );
    assert_eq!(release(ledger, "shop", &config_add("A"), &nothing), v(4));
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").last, v(4));
}

/// S1: the numbers of an app do not depend on another's.
pub fn each_app_counts_on_its_own(ledger: &dyn Ledger) {
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    let with = |value| state(None, &[("A", value)], &[]);
    assert_eq!(release(ledger, "shop", &config_add("A"), &with("1")), v(1));
    assert_eq!(release(ledger, "shop", &config_add("A"), &with("2")), v(2));
    assert_eq!(release(ledger, "blog", &config_add("A"), &with("3")), v(1));
    let shown = |one: &str| ledger.moment(&name(one)).expect("a moment").state;
    assert_eq!((shown("shop"), shown("blog")), (with("2"), with("3")));
}

/// A release is current once it is settled, and not before (S3).
pub fn a_pending_release_is_not_current(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let (old, new) = (
        state(Some(slug(1)), &[], &[]),
        state(Some(slug(2)), &[], &[]),
    );
    release(ledger, "shop", &deploy(1), &old);
    let second = record(ledger, "shop", &deploy(2), &new);
    let moment = ledger.moment(&name("shop")).expect("a moment");
    assert_eq!((moment.last, moment.pending), (v(2), Some(v(2))));
    assert_eq!(moment.current.map(|release| release.version), Some(v(1)));
    assert_eq!(moment.state, old);
    assert_eq!(
        ledger.state_at(&name("shop"), second).expect("a state"),
        new
    );

    ledger
        .settle(&name("shop"), second, &succeeded(&[]))
        .expect("settled");
    let moment = ledger.moment(&name("shop")).expect("a moment");
    assert_eq!((moment.last, moment.pending), (v(2), None));
    let current = moment.current.expect("a current release");
    assert_eq!((current.version, current.status), (v(2), Status::Succeeded));
    assert_eq!((current.change, current.slug), (deploy(2), Some(slug(2))));
    assert_eq!(moment.state, new);
}

/// After a failure the app is what it was; the next release follows all the same (S30).
pub fn a_failed_release_is_never_current(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let good = state(Some(slug(1)), &[("A", "1"), ("B", "1")], &["memcache:free"]);
    let bad = state(
        Some(slug(2)),
        &[("A", "2"), ("C", "1")],
        &["memcache:100mb"],
    );
    release(ledger, "shop", &deploy(1), &good);
    failing_release(ledger, "shop", &deploy(2), &bad);
    let moment = ledger.moment(&name("shop")).expect("a moment");
    assert_eq!((moment.last, moment.pending), (v(2), None));
    assert_eq!(moment.current.map(|release| release.version), Some(v(1)));
    assert_eq!(moment.state, good);
    assert_eq!(
        moment.newest_deploy.map(|newest| newest.version),
        Some(v(1))
    );
    let failure = ledger
        .release(&name("shop"), v(2))
        .expect("an answer")
        .expect("kept");
    assert_eq!(
        failure.status,
        Status::Failed("web.1 exited with status 1".to_owned())
    );

    let next = state(Some(slug(1)), &[("A", "1"), ("B", "2")], &["memcache:free"]);
    release(ledger, "shop", &config_add("B"), &next);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").state, next);
    for (version, expected) in [(1, good), (2, bad), (3, next)] {
        assert_eq!(
            ledger.state_at(&name("shop"), v(version)).expect("a state"),
            expected
        );
    }
}

/// A release is settled once, and only if it exists; a refusal changes nothing.
pub fn only_a_pending_release_is_settled(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let nothing = state(None, &[], &[]);
    release(ledger, "shop", &config_add("A"), &nothing);
    failing_release(ledger, "shop", &config_add("A"), &nothing);
    let before = ledger.moment(&name("shop")).expect("a moment");
    let events = [slugline_core::event::Event::Prune];
    for (version, outcome) in [(1, failed("no")), (2, succeeded(&events))] {
        let error = ledger
            .settle(&name("shop"), v(version), &outcome)
            .expect_err("settled twice");
        assert!(
            matches!(error, LedgerError::NotPending(_, at) if at == v(version)),
            "{error}"
        );
    }
    for version in [v(3), Version::NONE, v(u64::MAX)] {
        let error = ledger
            .settle(&name("shop"), version, &succeeded(&events))
            .expect_err("none");
        assert!(
            matches!(error, LedgerError::NoRelease(_, at) if at == version),
            "{error}"
        );
    }
    assert_eq!(ledger.moment(&name("shop")).expect("a moment"), before);
    assert_eq!(ledger.outbox(&name("shop")).expect("an outbox"), []);
}

/// The current release is the newest that succeeded, in whatever order they are settled (S3).
pub fn an_old_release_settled_late_does_not_become_current(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let (old, new) = (
        state(Some(slug(1)), &[], &[]),
        state(Some(slug(2)), &[], &[]),
    );
    let first = record(ledger, "shop", &deploy(1), &old);
    release(ledger, "shop", &deploy(2), &new);
    assert_eq!(
        ledger.moment(&name("shop")).expect("a moment").pending,
        None
    );
    ledger
        .settle(&name("shop"), first, &succeeded(&[]))
        .expect("settled");
    let moment = ledger.moment(&name("shop")).expect("a moment");
    assert_eq!(moment.current.map(|release| release.version), Some(v(2)));
    assert_eq!(
        moment.newest_deploy.map(|newest| newest.version),
        Some(v(2))
    );
    assert_eq!(moment.state, new);
    let late = ledger
        .release(&name("shop"), first)
        .expect("an answer")
        .expect("kept");
    assert_eq!(late.status, Status::Succeeded);
}

/// The newest deploy is the newest release of that kind that succeeded, pruned or not (S22).
pub fn the_newest_deploy_outlives_other_releases(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let newest = || {
        ledger
            .moment(&name("shop"))
            .expect("a moment")
            .newest_deploy
    };
    assert_eq!(newest(), None);
    let with = |number, value| state(Some(slug(number)), &[("A", value)], &[]);
    release(ledger, "shop", &deploy(1), &with(1, "1"));
    release(ledger, "shop", &deploy(2), &with(2, "1"));
    failing_release(ledger, "shop", &deploy(3), &with(3, "1"));
    release(ledger, "shop", &config_add("A"), &with(1, "2"));
    let deployed = newest().expect("a deploy");
    assert_eq!((deployed.version, deployed.slug), (v(2), slug(2)));
    ledger
        .prune(&name("shop"), &[v(1), v(2), v(3)], crate::values::NOON)
        .expect("pruned");
    let deployed = newest().expect("a deploy");
    assert_eq!((deployed.version, deployed.slug), (v(2), slug(2)));
}

/// S22: the pin belongs to the app, and each release that succeeds says what becomes of it.
pub fn the_code_pin_is_set_by_settle_and_by_hand(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let pinned = || ledger.moment(&name("shop")).expect("a moment").code_pinned;
    let settle = |outcome| {
        let version = record(ledger, "shop", &config_add("A"), &state(None, &[], &[]));
        let events = Vec::new();
        let settlement = Settlement {
            outcome,
            at: NOON,
            events,
        };
        ledger
            .settle(&name("shop"), version, &settlement)
            .expect("settled");
    };
    assert!(!pinned());
    settle(Outcome::Succeeded { code_pinned: true });
    assert!(pinned());
    settle(Outcome::Failed("no".to_owned()));
    assert!(pinned());
    settle(Outcome::Succeeded { code_pinned: false });
    assert!(!pinned());
    for to in [true, false] {
        ledger.set_code_pinned(&name("shop"), to).expect("set");
        assert_eq!(pinned(), to);
    }
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").last, v(3));
}
