//! Every operation, ended at every system call that matters (S31): by SIGKILL before the call, after
//! it and in the midst of a write, and by a disk that is full, read-only or broken. Afterwards the
//! home is legal, the next command works, numbers have no gap, no resource is an orphan, no process
//! of another release lives, what runs is what the history says, and the same command given again
//! comes to where it should have come at once.
//!
//! The points are listed by the operation itself (`faults_kit/shim.c`). Of calls that one operation
//! makes many times on one file, the test takes one by chance;
//! `FAULTS=kill cargo test -p slugline-tests --test faults -- --nocapture` kills at every one, and
//! `FAULTS=all` does all of this at every one. `FAULTS_SEED` chooses which otherwise, and is printed where
//! something fails; `FAULTS_ONLY` names one operation.

#![expect(clippy::print_stdout, reason = "the table is what the test shows")]

mod faults_kit;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use faults_kit::checks::{self, Checked, NEXT};
use faults_kit::dice::{self, Dice};
use faults_kit::operations::{OPERATIONS, Operation};
use faults_kit::shim::{At, Fault, Process};
use faults_kit::world::{Ran, World};
use slugline_core::port::Ledger as _;

/// So many operations at once; they mostly wait, for processes and for the disk.
const WORKERS: usize = 4;

/// One line of the table.
#[derive(Clone, Default)]
struct Row {
    exist: usize,
    killed: usize,
    failed: usize,
    wrong: Vec<String>,
    seconds: f64,
}

#[test]
fn an_operation_may_end_at_any_call() {
    let seed = dice::seed("FAULTS_SEED");
    let only = std::env::var("FAULTS_ONLY").ok();
    let chosen: Vec<&Operation> = OPERATIONS
        .iter()
        .filter(|operation| only.as_ref().is_none_or(|name| operation.name == name))
        .collect();
    assert!(!chosen.is_empty(), "there is no operation {only:?}");
    let rows = Mutex::new(vec![Row::default(); chosen.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(operation) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = try_all(operation, seed).unwrap_or_else(|why| Row {
                        wrong: vec![format!("{}: {why}", operation.name)],
                        ..Row::default()
                    });
                    let place = chosen.iter().position(|one| one.name == operation.name);
                    let mut rows = rows
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    if let Some(place) = place {
                        rows[place] = row;
                    }
                }
            });
        }
    });
    let rows = rows
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let wrong = show(&chosen, &rows);
    assert!(
        wrong.is_empty(),
        "FAULTS_SEED={seed}\n{}",
        wrong.join("\n\n")
    );
    if only.is_none() {
        let exist: usize = rows.iter().map(|row| row.exist).sum();
        assert!(exist >= 300, "only {exist} points: is the shim at work?");
    }
}

/// A sync fails while another process has the ledger open, and then the machine dies: the index of
/// the write-ahead log is gone, and whoever opens it next reads all that lies in it.
#[test]
fn what_failed_at_the_disk_stays_undone_when_the_machine_dies() {
    let mut world = World::new();
    world.does(&["apps:create", "myapp", "--no-remote"]);
    world.does(&["addons:add", "releases:basic"]);
    world.save();
    let add = ["config:add", "A=1"];
    let (ran, points) = world.points(&add, Process::Command);
    assert!(ran.good(), "{ran}");
    let syncs = points
        .iter()
        .filter(|point| point.starts_with("sync ledger.db-wal"));
    let mut failed = 0;
    for point in syncs {
        world.restore(false);
        let other = checks::ledger(&world).unwrap().expect("a ledger");
        other.apps().expect("it reads");
        let fault = (At::Point(point), Fault::Broken);
        let ran = world.faulty(&add, Process::Command, fault);
        if !ran.hit {
            // That one is of closing the file, which nobody does who is not the last to have it open.
            continue;
        }
        let file = |name: &str| world.env.home().join(name);
        let lost = ["ledger.db", "ledger.db-wal"].map(|name| (name, std::fs::read(file(name))));
        drop(other);
        for (name, bytes) in lost {
            std::fs::write(file(name), bytes.expect("it is there")).unwrap();
        }
        let _ = std::fs::remove_file(file("ledger.db-shm"));
        let has = world.run(&["config", "--app", "myapp"]).stdout;
        assert_eq!(has.contains("A => 1"), ran.good(), "{point}: {ran}{has}");
        failed += usize::from(!ran.good());
    }
    assert!(failed > 0, "no commit failed: is the shim at work?");
}

/// A command is killed before it moves what it has written from the log into the ledger, and the next
/// cannot open the log's index: it fails, and loses nothing of what the first has told.
#[test]
fn what_is_in_the_log_outlives_whoever_cannot_open_it() {
    let mut world = World::new();
    world.does(&["apps:create", "myapp", "--no-remote"]);
    world.does(&["config:add", "A=1"]);
    let closes = (At::Point("lock ledger.db#1"), Fault::Kill);
    let ran = world.faulty(&["config:add", "B=2"], Process::Command, closes);
    assert!(ran.hit && ran.stdout.contains("done, v2"), "{ran}");
    world.save();
    let (ran, points) = world.points(&["config", "--app", "myapp"], Process::Command);
    assert!(ran.good(), "{ran}");
    let opens = points.iter().filter(|point| point.contains("ledger.db"));
    let (mut met, mut failed) = (0, 0);
    for point in opens {
        for fault in [
            Fault::Broken,
            Fault::FullFromThereOn,
            Fault::ReadOnlyFromThereOn,
        ] {
            world.restore(false);
            let ran = world.faulty(
                &["config:add", "C=3"],
                Process::Command,
                (At::Point(point), fault),
            );
            let has = world.run(&["config", "--app", "myapp"]).stdout;
            assert!(has.contains("B => 2"), "{fault:?} at {point}: {ran}{has}");
            met += usize::from(ran.hit);
            failed += usize::from(!ran.good());
        }
    }
    assert!(
        met >= 9 && failed >= 3,
        "{met} met a fault, {failed} failed"
    );
}

/// Prints the table, and answers what went wrong.
fn show(chosen: &[&Operation], rows: &[Row]) -> Vec<String> {
    println!("| operation | points | killed at | failed at | passed | wrong | s |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut sum = Row::default();
    for (operation, row) in chosen.iter().zip(rows) {
        print(operation.name, row);
        sum.exist += row.exist;
        sum.killed += row.killed;
        sum.failed += row.failed;
        sum.seconds += row.seconds;
        sum.wrong.extend(row.wrong.clone());
    }
    print("all", &sum);
    sum.wrong
}

fn print(name: &str, row: &Row) {
    let Row {
        exist,
        killed,
        failed,
        seconds,
        ..
    } = row;
    let wrong = row.wrong.len();
    let passed = (killed + failed).saturating_sub(wrong);
    println!("| {name} | {exist} | {killed} | {failed} | {passed} | {wrong} | {seconds:.0} |");
}

/// What an operation starts from, and what it comes to; each also with the next command after it,
/// which may take rolled-back code away (S22).
struct Shape {
    before: String,
    after: String,
    before_next: String,
    after_next: String,
}

fn try_all(operation: &Operation, seed: u64) -> Checked<Row> {
    let since = Instant::now();
    let mut world = World::new();
    (operation.prepare)(&world);
    world.save();
    world.restore(operation.daemon);
    let facts = |world: &World| checks::facts(world).map(|facts| without_next(&facts));
    let before = facts(&world)?;
    next_works(&world, operation)?;
    let before_next = facts(&world)?;
    world.restore(operation.daemon);
    let (ran, points) = world.points(operation.words, operation.process);
    if !ran.good() {
        return Err(ran.to_string());
    }
    let after = facts(&world)?;
    next_works(&world, operation)?;
    let after_next = facts(&world)?;
    let shape = Shape {
        before,
        after,
        before_next,
        after_next,
    };
    let mut row = Row {
        exist: points.len(),
        ..Row::default()
    };
    for (point, fault) in plan(&points, Dice::new(seed)) {
        // Which call another thread makes first may differ: then it comes in a second attempt.
        let mut tried = try_one(&mut world, operation, &shape, &point, fault);
        if tried == Ok(false) {
            tried = try_one(&mut world, operation, &shape, &point, fault);
        }
        match &tried {
            Ok(false) => continue,
            _ if fault.kills() => row.killed += 1,
            _ => row.failed += 1,
        }
        if let Err(why) = tried {
            note(
                &mut row,
                &format!("{} {fault:?} {point}", operation.name),
                &why,
            );
        }
    }
    row.seconds = since.elapsed().as_secs_f64();
    Ok(row)
}

fn note(row: &mut Row, place: &str, why: &str) {
    println!("WRONG {place}: {why}");
    row.wrong.push(format!("{place}: {why}"));
}

/// Which points are tried, and how: one of each call on each file, or all.
fn plan(points: &[String], mut dice: Dice) -> Vec<(String, Fault)> {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let (all, every) = (wanted == "all", wanted == "kill");
    let mut classes: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for point in points {
        let class = point.rsplit_once('#').map_or("", |(class, _)| class);
        classes.entry(class).or_default().push(point);
    }
    let mut plan = Vec::new();
    for (class, points) in classes {
        let one = dice.below(points.len());
        for (place, point) in points.iter().enumerate() {
            if every {
                plan.push(((*point).clone(), Fault::Kill));
            } else if all || place == one {
                plan.extend(faults(class, all, &mut dice).map(|fault| ((*point).clone(), fault)));
            }
        }
    }
    plan
}

/// Calls that a disk can fail.
const WRITES: [&str; 7] = [
    "write", "create", "sync", "rename", "mkdir", "link", "truncate",
];

/// What happens at a point: it is killed before the call; after it, which is much like before the
/// next; in the midst; and one error.
fn faults(class: &str, all: bool, dice: &mut Dice) -> impl Iterator<Item = Fault> + use<> {
    let errors = [
        Fault::Full,
        Fault::FullFromThereOn,
        Fault::ReadOnlyFromThereOn,
        Fault::Broken,
    ];
    let (call, what) = class.split_once(' ').unwrap_or_default();
    let file = what.contains(['/', '.']);
    let fails = file && WRITES.contains(&call);
    let mut often = |percent: usize, of: bool| of && (all || dice.percent(percent));
    // Half of them, so that all tests end in time; every one with FAULTS.
    let kill = often(50, true).then_some(Fault::Kill);
    let after = often(15, true).then_some(Fault::After);
    let torn = often(25, call == "write" && file).then_some(Fault::Torn);
    let error = often(15, fails).then_some(());
    let error = error.map(|()| *dice.one(&errors));
    [kill, after, torn, error].into_iter().flatten()
}

/// Tries one point. Answers whether the operation came to it.
fn try_one(
    world: &mut World,
    operation: &Operation,
    shape: &Shape,
    point: &str,
    fault: Fault,
) -> Checked<bool> {
    world.restore(operation.daemon);
    let ran = world.faulty(
        operation.words,
        operation.process,
        (At::Point(point), fault),
    );
    if !ran.hit {
        return Ok(false);
    }
    let context = |why: String| format!("{why}\n{ran}");
    ended(operation, fault, &ran).map_err(context)?;
    checks::legal(world).map_err(context)?;
    // To a daemon the disk would be full still: there is room again for the next one.
    if fault.stays() && operation.process == Process::Serve {
        world.stop();
    }
    next_works(world, operation).map_err(context)?;
    let facts = without_next(&checks::facts(world)?);
    let done = facts == shape.after_next;
    if facts != shape.before_next && !done {
        let Shape { before, after, .. } = shape;
        let text = format!("neither as before nor as after:\n{before}---\n{after}---\n{facts}");
        return Err(context(text));
    }
    if !fault.kills() && ran.good() && operation.process == Process::Command && !done {
        return Err(context("it said that it was done, and was not".to_owned()));
    }
    let all_is_well = |world: &World| checks::settled(world).and_then(|()| checks::running(world));
    all_is_well(world).map_err(context)?;
    let again = world.run(operation.words);
    let refused = operation
        .again
        .iter()
        .any(|text| again.stderr.contains(text));
    if !again.good() && !refused {
        return Err(context(format!("the same command again: {again}")));
    }
    all_is_well(world).map_err(|why| context(format!("after the same command again: {why}")))?;
    let facts = without_next(&checks::facts(world)?);
    let lapsed = operation.lapses && refused && facts == shape.before_next;
    if facts == shape.after || facts == shape.after_next || lapsed {
        return Ok(true);
    }
    Err(context(format!(
        "given again it came to:\n{facts}not:\n{}",
        shape.after
    )))
}

/// Facts without the app that the next command may have made.
fn without_next(facts: &str) -> String {
    let own = facts
        .split_inclusive('\n')
        .take_while(|line| !line.starts_with("next "));
    own.collect()
}

/// A process that was killed was killed by this signal, and one that met an error said so in words.
fn ended(operation: &Operation, fault: Fault, ran: &Ran) -> Checked {
    if ran.stderr.contains("panicked") {
        return Err("it panicked".to_owned());
    }
    if fault.kills() && operation.process == Process::Command && ran.signal != Some(9) {
        return Err("it was not killed".to_owned());
    }
    Ok(())
}

/// The next command works, and makes the next number. Where the app is not there, another can be.
fn next_works(world: &World, operation: &Operation) -> Checked {
    let last = |world: &World| -> Checked<Option<u64>> {
        let moment = checks::moment(world, "myapp")?;
        Ok(moment.map(|moment| moment.last.number()))
    };
    if operation.restores {
        return Ok(());
    }
    let Some(before) = last(world)?.filter(|_| !operation.creates) else {
        let ran = world.run(&["apps:create", "next", "--no-remote"]);
        return ran
            .good()
            .then_some(())
            .ok_or_else(|| format!("the next command fails: {ran}"));
    };
    let ran = world.run(&["config:add", &format!("{NEXT}=1")]);
    if !ran.good() {
        // It has finished what was begun, or the daemon has just before it: the app is gone.
        let said = ran.to_string();
        let gone = ["has been destroyed", "there is no app myapp"];
        let finished = operation.destroys && gone.iter().any(|text| said.contains(text));
        return match finished && last(world)?.is_none() {
            true => Ok(()),
            false => Err(format!("the next command fails: {ran}")),
        };
    }
    let after = last(world)?;
    let made = after == Some(before + 1);
    made.then_some(())
        .ok_or_else(|| format!("v{before} was followed by {after:?}: {ran}"))
}
