//! What a child does between fork and exec. The only unsafe code of this crate; it must not
//! allocate, lock or panic there, since another thread may have held any lock when it forked.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;

/// The child is killed when the thread that started it ends, however that ends, and inherits no
/// descriptor but its three. (Where the kernel cannot tie a child to a thread, it lives on.)
#[expect(
    unsafe_code,
    reason = "the kernel must be asked in the child, before it becomes another"
)]
pub(crate) fn tie_to_this_thread(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure makes system calls that are safe after fork, and nothing else.
    unsafe {
        command.pre_exec(move || {
            inherit_nothing();
            die_with(parent)
        });
    }
}

/// As [`tie_to_this_thread`], and the child leads a session of its own; where `terminal` is set,
/// with its input as the terminal of it. It must not lead a group by then.
#[expect(unsafe_code, reason = "the session must be changed in the child")]
pub(crate) fn lead_session(command: &mut Command, terminal: bool) {
    let parent = std::process::id();
    // SAFETY: the closure makes system calls that are safe after fork, and nothing else.
    unsafe {
        command.pre_exec(move || {
            inherit_nothing();
            rustix::process::setsid()?;
            if terminal {
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            }
            die_with(parent)
        });
    }
}

/// The child may hold that many files open, or as many as we may where that is less.
#[expect(unsafe_code, reason = "a limit is set in the child, of itself")]
pub(crate) fn limit_open_files(command: &mut Command, most: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // SAFETY: the closure makes system calls that are safe after fork, and nothing else.
    unsafe {
        command.pre_exec(move || {
            let ours = getrlimit(Resource::Nofile);
            let most = ours.maximum.map_or(most, |maximum| most.min(maximum));
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            setrlimit(Resource::Nofile, limit).map_err(io::Error::from)
        });
    }
}

/// The child leads a session of its own, without a terminal, and inherits no descriptor but its
/// three: a pipe that it kept open would keep its reader waiting for ever.
#[expect(unsafe_code, reason = "the session must be changed in the child")]
pub(crate) fn detach(command: &mut Command) {
    // SAFETY: the closure makes system calls that are safe after fork, and nothing else.
    unsafe {
        command.pre_exec(|| {
            inherit_nothing();
            nix::unistd::setsid().map(drop).map_err(io::Error::from)
        });
    }
}

/// Marks every descriptor above 2 to be closed by exec. They are not closed here, since one of
/// them tells the parent whether exec worked.
#[expect(unsafe_code, reason = "descriptors are numbers here, owned by nobody")]
fn inherit_nothing() {
    #[cfg(target_os = "linux")]
    {
        const CLOSE_ON_EXEC: libc::c_uint = 4;
        let (first, last): (libc::c_uint, libc::c_uint) = (3, libc::c_uint::MAX);
        // SAFETY: it takes numbers only and changes a flag of descriptors.
        if unsafe { libc::syscall(libc::SYS_close_range, first, last, CLOSE_ON_EXEC) } == 0 {
            return;
        }
    }
    for descriptor in 3..4096 {
        // SAFETY: it changes a flag of a descriptor, or fails where there is none.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    // It may have died before the kernel was asked.
    if std::os::unix::process::parent_id() == parent {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}
