//! What a plugin may cost, whatever it does. It must not know how a limit is enforced.

use std::time::Duration;

use slugline_plugin_api::hook::Hook;

/// The limits of every plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a check, a tier or the loading of a script may take.
    pub check: Duration,
    /// How long a call of a provider, or of a hook that is told of something, may take.
    pub call: Duration,
    /// How many bytes a script may hold.
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
    /// How long a call of `hook` may take.
    pub(crate) fn time(&self, hook: Hook) -> Duration {
        match hook {
            Hook::ReleaseCheck
            | Hook::BillingCheck
            | Hook::RollbackCheck
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
