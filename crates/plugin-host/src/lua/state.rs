//! What a sandbox and the modules in it share: the plugin's manifest, the settings, the deadline,
//! and the call that is under way. It must not know what a module does with it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::manifest::Manifest;
use slugline_plugin_api::protocol::{Answer, PluginSettings, Question};

use crate::limits::Limits;
use crate::world::World;

/// What a script is and may do.
pub(crate) struct Sandboxed<'a> {
    pub(crate) manifest: &'a Rc<Manifest>,
    pub(crate) limits: &'a Limits,
    pub(crate) settings: PluginSettings,
    /// Whether mail can be sent.
    pub(crate) mail: bool,
    pub(crate) world: Rc<dyn World>,
}

/// What a sandbox and its modules share.
pub(super) struct State {
    pub(super) manifest: Rc<Manifest>,
    pub(super) limits: Limits,
    pub(super) settings: PluginSettings,
    /// Whether mail can be sent.
    pub(super) mail: bool,
    world: Rc<dyn World>,
    deadline: Cell<Option<Instant>>,
    late: Cell<bool>,
    logged: Cell<usize>,
    call: RefCell<Option<Call>>,
}

/// The call of a hook that is under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) hook: Hook,
    /// The first reason with which it was denied: a script cannot take that back.
    pub(super) denied: Option<String>,
}

impl State {
    pub(super) fn new(plugin: Sandboxed<'_>) -> Self {
        Self {
            manifest: Rc::clone(plugin.manifest),
            limits: plugin.limits.clone(),
            settings: plugin.settings,
            mail: plugin.mail,
            world: plugin.world,
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

    /// Asks Slugline.
    pub(super) fn ask(&self, question: Question) -> Result<Answer, String> {
        self.world.ask(question)
    }

    /// Begins a call of a hook.
    pub(super) fn begin(&self, hook: Hook) {
        *self.call.borrow_mut() = Some(Call { hook, denied: None });
    }

    /// Ends the call that is under way. One that was never begun ends as one that did nothing.
    pub(super) fn end(&self) -> Call {
        self.call.borrow_mut().take().unwrap_or(Call {
            hook: Hook::ReleaseCheck,
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
