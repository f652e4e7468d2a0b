//! The system calls that a plugin's process may make; every other answers that it does not exist.
//! A list of what is allowed, and not of what is forbidden, so that a call that a later kernel
//! brings is refused too. It must not know what a plugin is.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op,
    SeccompCondition as Condition, SeccompFilter, SeccompRule,
};

/// What computing takes: memory, threads, clocks, random bytes, and the descriptors that are open.
const COMPUTING: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Older names of some of them.
#[cfg(target_arch = "x86_64")]
const COMPUTING_OLD: &[libc::c_long] = &[
    libc::SYS_alarm,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const COMPUTING_OLD: &[libc::c_long] = &[];

/// What loading a library takes besides. Landlock says which files, and forbids all once it is
/// loaded; these are then forbidden too.
const LOADING: &[libc::c_long] = &[
    libc::SYS_close_range,
    libc::SYS_faccessat,
    libc::SYS_getcwd,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_restrict_self,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_seccomp,
    libc::SYS_statx,
];
#[cfg(target_arch = "x86_64")]
const LOADING_OLD: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_readlink,
    libc::SYS_stat,
];
#[cfg(not(target_arch = "x86_64"))]
const LOADING_OLD: &[libc::c_long] = &[];

/// How far a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A library is about to be loaded, which runs code of it.
    Loading,
    /// Nothing is needed any more but to compute.
    Loaded,
}

/// The filter of a stage.
pub(super) fn filter(stage: Stage) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let mut always = |calls: &[libc::c_long]| {
        rules.extend(calls.iter().map(|call| (*call, Vec::new())));
    };
    always(COMPUTING);
    always(COMPUTING_OLD);
    if stage == Stage::Loading {
        always(LOADING);
        always(LOADING_OLD);
    }
    rules.extend(sometimes(stage)?);
    SeccompFilter::new(
        rules,
        // As if the kernel did not know it: the C library then does without.
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

/// Calls that depend on what is asked of them.
fn sometimes(stage: Stage) -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let is =
        |place: u8, value: i64| Condition::new(place, Width::Dword, Op::Eq, value.cast_unsigned());
    let one = |condition: Condition| SeccompRule::new(vec![condition]);
    let any = |place: u8, values: &[libc::c_int]| -> Result<Vec<SeccompRule>, BackendError> {
        let values = values.iter();
        values
            .map(|value| one(is(place, i64::from(*value))?))
            .collect()
    };
    let own = i64::from(std::process::id());
    let thread = libc::CLONE_THREAD as u64;
    let thread = Condition::new(0, Width::Dword, Op::MaskedEq(thread), thread)?;
    let mut prctl = vec![libc::PR_SET_NAME, libc::PR_GET_NAME];
    if stage == Stage::Loading {
        prctl.extend([libc::PR_SET_NO_NEW_PRIVS, libc::PR_SET_SECCOMP]);
    }
    // None of those that make a signal come to somebody else when something can be read.
    let fcntl = [
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
    ];
    let terminal = [
        i32::try_from(libc::TCGETS).unwrap_or(0),
        libc::FIONREAD as i32,
    ];
    let only_read = Condition::new(2, Width::Qword, Op::Eq, 0)?;
    Ok(vec![
        // A thread, and no process. (`clone3` hides its flags in memory and is refused.)
        (libc::SYS_clone, vec![one(thread)?]),
        // A signal to itself, as `abort` sends one.
        (libc::SYS_tgkill, vec![one(is(0, own)?)?]),
        (libc::SYS_kill, vec![one(is(0, own)?)?]),
        (libc::SYS_prlimit64, vec![one(only_read)?]),
        (libc::SYS_prctl, any(0, &prctl)?),
        (libc::SYS_fcntl, any(1, &fcntl)?),
        (libc::SYS_ioctl, any(1, &terminal)?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_has_a_filter_and_the_last_is_shorter() {
        let loading = filter(Stage::Loading).unwrap().len();
        let loaded = filter(Stage::Loaded).unwrap().len();
        assert!(loaded < loading, "{loaded} {loading}");
    }
}
