//! One plugin: what it is, and its process, which is started when one of its hooks is due and kept
//! until it fails. Loads it, calls it and performs what it asks for meanwhile. It must not know
//! what an answer means to the engine.

mod crash;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use slugline_plugin_api::API_VERSION;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{
    Call, Containment, Entry, FromPlugin, Greeting, Hello, Load, Loaded, Problem, Replied, ToPlugin,
};

use crate::fault::Fault;
use crate::operator::OnError;
use crate::partner::{self, Partner};
use crate::process::{Deadline, Process};
use crate::service::Services;
use crate::settings::Settings;
use crate::source::Source;
use crate::words::{complaint, one_line, reason};

pub(crate) use crash::Killed;

/// A script keeps its own time, and is given so much more to say so before it is killed.
const GRACE: Duration = Duration::from_millis(100);
/// A frame may have so many times the bytes of a reply: JSON writes some bytes as six.
const FRAME: usize = 8;

/// One plugin.
pub(crate) struct Plugin {
    pub(crate) manifest: Rc<Manifest>,
    pub(crate) source: Source,
    /// What the operator approved, or what is in the binary.
    digest: OnceCell<String>,
    running: RefCell<Option<Result<Running, Fault>>>,
}

/// A process that has loaded its plugin.
struct Running {
    process: Process,
    loaded: Loaded,
    calls: u64,
}

impl Plugin {
    pub(crate) fn new(manifest: Manifest, source: Source) -> Self {
        Self {
            manifest: Rc::new(manifest),
            source,
            digest: OnceCell::new(),
            running: RefCell::new(None),
        }
    }

    /// Notes that these files, and no others, are what may run.
    pub(crate) fn approved(&self, digest: String) {
        // There is one approval, when the host is loaded.
        let _ = self.digest.set(digest);
    }

    /// The digest of the files that run. None for a plugin that is looked at in its folder and not
    /// installed: it takes part in no release.
    pub(crate) fn digest(&self) -> Option<&str> {
        if matches!(self.source, Source::Embedded(_)) && self.digest.get().is_none() {
            self.approved(self.source.digest().ok()?);
        }
        self.digest.get().map(String::as_str)
    }

    /// Whether a plugin that was loaded is what was approved: its files may have changed after the
    /// host had looked at them.
    fn check_unchanged(&self) -> Result<(), Fault> {
        let (Source::Folder(_), Some(approved)) = (&self.source, self.digest.get()) else {
            return Ok(());
        };
        match self.source.digest() {
            Ok(now) if now == *approved => Ok(()),
            Ok(_) => Err(Fault::Changed),
            Err(error) => Err(Fault::Unreadable(format!("cannot read its files: {error}"))),
        }
    }

    /// Whether the operator lets changes through that a check of it failed on. One whose files are
    /// not what was approved is not let off.
    pub(crate) fn may_fail(&self, fault: &Fault) -> bool {
        let settings = self.source.settings();
        let allowed = settings.is_ok_and(|settings| settings.on_error == OnError::Allow);
        allowed && *fault != Fault::Changed
    }

    /// Whether it has not been started, or runs and waits.
    pub(crate) fn is_well(&self) -> bool {
        match &mut *self.running.borrow_mut() {
            None => true,
            Some(Ok(running)) => running.process.is_quiet().is_ok(),
            Some(Err(_)) => false,
        }
    }

    /// Whether a tier of it has an opinion on what is kept.
    pub(crate) fn keeps(
        &self,
        tier: &str,
        deadline: &Deadline,
        settings: &Settings,
    ) -> Result<bool, Fault> {
        if let Some(partner) = self.partner(settings) {
            return partner.map(|_| false);
        }
        let names = |running: &mut Running| Ok(running.loaded.keeps.iter().any(|it| it == tier));
        self.with_running(deadline, settings, names)
    }

    /// Calls it. One that fails begins afresh the next time; one that cannot be loaded is not
    /// tried again.
    pub(crate) fn call(
        &self,
        request: &Request,
        deadline: &Deadline,
        settings: &Settings,
    ) -> Result<Reply, Fault> {
        if let Some(partner) = self.partner(settings) {
            return partner?.call(request, deadline);
        }
        let called = self.with_running(deadline, settings, |running| {
            let services = Services::during(&self.manifest, settings, request, deadline);
            let reply = running.call(request, self.patience(deadline), settings, &services)?;
            if deadline.left().is_zero() {
                return Err(Fault::Late(deadline.time));
            }
            services.settle(fitting(request.hook(), reply)?)
        });
        // A plugin that could not be loaded is remembered as such by `with_running`.
        let is_running = matches!(&*self.running.borrow(), Some(Ok(_)));
        if called.is_err() && is_running {
            *self.running.borrow_mut() = None;
        }
        called
    }

    /// The vendor's service, if the entry is the manifest of one: then there is no process.
    pub(crate) fn partner<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> Option<Result<Partner<'a>, Fault>> {
        let of = || Partner::of(&self.manifest, &self.source, settings);
        partner::is_entry(&self.manifest.entry).then(of)
    }

    fn with_running<R>(
        &self,
        deadline: &Deadline,
        settings: &Settings,
        with: impl FnOnce(&mut Running) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut running = self.running.borrow_mut();
        let running = running.get_or_insert_with(|| self.start(deadline, settings));
        match running {
            Ok(running) => with(running),
            Err(fault) => Err(fault.clone()),
        }
    }

    /// Until when it may live.
    fn patience(&self, deadline: &Deadline) -> Deadline {
        if self.source.is_library(&self.manifest.entry) {
            *deadline
        } else {
            deadline.with_grace(GRACE)
        }
    }

    /// Starts its process and loads it there, within the time of a check.
    fn start(&self, deadline: &Deadline, settings: &Settings) -> Result<Running, Fault> {
        let loaded = self.load(deadline, settings);
        // Whatever came of it was said by other files than those that were approved, otherwise.
        self.check_unchanged()?;
        loaded
    }

    fn load(&self, deadline: &Deadline, settings: &Settings) -> Result<Running, Fault> {
        let until = deadline.until.min(Instant::now() + settings.limits.check);
        let time = deadline.time.min(settings.limits.check);
        let deadline = Deadline { time, until };
        let entry = self.source.entry(&self.manifest.entry, &settings.limits)?;
        let mut process = begin(&entry, settings, &deadline)?.0;
        let load = Load {
            manifest: (*self.manifest).clone(),
            entry,
            settings: self.source.settings()?.own,
            mail: settings.smtp.is_some(),
            limits: settings.limits.budget(),
            time_ms: milliseconds(deadline.left()),
        };
        let services = Services::while_loading(&self.manifest, settings);
        let patience = self.patience(&deadline);
        tell(&mut process, &ToPlugin::Load(Box::new(load)), &patience)?;
        match converse(&mut process, patience, settings, &services)? {
            FromPlugin::Loaded(loaded) => Ok(Running {
                process,
                loaded,
                calls: 0,
            }),
            _ => Err(Fault::Unasked),
        }
    }
}

/// Starts a process and says hello.
fn begin(
    entry: &Entry,
    settings: &Settings,
    deadline: &Deadline,
) -> Result<(Process, Containment), Fault> {
    let mut arguments = vec![settings.limits.memory.to_string()];
    if let Entry::Library(path) = entry {
        arguments.push(path.clone());
    }
    let mut process = Process::start(&settings.program, &arguments)?;
    let hello = Hello { api: API_VERSION };
    tell(&mut process, &ToPlugin::Hello(hello), deadline)?;
    match hear(&mut process, settings, deadline)? {
        FromPlugin::Hello(Greeting { api, containment }) => {
            Hello { api }.check().map_err(Fault::Said)?;
            Ok((process, containment))
        }
        FromPlugin::Failed(Problem::Error(what)) => Err(Fault::Start(one_line(&what))),
        _ => Err(Fault::Unasked),
    }
}

/// What holds the processes of plugins on this machine: one is started to see.
pub(crate) fn containment(settings: &Settings) -> Result<Containment, Fault> {
    let deadline = Deadline::after(settings.limits.check);
    begin(&Entry::Script(String::new()), settings, &deadline).map(|(_, containment)| containment)
}

impl Running {
    fn call(
        &mut self,
        request: &Request,
        patience: Deadline,
        settings: &Settings,
        services: &Services<'_>,
    ) -> Result<Reply, Fault> {
        self.process.is_quiet()?;
        self.calls += 1;
        let id = self.calls;
        let time_ms = milliseconds(services.left());
        let request = Cow::Borrowed(request);
        let call = ToPlugin::Call(Box::new(Call {
            id,
            time_ms,
            request,
        }));
        tell(&mut self.process, &call, &patience)?;
        match converse(&mut self.process, patience, settings, services)? {
            FromPlugin::Reply(Replied { id: of, reply }) if of == id => Ok(reply),
            _ => Err(Fault::Unasked),
        }
    }
}

/// Performs what the plugin asks for until it says something else.
fn converse(
    process: &mut Process,
    deadline: Deadline,
    settings: &Settings,
    services: &Services<'_>,
) -> Result<FromPlugin, Fault> {
    loop {
        match hear(process, settings, &deadline)? {
            FromPlugin::Ask(question) => {
                let answer = services.perform(question);
                tell(process, &ToPlugin::Answer(answer), &deadline)?;
            }
            FromPlugin::Failed(Problem::Late) => return Err(Fault::Late(deadline.time)),
            FromPlugin::Failed(Problem::Memory) => {
                return Err(Fault::Memory(settings.limits.memory));
            }
            FromPlugin::Failed(Problem::Error(what)) => return Err(Fault::Said(one_line(&what))),
            other => return Ok(other),
        }
    }
}

fn tell(process: &mut Process, message: &ToPlugin<'_>, deadline: &Deadline) -> Result<(), Fault> {
    let json = serde_json::to_vec(message);
    let json = json.map_err(|error| Fault::Said(one_line(&error.to_string())))?;
    process.send(&json, deadline)
}

fn hear(
    process: &mut Process,
    settings: &Settings,
    deadline: &Deadline,
) -> Result<FromPlugin, Fault> {
    let most = settings.limits.reply.saturating_mul(FRAME);
    let json = process.receive(most, deadline)?;
    serde_json::from_slice(&json).map_err(|error| Fault::Garbled(complaint(&error)))
}

/// The reply, if it is one that the hook can have.
fn fitting(hook: Hook, reply: Reply) -> Result<Reply, Fault> {
    let fits = match &reply {
        Reply::Done => true,
        Reply::Good => hook == Hook::ReleaseWatch,
        Reply::Denied(_) => hook.may_forbid(),
        Reply::Kept(_) => hook == Hook::TierKeep,
        Reply::Provision(_) => matches!(hook, Hook::AddonProvision | Hook::AddonChangePlan),
    };
    match reply {
        Reply::Denied(why) if fits => Ok(Reply::Denied(reason(&why))),
        reply if fits => Ok(reply),
        _ => Err(Fault::Said(format!("{hook} cannot be answered like this"))),
    }
}

/// Whole milliseconds, one at least.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
