//! The corridor: what each step leaves behind when it fails, and what a change leaves when it does
//! not.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use slugline_core::app::App;
use slugline_core::bill::Bill;
use slugline_core::config::ConfigVars;
use slugline_core::corridor::{Failure, Progress, Silent};
use slugline_core::operation::addons::{Add, ChangePlan, Remove, Way};
use slugline_core::operation::rollback::Rollback;
use slugline_core::port::{Keep, NewRelease};
use slugline_core::release::{PluginsUsed, Version};
use slugline_testkit::values::{actor, app, config_add, name, resource_id, state, v};
use slugline_testkit::world::asks::{add, deploy, set};
use slugline_testkit::world::{Fails, World, built, request};

/// What runs.
fn running(world: &World) -> Option<Version> {
    world.running(&name("myapp")).map(|(version, _)| version)
}

/// A tracked app that runs v1.
fn deployed() -> World {
    let world = World::tracked_by("releases:advanced");
    world.change(&deploy(1)).unwrap();
    world
}

#[test]
fn a_change_is_numbered_current_running_and_told() {
    let world = deployed();
    let done = world.change(&set([("A", "1")])).unwrap();
    assert_eq!(done.release.version, v(2));
    assert_eq!(world.history(), ["v2 succeeded", "v1 succeeded"]);
    assert_eq!(running(&world), Some(v(2)));
    assert_eq!(*world.told.borrow(), ["created v1", "created v2"]);
    assert_eq!(world.ledger.outbox(&name("myapp")).unwrap(), []);
}

#[test]
fn what_fails_before_the_record_uses_no_number_and_leaves_nothing() {
    for step in [Fails::Check, Fails::Provision, Fails::Compile] {
        let world = deployed();
        let before = world.ledger.moment(&name("myapp")).unwrap();
        world.fail_at(Some(step));
        world.change(&add("memcache", 7)).unwrap_err();
        assert_eq!(
            world.ledger.moment(&name("myapp")).unwrap(),
            before,
            "{step:?}"
        );
        assert_eq!(running(&world), Some(v(1)), "{step:?}");
        assert!(
            world.resources.borrow().is_empty() && world.listed().is_empty(),
            "{step:?}"
        );
        world.fail_at(None);
        assert_eq!(
            world.change(&add("memcache", 7)).unwrap().release.version,
            v(2)
        );
    }
}

#[test]
fn a_release_names_the_plugins_that_were_asked_for_it_and_no_other() {
    let world = deployed();
    // Who is told of a release, prunes after it or is asked of a change that is not made takes no
    // part in the next one.
    world.change(&add("memcache", 7)).unwrap();
    world.fail_at(Some(Fails::Check));
    world.change(&add("memcache:100mb", 7)).unwrap_err();
    world.fail_at(None);
    world.change(&set([("A", "1")])).unwrap();
    world.change(&set([("A", "2")])).unwrap();
    let back = Rollback {
        target: Some(v(3)),
        half: None,
        pin: false,
        skip_release_phase: false,
    };
    world.change(&back).unwrap();
    let named = |version| {
        let all = world.ledger.plugins_at(&name("myapp"), version).unwrap();
        all.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(named(v(1)), ["cap"]);
    assert_eq!(named(v(2)), ["cap", "memcache"]);
    assert_eq!(named(v(3)), ["cap"]);
    assert_eq!(named(v(5)), ["cap", "releases"]);
}

#[test]
fn a_check_that_fails_and_may_is_a_warning_of_the_change_and_of_its_trial() {
    #[derive(Default)]
    struct Heard(Vec<String>);
    impl Progress for Heard {
        fn warning(&mut self, text: &str) {
            self.0.push(text.to_owned());
        }
    }
    let world = deployed();
    world.fail_at(Some(Fails::AllowedCheck));
    let (app, jim, mut heard) = (name("myapp"), actor("jim@example.com"), Heard::default());
    let (request, set) = (request(&app, &jim), set([("A", "1")]));
    let warning = "the plugin cap failed in release.check: oh; it lets changes through \
                   (on_error: allow)";
    let trial = world.engine().dry_run(&request, &set).unwrap();
    assert_eq!(trial.plan.warnings, [warning]);
    let done = world.engine().change(&request, &set, &mut heard).unwrap();
    assert_eq!(
        (done.release.version, heard.0),
        (v(2), vec![warning.to_owned()])
    );
}

#[test]
fn a_release_that_does_not_launch_is_failed_and_its_effects_are_undone() {
    let world = deployed();
    world.fail_at(Some(Fails::Launch));
    let failure = world.change(&add("memcache", 7)).unwrap_err();
    let Failure::Unhealthy {
        version,
        current,
        log,
        ..
    } = failure
    else {
        panic!("{failure}")
    };
    assert_eq!(
        (version, current, log),
        (v(2), v(1), vec!["last words".to_owned()])
    );
    assert_eq!(world.history(), ["v2 failed", "v1 succeeded"]);
    assert_eq!(running(&world), Some(v(1)));
    assert!(world.resources.borrow().is_empty() && world.listed().is_empty());
    assert_eq!(*world.told.borrow(), ["created v1", "failed v2"]);
    world.fail_at(None);
    assert_eq!(
        world.change(&add("memcache", 7)).unwrap().release.version,
        v(3)
    );
}

#[test]
fn a_plan_change_that_does_not_launch_goes_back_to_the_old_plan() {
    let world = deployed();
    world.change(&add("memcache", 7)).unwrap();
    world.fail_at(Some(Fails::Launch));
    let upgrade = ChangePlan {
        plan: "memcache:100mb".to_owned(),
        way: Way::Up,
    };
    world.change(&upgrade).unwrap_err();
    assert_eq!(
        world.resources.borrow()[&resource_id(7)].to_string(),
        "memcache:free"
    );
    let resources = world.ledger.resources(&name("myapp")).unwrap();
    assert_eq!(resources[0].plan.to_string(), "memcache:free");
}

#[test]
fn code_that_crashes_replaces_only_what_does_not_serve() {
    let world = World::with_app();
    world.fail_at(Some(Fails::Launch));
    let first = world.change(&deploy(1)).unwrap();
    assert_eq!(first.crashed.unwrap().0, "web.1 exited with status 1");
    assert_eq!(running(&world), Some(v(1)));
    let second = world.change(&set([("A", "1")])).unwrap();
    assert!(second.crashed.is_some(), "it crashed before, too");
    world.fail_at(None);
    world.set_up(&name("myapp"), true);
    assert_eq!(world.change(&set([("B", "2")])).unwrap().crashed, None);
    world.fail_at(Some(Fails::Launch));
    assert!(world.change(&set([("C", "3")])).is_err(), "now it serves");
}

#[test]
fn a_removed_addon_is_destroyed_after_its_release_and_again_until_it_is_gone() {
    let world = deployed();
    world.change(&add("memcache", 7)).unwrap();
    world.fail_at(Some(Fails::Deprovision));
    world
        .change(&Remove {
            service: "memcache".to_owned(),
        })
        .unwrap();
    assert_eq!(world.listed().len(), 1, "it could not be destroyed yet");
    world.fail_at(None);
    world.change(&set([("A", "1")])).unwrap();
    assert!(world.listed().is_empty() && world.resources.borrow().is_empty());
}

#[test]
fn an_event_that_cannot_be_told_is_told_later_and_never_fails_the_release() {
    let world = deployed();
    world.fail_at(Some(Fails::Announce));
    world.change(&set([("A", "1")])).unwrap();
    assert_eq!(*world.told.borrow(), ["created v1"]);
    world.fail_at(None);
    world.change(&set([("A", "2")])).unwrap();
    assert_eq!(
        *world.told.borrow(),
        ["created v1", "created v2", "created v3"]
    );
}

#[test]
fn a_hook_that_fails_is_asked_once_however_much_waits_and_pruning_goes_on() {
    let world = deployed();
    *world.keep.borrow_mut() = Some(Keep::Only([].into()));
    world.fail_at(Some(Fails::Announce));
    for value in ["1", "2", "3"] {
        world.change(&set([("A", value)])).unwrap();
    }
    assert_eq!(world.history(), ["v4 succeeded", "v3 succeeded"]);
    world.attempts.set(0);
    world.change(&set([("A", "4")])).unwrap();
    assert_eq!(world.attempts.get(), 1, "four events wait");
}

#[test]
fn a_tier_prunes_what_it_does_not_keep_and_nothing_when_it_fails() {
    let world = deployed();
    *world.keep.borrow_mut() = Some(Keep::Only([].into()));
    world.fail_at(Some(Fails::Keep));
    for value in ["1", "2", "3"] {
        world.change(&set([("A", value)])).unwrap();
    }
    assert_eq!(world.history().len(), 4);
    world.fail_at(None);
    world.change(&set([("A", "4")])).unwrap();
    assert_eq!(world.history(), ["v5 succeeded", "v4 succeeded"]);
}

#[test]
fn moving_to_a_tier_that_keeps_less_names_the_losses_first() {
    let world = deployed();
    for value in ["1", "2", "3"] {
        world.change(&set([("A", value)])).unwrap();
    }
    let none = ChangePlan {
        plan: "releases:none".to_owned(),
        way: Way::Down,
    };
    let refused = world.change(&none).unwrap_err();
    let text = "releases:none keeps less: v1, v2, v3 would be lost.";
    assert_eq!(refused.to_string(), text);
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    let confirmed = slugline_core::corridor::Request {
        confirmed: true,
        ..request(&app, &jim)
    };
    world
        .engine()
        .change(&confirmed, &none, &mut Silent)
        .unwrap();
    world.engine().announce(&app).unwrap();
    assert_eq!(world.history(), ["v5 succeeded", "v4 succeeded"]);
}

#[test]
fn what_goes_anyway_is_not_lost_by_moving_to_another_tier() {
    let to = |plan: &str, way| ChangePlan {
        plan: plan.to_owned(),
        way,
    };
    let world = World::with_app();
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    let basic = add("releases:basic", 7);
    let request = request(&app, &jim);
    world
        .engine()
        .install_first_tier(&request, &basic, &mut Silent)
        .unwrap();
    for number in 1..4 {
        world.change(&deploy(number)).unwrap();
    }
    assert!(world.change(&to("releases:none", Way::Down)).is_ok());
}

#[test]
fn servers_that_run_are_not_replaced_by_servers_that_do_not() {
    let world = World::with_app();
    world.change(&add("db", 7)).unwrap();
    world.fail_at(Some(Fails::Launch));
    let second = Add {
        id: resource_id(8),
        ..add("memcache", 7)
    };
    assert!(world.change(&second).is_err());
    assert_eq!(running(&world), Some(v(1)));
    assert!(
        world.change(&deploy(1)).unwrap().crashed.is_some(),
        "it is the first code"
    );
}

#[test]
fn the_tier_has_its_say_on_a_rollback() {
    let world = deployed();
    let thirds = ChangePlan {
        plan: "releases:thirds".to_owned(),
        way: Way::Down,
    };
    world.change(&thirds).unwrap();
    *world.keep.borrow_mut() = Some(Keep::All);
    for value in ["1", "2", "3", "4"] {
        world.change(&set([("A", value)])).unwrap();
    }
    let far = Rollback {
        target: Some(v(3)),
        ..Rollback::default()
    };
    let text = "v3 is 3 steps away; two are enough";
    assert_eq!(world.change(&far).unwrap_err().to_string(), text);
    assert!(world.change(&Rollback::default()).is_ok());
}

#[test]
fn what_an_operation_that_died_left_pending_is_marked_failed() {
    let world = deployed();
    let (app, jim, left) = (
        name("myapp"),
        actor("jim@example.com"),
        state(None, &[], &[]),
    );
    let change = config_add("LOST");
    let at = slugline_testkit::values::NOON;
    let release = NewRelease {
        change: &change,
        actor: &jim,
        at,
        state: &left,
        plugins: &PluginsUsed::new(),
    };
    world.ledger.record(&app, &release).unwrap();
    world.change(&set([("A", "1")])).unwrap();
    assert_eq!(
        world.history(),
        ["v3 succeeded", "v2 failed", "v1 succeeded"]
    );
    let moment = world.ledger.moment(&app).unwrap();
    assert_eq!(
        moment.state.slug,
        Some(built(1, &ConfigVars::default())),
        "the code of v1, not of the lost release"
    );
}

#[test]
fn a_request_for_another_release_changes_nothing() {
    let world = deployed();
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    let stale = slugline_core::corridor::Request {
        if_current: Some(v(9)),
        ..request(&app, &jim)
    };
    let refused = world
        .engine()
        .change(&stale, &set([("A", "1")]), &mut Silent)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "v9 is not current any more: myapp runs v1"
    );
    assert!(world.engine().restart(&stale, &mut Silent).is_err());
    assert!(world.engine().destroy_app(&stale, &mut Silent).is_err());
    assert!(world.engine().unpin(&stale, &mut Silent).is_err());
    assert_eq!(world.history(), ["v1 succeeded"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = deployed();
    let before = world.ledger.moment(&name("myapp")).unwrap();
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    let planned = world
        .engine()
        .dry_run(&request(&app, &jim), &add("memcache:100mb", 7))
        .unwrap();
    assert_eq!(planned.plan.bill().delta(), 2000);
    assert_eq!(world.ledger.moment(&app).unwrap(), before);
    assert!(world.resources.borrow().is_empty());
}

#[test]
fn a_destroyed_app_leaves_nothing() {
    let world = deployed();
    world.change(&add("memcache", 7)).unwrap();
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    assert_eq!(
        world
            .engine()
            .destroy_app(&request(&app, &jim), &mut Silent)
            .unwrap(),
        [""; 0]
    );
    assert!(world.resources.borrow().is_empty() && world.listed().is_empty());
    assert_eq!(
        (running(&world), world.ledger.apps().unwrap().len()),
        (None, 0)
    );
}

#[test]
fn a_check_hears_what_all_apps_of_the_owner_cost() {
    let world = deployed();
    for (other, owner, resource) in [
        ("hers", "ann@example.com", 8),
        ("his", "jim@example.com", 9),
    ] {
        let app = App {
            owner: actor(owner),
            ..app(other)
        };
        world.ledger.create_app(&app).unwrap();
        let jim = actor("jim@example.com");
        let add = Add {
            id: resource_id(resource),
            ..add("memcache:100mb", 7)
        };
        let request = request(&app.name, &jim);
        world.engine().change(&request, &add, &mut Silent).unwrap();
    }
    world.bills.borrow_mut().clear();
    world.change(&add("memcache:100mb", 7)).unwrap();
    world.change(&set([("A", "1")])).unwrap();
    let bill = |before, after| Bill { before, after };
    // A release that changes no add-on costs nothing, and is not asked about.
    let expected = [(bill(0, 2000), bill(2000, 4000))];
    assert_eq!(*world.bills.borrow(), expected);
}
