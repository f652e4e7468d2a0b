//! Eight processes that write to eight apps, beside one that writes to one. It must not know what a
//! release is made of.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use slugline_core::port::Ledger;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{app, config_add, release};

use super::beside::Bare;
use super::{folder, nth_state, row};

/// The first argument of a process that writes.
pub(super) const WORD: &str = "write";
/// The same of one that writes the bare rows.
pub(super) const BARE: &str = "write-bare";
/// So many releases are made by all of them together.
const RELEASES: u64 = 2400;

/// `HOME APP COUNT`: makes so many releases.
pub(super) fn write(words: &[String]) {
    let [home, app, count] = words else {
        return;
    };
    let ledger = SqliteLedger::open(Path::new(home)).unwrap();
    for nth in 0..count.parse().unwrap() {
        release(&ledger, app, &config_add("VAR_1"), &nth_state(nth, 20));
    }
}

/// `HOME APP COUNT`: writes the rows of so many releases, and nothing else.
pub(super) fn write_bare(words: &[String]) {
    let [home, app, count] = words else {
        return;
    };
    let number = app.trim_start_matches("app-").parse().unwrap();
    let mut bare = Bare::of_app(Path::new(home), number);
    (0..count.parse::<u64>().unwrap()).for_each(|_| bare.rows());
}

/// How long so many processes take for all releases.
fn together(word: &str, home: &Path, processes: u64) -> Duration {
    let since = Instant::now();
    let each = (RELEASES / processes).to_string();
    let start = |nth: u64| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg(word)
            .arg(home)
            .arg(format!("app-{nth}"))
            .arg(&each);
        command.stdin(Stdio::null()).spawn().unwrap()
    };
    let all: Vec<_> = (0..processes).map(start).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    since.elapsed() / u32::try_from(RELEASES).unwrap()
}

/// Both, in turns.
pub(super) fn eight_and_one() {
    eprintln!("writers …");
    let home = folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    for nth in 0..8 {
        ledger.create_app(&app(&format!("app-{nth}"))).unwrap();
    }
    drop(ledger);
    drop(Bare::of_app(home.path(), 0));
    let [eight, one, bare_eight, bare_one] = super::in_turns(
        3,
        [
            &mut || together(WORD, home.path(), 8),
            &mut || together(WORD, home.path(), 1),
            &mut || together(BARE, home.path(), 8),
            &mut || together(BARE, home.path(), 1),
        ],
    );
    let what = "a release, of 2,400 that eight processes make in eight apps";
    row(what, eight, "one process in one app", one, "1");
    let bare = "eight that write its bare rows to one file";
    row(what, eight, bare, bare_eight, "1.5");
    let what = "its bare rows, written by eight processes";
    row(what, bare_eight, "by one process", bare_one, "");
}
