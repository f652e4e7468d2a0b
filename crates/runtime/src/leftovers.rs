//! What a daemon started and what that started in turn, found by a mark in its environment: so that
//! nothing outlives the daemon, though it left its group and its session, or the daemon was killed.
//! It must not know what any of it is.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that every process of a home's daemon has, and its children inherit: the home.
pub(crate) const MARK: &str = "SLUGLINE_SERVED_FROM";

/// How often the list of processes is gone through: what is forked meanwhile is on the next one.
const SWEEPS: usize = 20;

/// Kills whatever has the mark of a home. It is to be called by whoever holds the daemon's lock, and
/// while nothing is to run. Where there is no list of processes, or another user's cannot be looked
/// into, they are left alone.
pub(crate) fn kill_all(home: &Path) {
    let mark = format!("{MARK}={}", home.display());
    for _ in 0..SWEEPS {
        let found: Vec<_> = marked(mark.as_bytes()).collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            // It fails when it has just ended.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The processes with this entry in their environment, but for ourselves: a daemon may have been
/// started by a process of an app.
fn marked(mark: &[u8]) -> impl Iterator<Item = i32> {
    let ourselves = i32::try_from(std::process::id()).ok();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        // One that has ended, and that nobody has waited for, has none.
        let environment = std::fs::read(process.path().join("environ")).ok()?;
        let mut entries = environment.split(|byte| *byte == 0);
        (Some(pid) != ourselves && entries.any(|entry| entry == mark)).then_some(pid)
    })
}
