//! The messages of every hook: what a plugin is told, and what it answers. A Lua script sees them
//! as tables with the same names. They must not know how they travel.
//!
//! Options that are `None` are absent. Texts are UTF-8.

mod addon;
mod event;
mod policy;

use serde::{Deserialize, Serialize};

pub use addon::{ChangePlanRequest, DeprovisionRequest, Provision, ProvisionRequest, Secret};
pub use event::{
    AddonChanged, InstalledAddon, Release, ReleaseCreated, ReleaseFailed, ReleaseWatch,
};
pub use policy::{
    BillingCheck, HistoryEntry, KeepRequest, Kept, OwnerBill, ReleaseCheck, RollbackCheck,
    TierRollback,
};

use crate::hook::Hook;

/// What a plugin is asked or told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hook", content = "request")]
pub enum Request {
    /// Answered by [`Reply::Provision`].
    #[serde(rename = "addon.provision")]
    Provision(ProvisionRequest),
    /// Answered by [`Reply::Provision`], which replaces all that was answered before.
    #[serde(rename = "addon.change_plan")]
    ChangePlan(ChangePlanRequest),
    /// Answered by [`Reply::Done`], also where the resource is gone already.
    #[serde(rename = "addon.deprovision")]
    Deprovision(DeprovisionRequest),
    /// Answered by [`Reply::Done`] or [`Reply::Denied`].
    #[serde(rename = "release.check")]
    ReleaseCheck(ReleaseCheck),
    /// Answered by [`Reply::Done`] or [`Reply::Denied`].
    #[serde(rename = "billing.check")]
    BillingCheck(BillingCheck),
    /// Answered by [`Reply::Done`] or [`Reply::Denied`].
    #[serde(rename = "rollback.check")]
    RollbackCheck(RollbackCheck),
    /// Answered by [`Reply::Done`], [`Reply::Good`] or, where it is bad, [`Reply::Denied`].
    #[serde(rename = "release.watch")]
    ReleaseWatch(ReleaseWatch),
    /// Answered by [`Reply::Done`].
    #[serde(rename = "release.created")]
    ReleaseCreated(ReleaseCreated),
    /// Answered by [`Reply::Done`].
    #[serde(rename = "release.failed")]
    ReleaseFailed(ReleaseFailed),
    /// Answered by [`Reply::Done`].
    #[serde(rename = "addon.changed")]
    AddonChanged(AddonChanged),
    /// Answered by [`Reply::Kept`].
    #[serde(rename = "tier.keep")]
    Keep(KeepRequest),
    /// Answered by [`Reply::Done`] or [`Reply::Denied`].
    #[serde(rename = "tier.rollback")]
    Rollback(TierRollback),
}

impl Request {
    /// The hook that it belongs to.
    #[must_use]
    pub fn hook(&self) -> Hook {
        match self {
            Self::Provision(_) => Hook::AddonProvision,
            Self::ChangePlan(_) => Hook::AddonChangePlan,
            Self::Deprovision(_) => Hook::AddonDeprovision,
            Self::ReleaseCheck(_) => Hook::ReleaseCheck,
            Self::BillingCheck(_) => Hook::BillingCheck,
            Self::RollbackCheck(_) => Hook::RollbackCheck,
            Self::ReleaseWatch(_) => Hook::ReleaseWatch,
            Self::ReleaseCreated(_) => Hook::ReleaseCreated,
            Self::ReleaseFailed(_) => Hook::ReleaseFailed,
            Self::AddonChanged(_) => Hook::AddonChanged,
            Self::Keep(_) => Hook::TierKeep,
            Self::Rollback(_) => Hook::TierRollback,
        }
    }
}

/// What a plugin answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// A resource.
    Provision(Provision),
    /// The releases that a tier keeps.
    Kept(Kept),
    /// It was heard, and nothing is forbidden.
    Done,
    /// A release that is watched is good: it need not be asked for again.
    Good,
    /// It is forbidden, with the reason for the person. Providers refuse with it too; a release
    /// that is watched is bad.
    Denied(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_travels_under_its_hooks_name() {
        let entry = |version| HistoryEntry {
            version,
            age_days: 3,
            change: "Deploy 575bfa8".into(),
            actor: "jim@example.com".into(),
            status: "succeeded".into(),
            deploy: true,
        };
        let request = Request::Rollback(TierRollback {
            tier: "basic".into(),
            target: entry(40),
            current: entry(52),
            steps: 11,
        });
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(json["hook"], request.hook().name());
        assert_eq!(json["request"]["target"]["version"], 40);
        assert_eq!(serde_json::from_value::<Request>(json).unwrap(), request);
    }

    #[test]
    fn a_reply_with_an_unknown_field_is_refused_and_a_secret_stays_hidden() {
        let text = r#"{"reply":"provision","value":{"config":{"A":"s3cret"},"prot":1}}"#;
        let error = serde_json::from_str::<Reply>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field `prot`"), "{error}");
        let text = r#"{"reply":"provision","value":{"config":{"A":"s3cret"}}}"#;
        let reply: Reply = serde_json::from_str(text).unwrap();
        assert!(!format!("{reply:?}").contains("s3cret"));
        assert!(serde_json::to_string(&reply).unwrap().contains("s3cret"));
    }
}
