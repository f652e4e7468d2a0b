//! Ctrl-C, and being told to end, while an app is being changed: the change is given up where it is
//! and what it had begun is finished or undone at once, so that nothing is half-done when the prompt
//! comes back (S31). It must not know how that is done: `slugline recover` does, as which this
//! process goes on.
//!
//! To go on as another program frees the app's lock and ends this one's connections, just as a kill
//! would; there is one way to end early, and the fault tests go through it.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use slugline_core::app::AppName;

/// The signals that give up a change.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The app that is being changed by this process.
static CHANGING: OnceLock<AppName> = OnceLock::new();

/// From now on the signals give up the change of this app. Where they cannot be watched they end
/// this process as ever, and the next command that touches the app recovers it.
pub fn watch(app: &AppName) {
    if CHANGING.set(app.clone()).is_err() {
        return;
    }
    let ignored = ignored();
    // What whoever started us wants ignored, such as a hang-up under nohup, stays so.
    let watched = SIGNALS
        .into_iter()
        .filter(|signal| ignored & (1 << (signal - 1)) == 0);
    // Handlers, and not a mask: what this process starts inherits the mask, and would not end when
    // it is told to.
    let Ok(mut signals) = Signals::new(watched) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            go_on(signal);
        }
    });
}

/// The signals that are ignored, a bit each, the first one lowest.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

fn go_on(signal: i32) {
    if let (Some(app), Ok(program)) = (CHANGING.get(), std::env::current_exe()) {
        let number = signal.to_string();
        let words = ["recover", "--app", app.as_str(), "--signal", &number];
        // It comes back only where it fails.
        let _ = Command::new(program).args(words).exec();
    }
    // Then the signal does what it does to any process, and the next command recovers the app.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
