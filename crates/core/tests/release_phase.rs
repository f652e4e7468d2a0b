//! The release phase in the corridor: when it runs, what its failure leaves, what is kept of it, and
//! the same release once more.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use slugline_core::config::ConfigKey;
use slugline_core::corridor::{Failure, Progress, Silent};
use slugline_core::operation::addons::Remove;
use slugline_core::operation::retry::Retry;
use slugline_core::operation::rollback::Rollback;
use slugline_core::operation::{Operation, Plan};
use slugline_core::port::Kept;
use slugline_core::release::Version;
use slugline_testkit::values::{actor, commit, name, v, var};
use slugline_testkit::world::asks::{add, deploy, set};
use slugline_testkit::world::{Fails, World, Wrong, request};

/// Remembers the order of what it hears.
#[derive(Default)]
struct Heard(Vec<String>);

impl Progress for Heard {
    fn begins(&mut self, plan: &Plan) {
        self.0.push(plan.change.to_string());
    }

    fn releasing(&mut self, version: Version) {
        self.0.push(format!("releasing {version}"));
    }

    fn release_line(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }

    fn launching(&mut self, version: Version) {
        self.0.push(format!("launching {version}"));
    }
}

/// An app whose code has a release phase, and runs as v1.
fn migrating() -> World {
    let world = World::tracked_by("releases:advanced");
    world.release_phase.set(true);
    world.change(&deploy(1)).unwrap();
    world
}

fn heard(world: &World, operation: &dyn Operation) -> Vec<String> {
    let (app, jim) = (name("myapp"), actor("jim@example.com"));
    let mut heard = Heard::default();
    // What is heard is the same whether or not it fails.
    let _ = world
        .engine()
        .change(&request(&app, &jim), operation, &mut heard);
    heard.0
}

fn output(world: &World, version: u64) -> Option<String> {
    let app = name("myapp");
    world.ledger.kept(&app, v(version), Kept::Output).unwrap()
}

fn running(world: &World) -> Option<Version> {
    world.running(&name("myapp")).map(|(version, _)| version)
}

#[test]
fn it_runs_between_number_and_processes_and_its_output_is_kept() {
    let world = migrating();
    let all = heard(&world, &set([("A", "1")]));
    assert_eq!(
        all,
        ["Config add A", "releasing v2", "migrating", "launching v2"]
    );
    assert_eq!(output(&world, 2).as_deref(), Some("migrating\n"));
    world.release_phase.set(false);
    assert_eq!(
        heard(&world, &deploy(2)),
        [
            format!("Deploy {}", commit(2).short()),
            "launching v3".to_owned()
        ]
    );
    assert_eq!(output(&world, 3), None);
}

#[test]
fn it_runs_where_code_is_compiled_or_taken_back_and_not_where_an_addon_goes() {
    let world = migrating();
    let runs = |operation: &dyn Operation| {
        let all = heard(&world, operation);
        assert!(all.last().unwrap().starts_with("launching"), "{all:?}");
        all.contains(&"migrating".to_owned())
    };
    assert!(runs(&deploy(2)));
    assert!(runs(&set([("A", "1")])));
    assert!(runs(&Rollback::default()));
    let skip = Rollback {
        skip_release_phase: true,
        ..Rollback::default()
    };
    assert!(!runs(&skip));
    assert!(runs(&add("memcache", 7)));
    let service = "memcache".to_owned();
    assert!(!runs(&Remove { service }));
}

#[test]
fn where_it_fails_the_release_fails_and_all_is_as_it_was() {
    let world = migrating();
    let before = world.ledger.moment(&name("myapp")).unwrap();
    world.fail_at(Some(Fails::Release));
    let failure = world.change(&add("memcache", 7)).unwrap_err();
    let Failure::Unhealthy {
        version,
        reason,
        log,
        current,
    } = failure
    else {
        panic!("{failure}");
    };
    assert_eq!((version, current), (v(2), v(1)));
    assert_eq!(reason, "release.1 exited with status 1");
    // They were heard already.
    assert!(log.is_empty());
    let after = world.ledger.moment(&name("myapp")).unwrap();
    assert_eq!((after.state, after.current), (before.state, before.current));
    assert!(world.resources.borrow().is_empty() && world.listed().is_empty());
    assert_eq!(running(&world), Some(v(1)));
    assert_eq!(output(&world, 2).as_deref(), Some("migrating\n"));
}

#[test]
fn a_first_release_whose_phase_fails_does_not_stay() {
    let world = World::with_app();
    world.fail_at(Some(Fails::Release));
    world.change(&deploy(1)).unwrap_err();
    assert_eq!(world.history(), ["v1 failed"]);
    assert_eq!(running(&world), None);
    // Nor does one where what ran before has crashed.
    world.fail_at(None);
    world.change(&deploy(1)).unwrap();
    world.set_up(&name("myapp"), false);
    world.fail_at(Some(Fails::Release));
    world.change(&deploy(2)).unwrap_err();
    assert_eq!(running(&world), Some(v(2)));
}

#[test]
fn a_change_that_is_killed_in_it_is_marked_as_failed_by_the_next() {
    let world = migrating();
    world.script.begin(&[], None);
    world.change(&set([("A", "1")])).unwrap();
    let calls = world.script.end();
    let launch = calls.iter().position(|call| *call == "launch").unwrap();
    for dead in [launch, launch + 1] {
        let world = migrating();
        world.script.begin(&[], Some(dead));
        let (app, jim) = (name("myapp"), actor("jim@example.com"));
        let killed = world
            .engine()
            .change(&request(&app, &jim), &set([("A", "1")]), &mut Silent);
        killed.unwrap_err();
        world.script.end();
        assert_eq!(world.history()[0], "v2 pending");
        let done = world.change(&Retry).unwrap();
        assert_eq!(done.release.version, v(3));
        let history = ["v3 succeeded", "v2 failed", "v1 succeeded"];
        assert_eq!(world.history(), history);
        let a: ConfigKey = var("A", "").0;
        let state = world.ledger.moment(&app).unwrap().state;
        assert_eq!(state.config.get(&a).unwrap().value.reveal(), "1");
    }
}

#[test]
fn that_its_output_cannot_be_kept_fails_no_release() {
    let world = migrating();
    world.script.begin(&[], None);
    world.change(&set([("A", "1")])).unwrap();
    let calls = world.script.end();
    let keep = calls.iter().position(|call| *call == "ledger.keep");
    world.script.begin(&[(keep.unwrap(), Wrong::Before)], None);
    world.change(&set([("A", "2")])).unwrap();
    world.script.end();
    assert_eq!(output(&world, 3), None);
}

#[test]
fn a_deploy_that_failed_is_tried_again_and_is_the_newest_deploy_then() {
    let world = migrating();
    world.release_phase.set(true);
    world.fail_at(Some(Fails::Release));
    world.change(&deploy(2)).unwrap_err();
    world.fail_at(None);
    assert_eq!(heard(&world, &Retry).last().unwrap(), "launching v3");
    let moment = world.ledger.moment(&name("myapp")).unwrap();
    assert_eq!(moment.newest_deploy.unwrap().version, v(3));
    assert_eq!(moment.state.slug.unwrap().commit, commit(2));
    world.change(&Retry).unwrap_err();
}
