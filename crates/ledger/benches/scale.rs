//! What a ledger of a million releases costs, beside one of a hundred; and what a release costs, in
//! time and bytes, beside bare SQLite and beside a history that copies everything. Prints rows of
//! `docs/benchmarks.md`. It must not know what a rule says, only what an operation reads and writes.
//!
//! Pairs are run in turns, so that both meet the same machine. `cargo bench -p slugline-ledger --bench
//! scale` takes a few minutes, most of which goes into making the million, in memory; a number after
//! `--` makes another length of it, `creation` or `writers` only that part.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark stops where it cannot go on, and prints its rows"
)]

#[path = "scale/apps.rs"]
mod apps;
#[path = "scale/beside.rs"]
mod beside;
#[path = "scale/lengths.rs"]
mod lengths;
#[path = "scale/writers.rs"]
mod writers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slugline_core::port::Ledger;
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{app, slug, state, var};
use tempfile::TempDir;

/// A folder on the disk.
fn folder() -> TempDir {
    private(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// A folder where writing costs no wait, where there is one.
fn cheap() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        private(&memory)
    } else {
        folder()
    }
}

fn private(within: &Path) -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new()
        .permissions(mode)
        .tempdir_in(within);
    folder.unwrap()
}

fn ledger(home: &Path) -> SqliteLedger {
    let ledger = SqliteLedger::open(home).unwrap();
    ledger.create_app(&app("shop")).unwrap();
    ledger
}

/// The state of the release after `nth` others: one of so many vars, of 60 bytes, differs from the one
/// before.
fn nth_state(nth: u64, vars: u64) -> State {
    let addons = ["memcache:free", "releases:advanced"];
    let mut next = state(Some(slug(nth / 10)), &[], &addons);
    for number in 0..vars {
        let changed = (nth + vars - number) / vars;
        let (key, var) = var(&format!("VAR_{number}"), &format!("{changed:060}"));
        next.config.insert(key, var);
    }
    next
}

fn timed(work: impl FnOnce()) -> Duration {
    let since = Instant::now();
    work();
    since.elapsed()
}

/// The median of what each task takes, all run in turns; one round first that does not count.
fn in_turns<const N: usize>(
    rounds: usize,
    mut tasks: [&mut dyn FnMut() -> Duration; N],
) -> [Duration; N] {
    let mut taken = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (task, taken) in tasks.iter_mut().zip(&mut taken) {
            let time = task();
            if round > 0 {
                taken.push(time);
            }
        }
    }
    taken.map(|mut taken| {
        taken.sort();
        taken[taken.len() / 2]
    })
}

fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

fn row(what: &str, ours: Duration, beside: &str, theirs: Duration, aim: &str) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let (ours, theirs) = (shown(ours), shown(theirs));
    println!("| {what} | {ours} | {beside} | {theirs} | {ratio:.2} | {aim} |");
}

fn creation() {
    beside::creation(folder, "on the disk");
    beside::creation(cheap, "in memory, where nothing is waited for");
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match words.next().as_deref() {
        Some("creation") => creation(),
        Some("writers") => writers::eight_and_one(),
        Some(apps::WORD) => apps::make(&words.collect::<Vec<_>>()),
        Some(writers::WORD) => writers::write(&words.collect::<Vec<_>>()),
        Some(writers::BARE) => writers::write_bare(&words.collect::<Vec<_>>()),
        length => {
            let long = length
                .and_then(|word| word.parse().ok())
                .unwrap_or(1_000_000);
            creation();
            beside::bytes();
            writers::eight_and_one();
            lengths::all(long);
        }
    }
}
