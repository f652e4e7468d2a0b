//! Gives up what a plugin does not need, before anything of the plugin has run: memory beyond its
//! budget, files, processes, the network, other processes. What the kernel does not offer is left
//! out and reported. It must not know what runs afterwards.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use slugline_plugin_api::protocol::Containment;

use super::ChildError;

/// So many descriptors may be open.
const DESCRIPTORS: u64 = 64;

/// A script's sandbox counts what the script holds, and the kernel is only there should that fail:
/// besides, there are a long history on its way, and the sandbox itself.
const SCRIPT_SPARE: u64 = 3;

/// Contains this process, for a script or for the library at a path.
pub(super) fn begin(memory: u64, library: Option<&str>) -> Result<Containment, ChildError> {
    die_with_parent()?;
    let spare = if library.is_some() { 1 } else { SCRIPT_SPARE };
    limit(memory.saturating_mul(spare))?;
    Ok(restrict(library))
}

/// Contains the process of a library further, once it is loaded: all of its threads. `begun` is what
/// held it before.
///
/// # Errors
/// One line: what could be contained before it was loaded cannot any more.
pub(super) fn finish(begun: Containment) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        let files = linux::landlock(&[]).files;
        let system_calls = linux::seccomp(super::syscalls::Stage::Loaded);
        if (begun.files && !files) || (begun.system_calls && !system_calls) {
            return Err("it withstands its containment".to_owned());
        }
    }
    let _ = begun;
    Ok(())
}

/// No more than `more` bytes beside those that it has, no file, no core.
fn limit(more: u64) -> Result<(), ChildError> {
    let failed = |error: nix::Error| ChildError::Contain(error.to_string());
    let set = |resource: Resource, most: u64| {
        let (_, hard) = getrlimit(resource).map_err(failed)?;
        let most = most.min(hard);
        setrlimit(resource, most, most).map_err(failed)
    };
    set(Resource::RLIMIT_CORE, 0)?;
    set(Resource::RLIMIT_FSIZE, 0)?;
    set(Resource::RLIMIT_NOFILE, DESCRIPTORS)?;
    match address_space() {
        Some(present) => set(Resource::RLIMIT_AS, present.saturating_add(more)),
        None => Ok(()),
    }
}

/// How many bytes of addresses the process has now, where the system tells.
fn address_space() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').next()?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages.saturating_mul(u64::try_from(size).ok()?))
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> Result<(), ChildError> {
    let failed = |error: nix::Error| ChildError::Contain(error.to_string());
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(failed)?;
    // A parent that died before it was asked for leaves a pipe that has ended; that is noticed.
    nix::sys::prctl::set_no_new_privs().map_err(failed)
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> Result<(), ChildError> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn restrict(_library: Option<&str>) -> Containment {
    Containment::default()
}

#[cfg(target_os = "linux")]
fn restrict(library: Option<&str>) -> Containment {
    use super::syscalls::Stage;
    let readable: Vec<&str> = match library {
        Some(library) => linux::LIBRARIES.iter().copied().chain([library]).collect(),
        None => Vec::new(),
    };
    let stage = if library.is_some() {
        Stage::Loading
    } else {
        Stage::Loaded
    };
    let mut containment = linux::landlock(&readable);
    containment.system_calls = linux::seccomp(stage);
    containment
}

#[cfg(target_os = "linux")]
mod linux {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
    };

    use super::super::syscalls::{self, Stage};
    use super::Containment;

    /// Where the libraries are that a library may need. The dynamic linker also reads a list of
    /// them.
    pub(super) const LIBRARIES: [&str; 6] = [
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/etc/ld.so.cache",
    ];

    /// The newest version of Landlock that is made use of; an older kernel gives what it has.
    const NEWEST: ABI = ABI::V6;

    /// From now on, only these can be read, and nothing can be written.
    pub(super) fn landlock(readable: &[&str]) -> Containment {
        let Ok(status) = rule(readable) else {
            return Containment::default();
        };
        let since = |abi: ABI| match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => {
                status.ruleset != RulesetStatus::NotEnforced && effective_abi >= abi
            }
            _ => false,
        };
        Containment {
            system_calls: false,
            files: since(ABI::V1),
            network: since(ABI::V4),
            signals: since(ABI::V6),
        }
    }

    fn rule(readable: &[&str]) -> Result<RestrictionStatus, RulesetError> {
        let read = AccessFs::from_read(NEWEST);
        Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(readable, read))?
            .restrict_self()
    }

    /// From now on, only the system calls of this stage can be made.
    pub(super) fn seccomp(stage: Stage) -> bool {
        let filter = syscalls::filter(stage);
        filter.is_ok_and(|filter| seccompiler::apply_filter_all_threads(&filter).is_ok())
    }
}
