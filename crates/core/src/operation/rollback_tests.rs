//! The rules of rolling back, each with the smallest history that shows it.

use super::super::fixture::{World, slug};
use super::*;

/// v1 without code, v2 to v4 deploys, all on the advanced tier.
fn four() -> World {
    let world = World::default()
        .addon("releases:advanced", &[])
        .config(&[("A", "1")])
        .released();
    world
        .deployed('a')
        .deployed('b')
        .config(&[("A", "2"), ("B", "2")])
        .deployed('c')
}

fn back(world: &World, target: Option<u64>) -> Result<Plan, NotPlanned> {
    world.plan(&Rollback {
        target: target.map(Version::new),
        ..Rollback::default()
    })
}

fn refused(world: &World, target: Option<u64>) -> String {
    super::super::fixture::refused(back(world, target))
}

fn keys(plan: &Plan) -> String {
    plan.config
        .iter()
        .map(|(k, var)| format!("{k}={} ", var.value.reveal()))
        .collect()
}

const NEAR: &str = "|The nearest that can be rolled back to is";

#[test]
fn it_copies_code_and_config_of_the_target() {
    let plan = back(&four(), Some(2)).unwrap();
    assert_eq!(plan.change.to_string(), "Rollback to v2");
    assert_eq!(
        (plan.code.clone(), keys(&plan).as_str()),
        (Code::Take(Some(slug('a'))), "A=1 ")
    );
    let request = plan.rollback.unwrap();
    assert_eq!(
        (
            request.steps,
            request.target.age_days,
            request.target.deploy
        ),
        (2, 1, true)
    );
}

#[test]
fn without_a_target_it_is_the_newest_before_the_current_that_succeeded() {
    let check = |world: World, target: &str, skipped: usize| {
        let plan = back(&world, None).unwrap();
        assert_eq!(
            (plan.change.to_string().as_str(), plan.warnings.len()),
            (target, skipped)
        );
    };
    check(four(), "Rollback to v3", 0);
    check(four().failed(), "Rollback to v3", 0);
    check(four().failed().failed().deployed('d'), "Rollback to v4", 2);
    // S21: the predecessor of a rollback is the release that it left.
    check(four().running('b'), "Rollback to v4", 0);
}

#[test]
fn what_went_bad_is_passed_over_and_so_is_what_runs_in_its_place() {
    let check = |world: &World, expected: &str, notes: &[&str]| {
        let plan = back(world, None).unwrap();
        assert_eq!(plan.change.to_string(), expected);
        assert_eq!(plan.warnings, notes);
    };
    let bad = |number| format!("Skipped v{number}: it went bad (web.1 crashed; another took over)");
    // v4 is bad and stays; v5 took over from it, as a copy of v3.
    check(&four().released().gone_bad(4), "Rollback to v3", &[&bad(4)]);
    let undone = four()
        .gone_bad(4)
        .config(&[("A", "1")])
        .without("B")
        .running('b');
    let same = "Skipped v3: it is the same as v5, which runs";
    check(&undone, "Rollback to v2", &[&bad(4), same]);
    // What is the same is passed over only on the way back from one that went bad.
    let twice = four().released();
    assert!(matches!(back(&twice, None), Err(NotPlanned::Nothing(_))));
    let both = undone.gone_bad(2).pruned(1);
    assert_eq!(
        refused(&both, None),
        format!(
            "There is no earlier release to roll back to|{}\n{same}\n{}\n\
             To go there all the same: slugline rollback v4",
            bad(4),
            bad(2)
        )
    );
    // One that is named is gone back to, with a warning.
    let plan = back(&both, Some(4)).unwrap();
    let warning = "v4 went bad after it had taken over: web.1 crashed; another took over";
    assert_eq!(plan.warnings, [warning]);
}

#[test]
fn one_half_can_be_copied_alone() {
    let check = |half, text: &str, code: char, config: &str| {
        let target = Some(Version::new(2));
        let plan = four()
            .plan(&Rollback {
                target,
                half: Some(half),
                pin: false,
                skip_release_phase: false,
            })
            .unwrap();
        assert_eq!(plan.change.to_string(), text);
        assert_eq!(
            (plan.code.clone(), keys(&plan).as_str()),
            (Code::Take(Some(slug(code))), config)
        );
    };
    check(Half::Code, "Rollback to v2 (code)", 'a', "A=2 B=2 ");
    check(Half::Config, "Rollback to v2 (config)", 'c', "A=1 ");
}

#[test]
fn the_vars_that_addons_lend_are_those_of_now() {
    let old = World::default()
        .addon("releases:advanced", &[])
        .addon("memcache:free", &[("M", "old")]);
    let world = old
        .deployed('a')
        .addon("memcache:free", &[("M", "new")])
        .deployed('b');
    let plan = back(&world, None).unwrap();
    assert_eq!(keys(&plan), "", "nothing of the user's");
    assert_eq!(plan.effects, []);
}

#[test]
fn what_bills_is_never_changed() {
    let before = World::default()
        .addon("releases:advanced", &[])
        .deployed('a')
        .deployed('b');
    let world = before
        .addon("memcache:free", &[("M", "x")])
        .released()
        .deployed('c')
        .deployed('d');
    let text = "Cannot rollback to a release that had a different set of addons installed\n\
                + memcache:free";
    let hint = format!("{NEAR} v3: slugline rollback v3");
    assert_eq!(refused(&world, Some(1)), format!("{text}{hint}"));
    let moved = world.addon("memcache:100mb", &[]).released();
    let text = "Cannot rollback to a release that had a different set of addons installed\n\
                + memcache:100mb\n- memcache:free|There is no release that can be rolled back to.";
    assert_eq!(refused(&moved, Some(4)), text);
    let gone = moved.without_addon("memcache").released();
    assert!(back(&gone, Some(1)).is_ok());
    assert!(refused(&gone, Some(6)).contains("\n- memcache:100mb|"));
}

#[test]
fn the_tier_is_among_the_addons_but_for_the_first() {
    let untracked = World::default().deployed('a');
    let tracked = untracked.addon("releases:basic", &[]).deployed('b');
    assert!(
        back(&tracked, Some(1)).is_ok(),
        "the first tier made no release"
    );
    let moved = tracked.addon("releases:advanced", &[]).released();
    assert!(refused(&moved, Some(2)).contains("+ releases:advanced\n- releases:basic"));
}

#[test]
fn each_refusal_has_its_own_text() {
    let check = |world: &World, target: u64, text: &str, near: u64| {
        let expected = format!("{text}{NEAR} v{near}: slugline rollback v{near}");
        assert_eq!(refused(world, Some(target)), expected);
    };
    check(&four(), 4, "v4 is the current release", 3);
    check(
        &four(),
        1,
        "v1 has no code: it is from before the first deploy",
        2,
    );
    check(&four(), 99, "There is no release v99; the newest is v4", 3);
    check(
        &four().pruned(3),
        3,
        "v3 is no longer kept: releases:advanced has pruned it",
        2,
    );
    let why = "v5 failed and never ran: web.1 exited with status 1";
    check(&four().failed().deployed('d'), 5, why, 4);
    let tier = "Please install the Release Management add-on to access release history|\
                slugline addons:add releases:basic";
    assert_eq!(
        refused(&World::default().deployed('a').deployed('b'), None),
        tier
    );
    let fresh = World::default().addon("releases:basic", &[]);
    assert_eq!(
        refused(&fresh, None),
        "There is no earlier release to roll back to"
    );
    assert_eq!(
        refused(&fresh.deployed('a'), None),
        "There is no earlier release to roll back to"
    );
}

#[test]
fn going_back_to_the_same_makes_no_release() {
    let world = four().released();
    let nothing = back(&world, Some(4)).unwrap_err();
    assert!(matches!(&nothing, NotPlanned::Nothing(_)));
    assert_eq!(
        nothing.to_string(),
        "v5 is the same as v4. Nothing has been changed."
    );
}

#[test]
fn a_pin_is_set_with_the_rollback() {
    let target = Some(Version::new(2));
    let plan = four()
        .plan(&Rollback {
            target,
            half: None,
            pin: true,
            skip_release_phase: false,
        })
        .unwrap();
    assert!(plan.code_pinned && !back(&four(), Some(2)).unwrap().code_pinned);
}
