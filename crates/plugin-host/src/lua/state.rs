//! What a sandbox and the modules in it share: the plugin's manifest, the settings, the deadline,
//! and the call that is under way. It must not know what a module does with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::message::Request;

use crate::settings::Settings;

use super::module::http::HostRule;

/// What a sandbox and its modules share.
pub(super) struct State {
    pub(super) manifest: Rc<Manifest>,
    pub(super) settings: Settings,
    deadline: Cell<Option<Instant>>,
    late: Cell<bool>,
    logged: Cell<usize>,
    call: RefCell<Option<Call>>,
}

/// The call of a hook that is under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) hook: Hook,
    /// The resource that it is about, if it is a provider's call.
    pub(super) resource: Option<ResourcePort>,
    /// Whom it may call by HTTP.
    pub(super) hosts: Vec<HostRule>,
    /// The port that was reserved in it.
    pub(super) reserved: Option<u16>,
    /// The first reason with which it was denied: a script cannot take that back.
    pub(super) denied: Option<String>,
}

/// The resource of a call, as far as its port is concerned.
#[derive(Clone, Debug)]
pub(super) struct ResourcePort {
    pub(super) id: String,
    pub(super) present: Option<u16>,
    pub(super) taken: Vec<u16>,
}

impl Call {
    /// The call that a request begins.
    pub(super) fn of(request: &Request, manifest: &Manifest) -> Self {
        let hosts = &manifest.permissions.http;
        let none = BTreeMap::new();
        let options = options(request).unwrap_or(&none);
        Self {
            hook: request.hook(),
            resource: resource(request),
            hosts: hosts
                .iter()
                .filter_map(|entry| HostRule::of(entry, options))
                .collect(),
            reserved: None,
            denied: None,
        }
    }
}

fn resource(request: &Request) -> Option<ResourcePort> {
    let (id, present, taken) = match request {
        Request::Provision(it) => (&it.id, it.port, it.taken_ports.clone()),
        Request::ChangePlan(it) => (&it.id, it.port, it.taken_ports.clone()),
        _ => return None,
    };
    let id = id.clone();
    Some(ResourcePort { id, present, taken })
}

fn options(request: &Request) -> Option<&BTreeMap<String, String>> {
    let addon = match request {
        Request::Provision(it) => return Some(&it.options),
        Request::ChangePlan(it) => return Some(&it.options),
        Request::Deprovision(it) => return Some(&it.options),
        Request::ReleaseCreated(it) => it.addon.as_ref(),
        Request::ReleaseFailed(it) => it.addon.as_ref(),
        Request::AddonChanged(it) => it.addon.as_ref(),
        _ => None,
    };
    addon.map(|addon| &addon.options)
}

impl State {
    pub(super) fn new(manifest: Rc<Manifest>, settings: Settings) -> Self {
        Self {
            manifest,
            settings,
            deadline: Cell::new(None),
            late: Cell::new(false),
            logged: Cell::new(0),
            call: RefCell::new(None),
        }
    }

    /// Starts the clock, and the count of lines.
    pub(super) fn start(&self, time: Duration) {
        self.late.set(false);
        self.logged.set(0);
        self.deadline.set(Instant::now().checked_add(time));
    }

    /// Stops the clock, and says whether the deadline passed, even if a script caught the error.
    pub(super) fn stop(&self) -> bool {
        let late = self.is_late();
        self.deadline.set(None);
        late
    }

    /// Whether the deadline has passed. It stays so until the clock is started again.
    pub(super) fn is_late(&self) -> bool {
        if self.deadline.get().is_some_and(|at| Instant::now() >= at) {
            self.late.set(true);
        }
        self.late.get()
    }

    /// Counts a line that is logged, and says how many there are since the clock was started.
    pub(super) fn count_line(&self) -> usize {
        self.logged.set(self.logged.get().saturating_add(1));
        self.logged.get()
    }

    /// How much time is left.
    pub(super) fn left(&self) -> Duration {
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        self.deadline.get().map_or(Duration::ZERO, left)
    }

    /// Begins a call.
    pub(super) fn begin(&self, call: Call) {
        *self.call.borrow_mut() = Some(call);
    }

    /// Ends the call that is under way. One that was never begun ends as one that did nothing.
    pub(super) fn end(&self) -> Call {
        self.call.borrow_mut().take().unwrap_or(Call {
            hook: Hook::ReleaseCheck,
            resource: None,
            hosts: Vec::new(),
            reserved: None,
            denied: None,
        })
    }

    /// Looks at the call that is under way.
    ///
    /// # Errors
    /// Outside of a call, while the script is loaded.
    pub(super) fn in_call<R>(&self, with: impl FnOnce(&mut Call) -> R) -> Result<R, String> {
        let mut call = self.call.borrow_mut();
        let call = call.as_mut();
        call.map(with)
            .ok_or_else(|| "this works only inside a hook, not while the script loads".to_owned())
    }

    /// Whether the script is being loaded.
    pub(super) fn is_loading(&self) -> bool {
        self.call.borrow().is_none()
    }
}
