//! Going back by itself from a release that went bad (S39), ended at the system calls that the daemon makes for
//! it: a daemon that is started again comes to the release before, and all that is true elsewhere is true
//! then (S31).
//!
//! It takes some of the points, chosen by `FAULTS_SEED`; `FAULTS=kill cargo test -p slugline-tests --test
//! faults_watch -- --nocapture` takes all.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod faults_kit;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use faults_kit::checks::{self, Checked};
use faults_kit::dice::{self, Dice};
use faults_kit::operations::WEB;
use faults_kit::processes::{self, Found};
use faults_kit::shim::{At, Fault, Process};
use faults_kit::world::World;
use slugline_testkit::environment::wait_until;

/// What makes the release go bad: its worker ends a moment after it was fine.
const BAD: &[&str] = &["config:add", "MORTAL=yes"];
const WORKER: &str = "worker: test -z \"$MORTAL\" || { sleep 0.5; exit 4; }; exec sleep 600\n";
/// So many machines at once; they mostly wait.
const WORKERS: usize = 4;
/// How many points are tried, where not all are.
const SOME: usize = 4;

/// An app that serves, and is watched as long as a daemon that is killed and begins anew may need.
fn prepared() -> World {
    let mut world = World::new();
    world.does(&["apps:create", "myapp", "--no-remote"]);
    world.does(&["addons:add", "releases:advanced"]);
    world.does(&["config:add", "GREETING=hello"]);
    world.provider.install(&world.env);
    world
        .env
        .write_file("one/Procfile", format!("{WEB}{WORKER}"));
    world.does(&["deploy", "one"]);
    world.does(&["watch", "300"]);
    world.save();
    world
}

/// Whether the app runs without what made it bad.
fn is_undone(world: &World) -> Checked<bool> {
    let Some(now) = checks::moment(world, "myapp")? else {
        return Err("the app is gone".to_owned());
    };
    let bad = now
        .state
        .config
        .iter()
        .any(|(key, _)| key.as_str() == "MORTAL");
    Ok(!bad && now.pending.is_none())
}

/// Waits until the release before has taken over, or something else has come.
fn wait(world: &World, or: impl Fn() -> bool) -> Checked {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !or() && !is_undone(world)? {
        if Instant::now() > deadline {
            return Err("nobody goes back".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The points that the daemon comes to after the command has ended.
fn points(world: &mut World) -> Checked<Vec<String>> {
    world.restore(false);
    let (ran, before) = world.points(BAD, Process::Serve);
    assert!(ran.good(), "{ran}");
    wait(world, || false)?;
    checks::running(world)?;
    let all = std::fs::read_to_string(world.file("list")).unwrap_or_default();
    let all = all.lines().skip(before.len()).map(str::to_owned);
    Ok(all.collect())
}

/// Answers whether the daemon came to the point.
fn try_one(world: &mut World, point: &str) -> Checked<bool> {
    world.restore(false);
    let fault = (At::Point(point), Fault::Kill);
    let ran = world.faulty(BAD, Process::Serve, fault);
    let hit = world.file("hit");
    if !hit.exists() {
        wait(world, || hit.exists())?;
    }
    if !hit.exists() {
        return Ok(false);
    }
    let context = |why: String| format!("{why}\n{ran}");
    checks::legal(world).map_err(context)?;
    // What it holds is free once the kernel has done with it.
    let home = world.env.home();
    wait_until("the end of the daemon that was killed", || {
        !processes::of_home(&home).iter().any(Found::is_daemon)
    });
    world.serve();
    wait(world, || false).map_err(context)?;
    checks::running(world).map_err(context)?;
    let next = world.run(&["config:add", "NEXT=1"]);
    if !next.good() {
        return Err(format!("the next command fails: {next}"));
    }
    checks::settled(world).map_err(context)?;
    checks::running(world).map_err(context)?;
    Ok(true)
}

/// Answers how often a daemon was killed, and what was wrong then.
fn try_all(world: World, chosen: &[&String]) -> (usize, Vec<String>) {
    let next = AtomicUsize::new(0);
    let work = |mut world: World| {
        let (mut killed, mut wrong) = (0, Vec::new());
        while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            match try_one(&mut world, point) {
                Ok(hit) => killed += usize::from(hit),
                Err(why) => wrong.push(format!("{point}: {why}")),
            }
        }
        (killed, wrong)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..WORKERS)
            .map(|_| scope.spawn(|| work(prepared())))
            .collect();
        let (mut killed, mut wrong) = work(world);
        for other in others {
            let (more, worse) = other.join().expect("it has said what was wrong");
            killed += more;
            wrong.extend(worse);
        }
        (killed, wrong)
    })
}

#[test]
fn a_release_that_goes_bad_is_undone_whenever_the_daemon_dies() {
    let seed = dice::seed("FAULTS_SEED");
    let mut world = prepared();
    let points = points(&mut world).expect("it goes back where nothing is killed");
    assert!(points.len() > 20, "is the shim at work? {points:#?}");
    let every = std::env::var("FAULTS").is_ok_and(|wanted| wanted != "one");
    let mut dice = Dice::new(seed);
    let chosen: Vec<&String> = match every {
        true => points.iter().collect(),
        false => (0..SOME).map(|_| dice.one(&points)).collect(),
    };
    let (killed, wrong) = try_all(world, &chosen);
    println!("| back by itself | {} | {killed} |", points.len());
    assert!(
        wrong.is_empty(),
        "FAULTS_SEED={seed}\n{}",
        wrong.join("\n\n")
    );
    assert!(killed > 0, "no point was come to");
}
