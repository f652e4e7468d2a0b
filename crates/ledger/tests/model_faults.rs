//! The same trials over SQLite that `crates/core/tests/faults.rs` makes over a ledger in memory, one
//! fault at a time: what a failed operation leaves must be in the tables, too. Every eighth call
//! goes wrong unless `SLUGLINE_TRIALS_EVERY` says otherwise; 1 takes some two minutes.

use std::cell::RefCell;
use std::rc::Rc;

use slugline_core::port::Ledger;
use slugline_ledger::SqliteLedger;
use slugline_testkit::world::trial::{Depth, trial};

fn every() -> usize {
    let wanted = std::env::var("SLUGLINE_TRIALS_EVERY").ok();
    wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(8)
        .max(1)
}

#[test]
fn whatever_goes_wrong_the_next_command_finds_the_old_state_or_the_new() {
    // Each trial has a home of its own, kept for as long as its ledger is.
    let homes = RefCell::new(Vec::new());
    let fresh = || -> Rc<dyn Ledger> {
        let home = slugline_testkit::swift_folder();
        let ledger = SqliteLedger::open(home.path()).unwrap();
        let mut homes = homes.borrow_mut();
        homes.clear();
        homes.push(home);
        Rc::new(ledger)
    };
    let report = trial(&fresh, Depth::One(every()));
    let shown = report.found.iter().take(20).cloned().collect::<Vec<_>>();
    let (found, trials, shown) = (report.found.len(), report.trials, shown.join("\n"));
    assert_eq!(
        found, 0,
        "of {trials} trials {found} found something:\n{shown}"
    );
    assert!(trials > 1000 / every(), "{trials}");
}
