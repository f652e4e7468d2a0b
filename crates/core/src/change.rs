//! What a person asked for, and the text that it gets in the history (S4). It must not be parsed
//! back from that text: the ledger keeps the value itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::addon::{PlanName, ServiceName};
use crate::config::ConfigKey;
use crate::release::Version;
use crate::slug::Commit;

/// Which half of a release a rollback copies; both where none is named (S16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// Only the slug.
    Code,
    /// Only the config vars.
    Config,
}

/// What made a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Code was deployed.
    Deploy {
        /// The commit it came from.
        commit: Commit,
    },
    /// Config vars were added or set.
    ConfigAdd {
        /// Those that changed.
        keys: BTreeSet<ConfigKey>,
    },
    /// Config vars were removed.
    ConfigRemove {
        /// Those that were set before.
        keys: BTreeSet<ConfigKey>,
    },
    /// Config vars were set and others removed, at once.
    ConfigEdit {
        /// Those that were set and changed.
        added: BTreeSet<ConfigKey>,
        /// Those that were removed.
        removed: BTreeSet<ConfigKey>,
    },
    /// An add-on was added.
    AddonAdd {
        /// Its plan.
        plan: PlanName,
        /// Whether the plan was named: a default that was not is left out of the text.
        named: bool,
    },
    /// An add-on was removed.
    AddonRemove {
        /// Its service.
        service: ServiceName,
    },
    /// An add-on moved to a plan that costs more, or as much.
    AddonUpgrade {
        /// The new plan.
        plan: PlanName,
    },
    /// An add-on moved to a plan asked for as a downgrade.
    AddonDowngrade {
        /// The new plan.
        plan: PlanName,
    },
    /// An earlier release's code or config or both were taken up again.
    Rollback {
        /// That release.
        target: Version,
        /// Which half of it, if not both.
        half: Option<Half>,
        /// Whether the code is pinned by it (S22): told of nowhere, but a retry pins it as well.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pin: bool,
    },
}

impl Change {
    /// Whether it brought new code.
    #[must_use]
    pub fn is_deploy(&self) -> bool {
        matches!(self, Self::Deploy { .. })
    }
}

fn join(keys: &BTreeSet<ConfigKey>) -> String {
    keys.iter()
        .map(ConfigKey::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deploy { commit } => write!(f, "Deploy {}", commit.short()),
            Self::ConfigAdd { keys } => write!(f, "Config add {}", join(keys)),
            Self::ConfigRemove { keys } => write!(f, "Config remove {}", join(keys)),
            Self::ConfigEdit { added, removed } => {
                write!(f, "Config add {}, remove {}", join(added), join(removed))
            }
            Self::AddonAdd { plan, named: true } => write!(f, "Add-on add {plan}"),
            Self::AddonAdd { plan, named: false } => write!(f, "Add-on add {}", plan.service()),
            Self::AddonRemove { service } => write!(f, "Add-on remove {service}"),
            Self::AddonUpgrade { plan } => write!(f, "Add-on upgrade {plan}"),
            Self::AddonDowngrade { plan } => write!(f, "Add-on downgrade {plan}"),
            Self::Rollback {
                target, half: None, ..
            } => write!(f, "Rollback to {target}"),
            Self::Rollback {
                target,
                half: Some(Half::Code),
                ..
            } => {
                write!(f, "Rollback to {target} (code)")
            }
            Self::Rollback {
                target,
                half: Some(Half::Config),
                ..
            } => {
                write!(f, "Rollback to {target} (config)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> BTreeSet<ConfigKey> {
        names
            .iter()
            .map(|name| ConfigKey::new(name).unwrap())
            .collect()
    }

    #[test]
    fn each_change_has_its_text() {
        let plan = |text: &str| text.parse::<PlanName>().unwrap();
        let check = |change: Change, text: &str| {
            assert_eq!(change.to_string(), text);
            assert_eq!(change.is_deploy(), text.starts_with("Deploy"));
        };
        let commit = Commit::new("575bfa8c0ffee00000000000000000000000cafe").unwrap();
        check(Change::Deploy { commit }, "Deploy 575bfa8");
        check(
            Change::ConfigAdd {
                keys: keys(&["AWS_S3_KEY"]),
            },
            "Config add AWS_S3_KEY",
        );
        check(
            Change::ConfigAdd {
                keys: keys(&["B", "A"]),
            },
            "Config add A, B",
        );
        check(
            Change::ConfigEdit {
                added: keys(&["B", "A"]),
                removed: keys(&["C"]),
            },
            "Config add A, B, remove C",
        );
        check(
            Change::ConfigRemove { keys: keys(&["A"]) },
            "Config remove A",
        );
        let free = plan("memcache:free");
        check(
            Change::AddonAdd {
                plan: free.clone(),
                named: false,
            },
            "Add-on add memcache",
        );
        check(
            Change::AddonAdd {
                plan: free.clone(),
                named: true,
            },
            "Add-on add memcache:free",
        );
        let service = free.service().clone();
        check(Change::AddonRemove { service }, "Add-on remove memcache");
        let big = plan("memcache:100mb");
        check(
            Change::AddonUpgrade { plan: big },
            "Add-on upgrade memcache:100mb",
        );
        check(
            Change::AddonDowngrade { plan: free },
            "Add-on downgrade memcache:free",
        );
        let target = Version::new(46);
        check(
            Change::Rollback {
                target,
                half: None,
                pin: false,
            },
            "Rollback to v46",
        );
        let code = Some(Half::Code);
        check(
            Change::Rollback {
                target,
                half: code,
                pin: true,
            },
            "Rollback to v46 (code)",
        );
    }
}
