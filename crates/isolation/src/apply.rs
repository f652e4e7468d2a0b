//! Hangs what a child does between fork and exec on a command. It must not know what that is.

use std::process::Command;

/// The child goes this way.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "a child shuts itself in before it becomes another program"
)]
pub(crate) fn go(command: &mut Command, mut way: crate::enter::Way) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: going the way is system calls that are safe after fork, and nothing else: all that it
    // needs was made before.
    unsafe {
        command.pre_exec(move || way.go());
    }
}
