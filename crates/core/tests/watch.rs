//! A release that goes bad after it took over: what takes over then, and what is kept of it.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use slugline_core::corridor::Silent;
use slugline_core::corridor::watch::Undone;
use slugline_core::port::{Kept, Opinions, Seen};
use slugline_testkit::values::{name, v};
use slugline_testkit::world::asks::{add, deploy, set};
use slugline_testkit::world::{Fails, World};

/// An app that runs v1, tracked by this tier.
fn deployed(tier: Option<&str>) -> World {
    let world = tier.map_or_else(World::with_app, World::tracked_by);
    world.change(&deploy(1)).unwrap();
    world
}

/// What becomes of a release that went bad.
fn undo(world: &World, version: u64) -> String {
    let undone = world
        .engine()
        .undo_bad(&name("myapp"), v(version), "web.1 crashed", &mut Silent);
    match undone.unwrap() {
        Undone::TakenOver(done) => {
            let release = done.release;
            format!(
                "{} {} by {}",
                release.version, release.change, release.actor
            )
        }
        Undone::Stays(why) => why,
        Undone::Replaced => "replaced".to_owned(),
    }
}

fn verdict(world: &World, version: u64) -> Option<String> {
    let app = name("myapp");
    world.ledger.kept(&app, v(version), Kept::Verdict).unwrap()
}

#[test]
fn the_release_before_takes_over_and_the_reason_is_kept() {
    let world = deployed(Some("releases:advanced"));
    world.release_phase.set(true);
    world.change(&deploy(2)).unwrap();
    assert_eq!(undo(&world, 2), "v3 Rollback to v1 by slugline");
    let kept = verdict(&world, 2);
    assert_eq!(kept.as_deref(), Some("web.1 crashed; v3 took over"));
    assert_eq!(world.running(&name("myapp")), Some((v(3), true)));
    assert_eq!(undo(&world, 2), "replaced");
    let phase = world.ledger.kept(&name("myapp"), v(3), Kept::Output);
    assert_eq!(phase.unwrap(), None);
}

#[test]
fn what_took_over_stays_and_what_went_bad_never_takes_over() {
    let world = deployed(Some("releases:advanced"));
    world.change(&set([("A", "2")])).unwrap();
    assert_eq!(undo(&world, 2), "v3 Rollback to v1 by slugline");
    let why = "v3 took over from one that went bad itself";
    assert_eq!(undo(&world, 3), why);
    assert_eq!(
        verdict(&world, 3).as_deref(),
        Some("web.1 crashed; it stays: v3 took over from one that went bad itself")
    );
    world.change(&set([("A", "4")])).unwrap();
    // Neither v3 nor v2.
    assert_eq!(undo(&world, 4), "v5 Rollback to v1 by slugline");
}

#[test]
fn it_is_refused_like_any_rollback() {
    let first = deployed(Some("releases:basic"));
    assert_eq!(undo(&first, 1), "there is no good release before v1");
    let untracked = deployed(None);
    untracked.change(&set([("A", "2")])).unwrap();
    let why = undo(&untracked, 2);
    assert!(
        why.starts_with("Please install the Release") || why.starts_with("there is no good"),
        "{why}"
    );
    let addons = deployed(Some("releases:basic"));
    addons.change(&add("memcache", 7)).unwrap();
    let why = undo(&addons, 2);
    assert!(
        why.contains("different set of addons installed + memcache:free"),
        "{why}"
    );
    assert_eq!(addons.running(&name("myapp")), Some((v(2), true)));
    let checked = deployed(Some("releases:basic"));
    checked.change(&set([("A", "2")])).unwrap();
    checked.fail_at(Some(Fails::Check));
    assert_eq!(undo(&checked, 2), "cap: no Rollback to v1");
    // Nor does one that cannot boot take over.
    checked.fail_at(Some(Fails::Launch));
    let why = undo(&checked, 2);
    assert_eq!(why, "v3 failed: web.1 exited with status 1");
    assert_eq!(checked.running(&name("myapp")), Some((v(2), true)));
}

/// What is thought of a release of which so many of ten requests failed.
fn opinions(world: &World, version: u64, failed: u64) -> Option<Opinions> {
    let seen = Seen {
        requests: 10,
        failed,
        ..Seen::default()
    };
    let asked = world.engine().opinions(&name("myapp"), v(version), &seen);
    asked.unwrap()
}

#[test]
fn plugins_are_asked_about_what_is_current() {
    let world = deployed(Some("releases:advanced"));
    world.change(&set([("A", "2")])).unwrap();
    assert_eq!(opinions(&world, 1, 10), None);
    assert_eq!(opinions(&world, 2, 5), Some(Opinions::default()));
    let bad = opinions(&world, 2, 6).unwrap().bad;
    assert_eq!(bad[0].reason, "6 of 10 failed: Config add A");
    world.fail_at(Some(Fails::Check));
    let failed = opinions(&world, 2, 6).unwrap();
    assert_eq!((failed.bad.len(), failed.failures.len()), (0, 1));
}
