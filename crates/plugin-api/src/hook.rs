//! The names of the hooks. It must not know what a hook is told; that is in [`crate::message`].

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// A place where a plugin is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Make a resource.
    AddonProvision,
    /// Move a resource to another plan.
    AddonChangePlan,
    /// Destroy a resource.
    AddonDeprovision,
    /// May a release be made?
    ReleaseCheck,
    /// May an add-on change, given what it costs?
    BillingCheck,
    /// May a release be rolled back to?
    RollbackCheck,
    /// Is a release that has taken over, and is watched, bad?
    ReleaseWatch,
    /// A release has become current.
    ReleaseCreated,
    /// A release has failed.
    ReleaseFailed,
    /// An add-on was added, removed or moved to another plan.
    AddonChanged,
    /// Which releases does the tier keep?
    TierKeep,
    /// Does the tier permit a rollback?
    TierRollback,
}

/// A text that names no hook.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no hook {0:?}; a plugin can listen to {listened}", listened = listened_names())]
pub struct UnknownHook(String);

fn listened_names() -> String {
    Hook::LISTENED.map(Hook::name).join(", ")
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 12] = [
        Self::AddonProvision,
        Self::AddonChangePlan,
        Self::AddonDeprovision,
        Self::ReleaseCheck,
        Self::BillingCheck,
        Self::RollbackCheck,
        Self::ReleaseWatch,
        Self::ReleaseCreated,
        Self::ReleaseFailed,
        Self::AddonChanged,
        Self::TierKeep,
        Self::TierRollback,
    ];

    /// Those that a manifest lists under `hooks`. The others follow from `addons` and `tiers`.
    pub const LISTENED: [Self; 7] = [
        Self::ReleaseCheck,
        Self::BillingCheck,
        Self::RollbackCheck,
        Self::ReleaseWatch,
        Self::ReleaseCreated,
        Self::ReleaseFailed,
        Self::AddonChanged,
    ];

    /// The name as it is written, such as `billing.check`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AddonProvision => "addon.provision",
            Self::AddonChangePlan => "addon.change_plan",
            Self::AddonDeprovision => "addon.deprovision",
            Self::ReleaseCheck => "release.check",
            Self::BillingCheck => "billing.check",
            Self::RollbackCheck => "rollback.check",
            Self::ReleaseWatch => "release.watch",
            Self::ReleaseCreated => "release.created",
            Self::ReleaseFailed => "release.failed",
            Self::AddonChanged => "addon.changed",
            Self::TierKeep => "tier.keep",
            Self::TierRollback => "tier.rollback",
        }
    }

    /// Whether a plugin may forbid something there, or say that it is bad.
    #[must_use]
    pub fn may_forbid(self) -> bool {
        !matches!(
            self,
            Self::ReleaseCreated | Self::ReleaseFailed | Self::AddonChanged | Self::TierKeep
        )
    }
}

impl std::str::FromStr for Hook {
    type Err = UnknownHook;

    fn from_str(text: &str) -> Result<Self, UnknownHook> {
        let found = Self::ALL.into_iter().find(|hook| hook.name() == text);
        found.ok_or_else(|| UnknownHook(text.chars().take(60).collect()))
    }
}

impl Serialize for Hook {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Hook {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_str(ByName)
    }
}

/// Reads the name itself, so that a reader that knows positions can say where a wrong one is.
struct ByName;

impl Visitor<'_> for ByName {
    type Value = Hook;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of a hook")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Hook, E> {
        name.parse().map_err(E::custom)
    }
}

impl std::fmt::Display for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_reads_back_by_its_name() {
        for hook in Hook::ALL {
            assert_eq!(hook.name().parse(), Ok(hook));
        }
        assert_eq!(
            "release.chek".parse::<Hook>().unwrap_err().to_string(),
            "there is no hook \"release.chek\"; a plugin can listen to release.check, \
             billing.check, rollback.check, release.watch, release.created, release.failed, \
             addon.changed"
        );
    }
}
