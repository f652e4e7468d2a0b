//! Every call that an operation makes of a port goes wrong in its turn: it fails undone, it is done
//! and its answer lost, it is done twice, or nothing works from there on; and every call that follows
//! a failure, each undo among them, fails as well. The world counts the calls itself. What a killed
//! process leaves is tested with real ones, in `tests/tests/faults.rs`.

use std::rc::Rc;

use slugline_testkit::MemoryLedger;
use slugline_testkit::world::trial::{Depth, trial};

#[test]
fn whatever_goes_wrong_the_next_command_finds_the_old_state_or_the_new() {
    let report = trial(&|| Rc::new(MemoryLedger::default()), Depth::Two);
    let (trials, calls) = (report.trials, &report.calls);
    println!("{trials} trials; calls of each operation: {calls:?}");
    let shown = report.found.iter().take(20).cloned().collect::<Vec<_>>();
    let (found, shown) = (report.found.len(), shown.join("\n"));
    assert_eq!(
        found, 0,
        "of {trials} trials {found} found something:\n{shown}"
    );
    assert!(trials > 3000, "{trials}");
}
