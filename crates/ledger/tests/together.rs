//! Many processes at once: numbers stay whole, apps do not wait for each other, and a lock is free
//! as soon as its holder is gone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stop where tests do; a child answers on its standard output"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use slugline_core::port::{Holder, Ledger, LedgerError, Lock};
use slugline_core::release::Status;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{
    NOON, app, config_add, key, name, record, state, succeeded, v, var,
};

const PROCESSES: usize = 64;
const DEADLINE: Duration = Duration::from_secs(60);

/// Starts this test program again, to run `child` with a task.
fn start(home: &Path, task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("LEDGER_HOME", home)
        .env("LEDGER_TASK", task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends the processes and answers what they printed about their tasks.
fn finish(children: Vec<Child>) -> Vec<String> {
    let mut said = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        said.extend(
            text.lines()
                .filter(|line| line.starts_with("said "))
                .map(str::to_owned),
        );
    }
    said
}

#[test]
#[ignore = "the other tests start it, in processes of its own"]
fn child() {
    let home = std::env::var_os("LEDGER_HOME").unwrap();
    let task = std::env::var("LEDGER_TASK").unwrap();
    let ledger = SqliteLedger::open(Path::new(&home)).unwrap();
    match task.split_once(' ').unwrap() {
        ("set", rest) => {
            let (app, key) = rest.split_once(' ').unwrap();
            set(&ledger, app, key);
        }
        ("hold", app) => hold(&ledger, app),
        _ => panic!("{task}"),
    }
}

/// One config var more, as an operation does it: lock, look, record, settle.
fn set(ledger: &SqliteLedger, app: &str, key: &str) {
    let mut waited = false;
    let mut waiting = |_: &Holder| {
        waited = true;
        true
    };
    let lock = ledger
        .lock(&name(app), Lock::Change, &held_by(key), &mut waiting)
        .unwrap();
    let mut next = ledger.moment(&name(app)).unwrap().state;
    let (name_of_var, value) = var(key, key);
    next.config.insert(name_of_var, value);
    let version = record(ledger, app, &config_add(key), &next);
    ledger.settle(&name(app), version, &succeeded(&[])).unwrap();
    drop(lock);
    println!("\nsaid {app} {version} {waited}");
}

/// Who does this since noon.
fn held_by(what: &str) -> Holder {
    Holder {
        what: what.to_owned(),
        since: Some(NOON),
    }
}

/// Holds a lock until it is killed.
fn hold(ledger: &SqliteLedger, app: &str) {
    let joe = held_by("joe@example.com: Deploy 575bfa8");
    let _lock = ledger
        .lock(&name(app), Lock::Change, &joe, &mut |_| true)
        .unwrap();
    println!("\nsaid held");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn many_processes_change_one_app_without_gap_or_duplicate() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    let tasks = (0..PROCESSES).map(|nth| format!("set shop KEY_{nth}"));
    let said = finish(tasks.map(|task| start(home.path(), &task)).collect());
    assert_eq!(said.len(), PROCESSES);

    let history = ledger.history(&name("shop"), None, 999).unwrap();
    let numbers: Vec<u64> = history
        .iter()
        .rev()
        .map(|row| row.version.number())
        .collect();
    assert_eq!(numbers, (1..=PROCESSES as u64).collect::<Vec<_>>());
    assert!(history.iter().all(|row| row.status == Status::Succeeded));
    let moment = ledger.moment(&name("shop")).unwrap();
    assert_eq!(moment.last, v(PROCESSES as u64));
    for nth in 0..PROCESSES {
        let name = format!("KEY_{nth}");
        let found = moment.state.config.get(&key(&name)).unwrap();
        assert_eq!(found.value.reveal(), name);
    }
}

#[test]
fn many_apps_change_at_once_and_do_not_wait_for_each_other() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    for nth in 0..PROCESSES {
        ledger.create_app(&app(&format!("app-{nth}"))).unwrap();
    }
    let tasks = (0..PROCESSES).map(|nth| format!("set app-{nth} KEY"));
    let mut said = finish(tasks.map(|task| start(home.path(), &task)).collect());
    let mut expected: Vec<_> = (0..PROCESSES)
        .map(|nth| format!("said app-{nth} v1 false"))
        .collect();
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
}

/// A fresh home has no file, no journal mode and no tables: one of them makes these.
#[test]
fn many_open_a_fresh_home_at_once() {
    for _ in 0..4 {
        let home = slugline_testkit::private_folder();
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..PROCESSES)
                .map(|nth| {
                    let home = home.path();
                    scope.spawn(move || {
                        let ledger = SqliteLedger::open(home).unwrap();
                        ledger.create_app(&app(&format!("app-{nth}"))).unwrap();
                    })
                })
                .collect();
            for opener in openers {
                opener.join().unwrap();
            }
        });
        let ledger = SqliteLedger::open(home.path()).unwrap();
        assert_eq!(ledger.apps().unwrap().len(), PROCESSES);
    }
}

/// Without any lock of ours, the numbers are still whole: that is the database's own doing.
#[test]
fn numbers_are_whole_without_the_lock() {
    let home = slugline_testkit::private_folder();
    SqliteLedger::open(home.path())
        .unwrap()
        .create_app(&app("shop"))
        .unwrap();
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let home = home.path();
                scope.spawn(move || {
                    let ledger = SqliteLedger::open(home).unwrap();
                    let what = state(None, &[("A", "1")], &[]);
                    let record = |_| record(&ledger, "shop", &config_add("A"), &what).number();
                    (0..25).map(record).collect::<Vec<_>>()
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}

#[test]
fn who_waits_is_told_for_whom_and_goes_on_when_the_holder_is_killed() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let mut holder = start(home.path(), "hold shop");
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "said held"));
    drop(
        ledger
            .lock(&name("shop"), Lock::Outbox, &held_by("me"), &mut |_| {
                panic!("waited")
            })
            .unwrap(),
    );

    let (told, heard) = mpsc::channel();
    let folder = home.path().to_owned();
    let waiter = std::thread::spawn(move || {
        let ledger = SqliteLedger::open(&folder).unwrap();
        let mut waiting = |who: &Holder| told.send(who.clone()).is_ok();
        drop(
            ledger
                .lock(
                    &name("shop"),
                    Lock::Change,
                    &held_by("ann@example.com"),
                    &mut waiting,
                )
                .unwrap(),
        );
    });
    let who = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(who, held_by("joe@example.com: Deploy 575bfa8"));
    let refused = ledger.lock(&name("shop"), Lock::Change, &held_by("me"), &mut |_| false);
    assert!(matches!(refused.err(), Some(LedgerError::Held(_))));
    assert!(!waiter.is_finished());
    holder.kill().unwrap();
    holder.wait().unwrap();
    waiter.join().unwrap();
    assert!(heard.try_recv().is_err(), "it was told once");

    let mut waiting = |who: &Holder| panic!("waited for {who:?}");
    drop(
        ledger
            .lock(&name("shop"), Lock::Change, &held_by("me"), &mut waiting)
            .unwrap(),
    );
    let left = std::fs::read_to_string(home.path().join("locks/shop.change")).unwrap();
    assert_eq!(left, format!("{} me", NOON.0));
}
