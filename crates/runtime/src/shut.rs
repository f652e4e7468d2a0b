//! Shutting processes in, for a daemon that is one thread: what takes its time is done beside it. It
//! must not know how it is done, nor when a process starts or ends.

use std::io::{Error, Result};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::libc;
use rustix::fs::{FileType, fchown, fstat, fstatfs};
use slugline_isolation::{Enclosure, Inmate, Isolation};
use tokio::task::spawn_blocking;

use crate::command::Recipe;

/// What file systems say of themselves that a pipe without a name is on.
const PIPES: u64 = 0x5049_5045;

/// Makes what a process of this recipe is to be shut in; `None` where it is not to be.
pub(crate) async fn enclose(
    isolation: &Arc<Isolation>,
    recipe: &Recipe,
) -> Result<Option<Enclosure>> {
    let Some(wanted) = recipe.shut.clone() else {
        return Ok(None);
    };
    let isolation = Arc::clone(isolation);
    let made = spawn_blocking(move || {
        isolation.enclose(&Inmate {
            app: wanted.app.as_str(),
            name: &wanted.name,
            tree: wanted.tree.as_deref(),
            program: wanted.program.as_deref(),
            limits: wanted.limits,
        })
    });
    let made = made.await.map_err(Error::other)?;
    made.map(Some).map_err(|error| {
        use std::error::Error as _;
        let why = error.source().map(|source| format!(": {source}"));
        Error::other(format!("{error}{}", why.unwrap_or_default()))
    })
}

/// Removes it, once its process has ended; nobody waits for that.
pub(crate) fn remove(enclosure: Option<Enclosure>) {
    if let Some(enclosure) = enclosure {
        spawn_blocking(move || enclosure.remove());
    }
}

/// Makes a terminal, or a pipe without a name, the process's user's: so that `/dev/stdout` and the like
/// can be opened as well as written to. What else was handed over stays its owner's.
pub(crate) fn give(descriptor: impl AsFd, terminal: bool, enclosure: Option<&Enclosure>) {
    let Some(user) = enclosure.and_then(Enclosure::user) else {
        return;
    };
    let descriptor = descriptor.as_fd();
    let is_pipe = || {
        let kind = fstat(descriptor).map(|stat| FileType::from_raw_mode(stat.st_mode));
        kind.is_ok_and(|kind| kind == FileType::Fifo) && is_nameless(descriptor)
    };
    if terminal || is_pipe() {
        let user = rustix::process::Uid::from_raw(user);
        // Without it, only opening fails.
        let _ = fchown(descriptor, Some(user), None);
    }
}

fn is_nameless(descriptor: impl AsFd) -> bool {
    fstatfs(descriptor).is_ok_and(|on| u64::try_from(on.f_type).is_ok_and(|kind| kind == PIPES))
}

/// Whether a process ended as one does that the kernel has ended, or whose child it has.
pub(crate) fn looks_killed(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(libc::SIGKILL) || status.code() == Some(128 + libc::SIGKILL)
}
