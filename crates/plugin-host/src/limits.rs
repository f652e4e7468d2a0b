//! What a plugin may cost, whatever it does. It must not know how a limit is enforced.

use std::time::Duration;

use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::protocol::Budget;

/// The limits of every plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a check, a watch or a tier may take, the start of the plugin's process included; and the
    /// loading of a plugin.
    pub check: Duration,
    /// How long a call of a provider, or of a hook that is told of something, may take.
    pub call: Duration,
    /// How many bytes a plugin may hold. A script's sandbox counts them; a library's process may
    /// have so much more address space than it began with, by the kernel's count.
    pub memory: usize,
    /// How many bytes a script's source may have. Compiling can neither be interrupted nor limited
    /// in memory; hence this limit.
    pub source: usize,
    /// How many bytes a reply may have; each value counts for eight of them at least.
    pub reply: usize,
    /// How deep a reply may be nested.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            check: Duration::from_secs(1),
            call: Duration::from_secs(30),
            memory: 64 << 20,
            source: 256 << 10,
            reply: 1 << 20,
            depth: 64,
        }
    }
}

impl Limits {
    /// The part of them that the plugin's own process heeds.
    pub(crate) fn budget(&self) -> Budget {
        let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        Budget {
            memory: wide(self.memory),
            source: wide(self.source),
            reply: wide(self.reply),
            depth: wide(self.depth),
        }
    }

    /// The limits that a plugin's own process was told. Time is told with each call.
    pub(crate) fn told(budget: &Budget) -> Self {
        let narrow = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            memory: narrow(budget.memory),
            source: narrow(budget.source),
            reply: narrow(budget.reply),
            depth: narrow(budget.depth),
            ..Self::default()
        }
    }

    /// How long a call of `hook` may take.
    pub(crate) fn time(&self, hook: Hook) -> Duration {
        match hook {
            Hook::ReleaseCheck
            | Hook::BillingCheck
            | Hook::RollbackCheck
            | Hook::ReleaseWatch
            | Hook::TierKeep
            | Hook::TierRollback => self.check,
            Hook::AddonProvision
            | Hook::AddonChangePlan
            | Hook::AddonDeprovision
            | Hook::ReleaseCreated
            | Hook::ReleaseFailed
            | Hook::AddonChanged => self.call,
        }
    }
}
