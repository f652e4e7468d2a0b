//! What a child does between fork and exec to be shut in. Everything that it needs was made before:
//! here nothing may allocate, lock or panic, since another thread may have held any lock when it
//! forked. It must not decide anything.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use landlock::RulesetCreated;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use crate::view::{APP, Step};

/// Everything that a child does.
#[derive(Default)]
pub(crate) struct Way {
    /// Files of limits that it joins.
    pub(crate) join: Vec<OwnedFd>,
    pub(crate) view: Option<View>,
    /// The user and group that it becomes.
    pub(crate) user: Option<u32>,
    pub(crate) rules: Option<RulesetCreated>,
    /// Whether it gives up every right, and those to come.
    pub(crate) shut: bool,
}

/// A view of the files.
pub(crate) struct View {
    /// What a process without rights writes to be itself in a namespace of its own: files and texts.
    pub(crate) itself: Vec<(&'static CStr, Vec<u8>)>,
    pub(crate) steps: Vec<Step>,
}

/// What makes a process itself in a namespace of its own: nobody but our user and group is known there.
pub(crate) fn itself() -> Vec<(&'static CStr, Vec<u8>)> {
    let one = |id: u32| format!("{id} {id} 1").into_bytes();
    vec![
        (c"/proc/self/setgroups", b"deny".to_vec()),
        (
            c"/proc/self/uid_map",
            one(rustix::process::geteuid().as_raw()),
        ),
        (
            c"/proc/self/gid_map",
            one(rustix::process::getegid().as_raw()),
        ),
    ]
}

/// Where in [`Way`] it failed, told to standard error, which is the process's log by then.
struct Failed(&'static str, Errno);

type Done = Result<(), Failed>;

fn at(what: &'static str) -> impl Fn(Errno) -> Failed {
    move |errno| Failed(what, errno)
}

impl Way {
    /// Goes it. It is to be called once, in the child.
    pub(crate) fn go(&mut self) -> io::Result<()> {
        self.try_go().map_err(|Failed(what, errno)| {
            // Nobody may be there to read it.
            let error = rustix::stdio::stderr();
            let _ = rustix::io::write(error, b"It cannot be shut in, at: ");
            let _ = rustix::io::write(error, what.as_bytes());
            let _ = rustix::io::write(error, b"\n");
            io::Error::from(errno)
        })
    }

    fn try_go(&mut self) -> Done {
        for file in &self.join {
            // Zero is whoever writes it.
            rustix::io::write(file, b"0").map_err(at("joining its limits"))?;
        }
        if let Some(view) = &self.view {
            view.enter()?;
        }
        if let Some(user) = self.user {
            become_user(user)?;
        }
        if self.shut {
            drop_rights()?;
        }
        if let Some(rules) = self.rules.take() {
            let restricted = rules.restrict_self();
            restricted.map_err(|_| Failed("rules for files", Errno::PERM))?;
        }
        if self.view.is_some() {
            rustix::process::chdir(APP).map_err(at("entering its folder"))?;
        }
        Ok(())
    }
}

impl View {
    fn enter(&self) -> Done {
        let mut parts = UnshareFlags::NEWNS;
        if !self.itself.is_empty() {
            parts |= UnshareFlags::NEWUSER;
        }
        unshare(parts).map_err(at("leaving the machine's view"))?;
        for (file, text) in &self.itself {
            let opened = rustix::fs::openat(CWD, *file, OFlags::WRONLY, Mode::empty());
            let opened = opened.map_err(at("opening who it is"))?;
            rustix::io::write(&opened, text).map_err(at("writing who it is"))?;
        }
        self.steps.iter().try_for_each(take)
    }
}

#[expect(
    unsafe_code,
    reason = "parting from what other threads share; a child has one thread only"
)]
fn unshare(parts: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the file descriptors stay shared with nobody, as they are in a child.
    unsafe { rustix::thread::unshare_unsafe(parts) }
}

fn take(step: &Step) -> Done {
    let whole = Mode::from_raw_mode(0o755);
    match step {
        Step::Part => {
            let down = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
            mount_change(c"/", down).map_err(at("parting from the machine's mounts"))
        }
        Step::Enter(path) => rustix::process::chdir(path).map_err(at("its private folder")),
        Step::Folder(path) => {
            rustix::fs::mkdirat(CWD, path, whole).map_err(at("a folder of its view"))
        }
        Step::File(path) => {
            let flags = OFlags::CREATE | OFlags::WRONLY;
            let made = rustix::fs::openat(CWD, path, flags, whole);
            made.map(drop).map_err(at("a file of its view"))
        }
        Step::Link { to, at: path } => {
            rustix::fs::symlinkat(to, CWD, path).map_err(at("a link of its view"))
        }
        Step::Mount {
            kind,
            at: path,
            flags,
            options,
        } => mount(*kind, path, *kind, *flags, options.as_c_str()).map_err(at(kind)),
        Step::Processes(path) => processes(path),
        Step::Bind { from, at: path } => {
            mount_bind_recursive(from, path).map_err(at("a part of the machine's files"))
        }
        Step::BindOver { from, at: path } => {
            absent(mount_bind_recursive(from, path)).map_err(at("a private part of its view"))
        }
        Step::Hide(path) => {
            let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
            let hidden = mount(c"none", path, c"tmpfs", flags, c"mode=000,size=4k");
            absent(hidden).map_err(at("hiding what is not its own"))
        }
        Step::Seal(path) => {
            let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
            mount_remount(path, flags | MountFlags::BIND, c"").map_err(at("sealing its view"))
        }
        Step::Become => {
            rustix::process::pivot_root(c".", c".").map_err(at("entering its view"))?;
            // The old root is on top of the new one now, and goes.
            unmount(c".", UnmountFlags::DETACH).map_err(at("leaving the machine's root"))
        }
    }
}

/// That there is nothing there is as good.
fn absent(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

fn processes(path: &CStr) -> Done {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Kernels that do not know the word would hide them for all of the machine.
    let own = mount(c"proc", path, c"proc", flags, c"hidepid=invisible");
    own.or_else(|_| mount_bind_recursive(c"/proc", path))
        .map_err(at("its view of processes"))
}

fn become_user(user: u32) -> Done {
    let whom = at("becoming the app's user");
    rustix::thread::set_thread_groups(&[]).map_err(&whom)?;
    let group = Gid::from_raw(user);
    rustix::thread::set_thread_res_gid(group, group, group).map_err(&whom)?;
    // While we are root still: later there would be no right to give it up.
    for number in 0..64 {
        let right = CapabilitySet::from_bits_retain(1 << number);
        if rustix::thread::remove_capability_from_bounding_set(right).is_err() {
            break;
        }
    }
    let user = Uid::from_raw(user);
    rustix::thread::set_thread_res_uid(user, user, user).map_err(&whom)
}

/// No rights, and none to come from programs that give some.
fn drop_rights() -> Done {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets).map_err(at("giving up rights"))?;
    rustix::thread::set_no_new_privs(true).map_err(at("giving up rights to come"))
}
