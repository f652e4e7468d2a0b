//! Releases, in the forms that are fixed to the letter; and for programs.

use serde::Serialize;
use slugline_core::config::ConfigVars;
use slugline_core::query::{Inspected, Listed};
use slugline_core::release::{Release, Status};

use super::config::arrows;
use super::cut;
use super::when::{When, rfc3339};

/// The two lines above a history.
pub const HEADER: [&str; 2] = [
    "Rel   Change                          By                    When",
    "----  ----------------------          ----------            ----------",
];

/// One row of a history.
pub fn row(release: &Release, when: &When) -> String {
    format!(
        "{:<4}  {:<30}  {:<20}  {:<25}",
        release.version.to_string(),
        change(release),
        cut(release.actor.as_str(), 20),
        when.say(release.created_at)
    )
}

/// The change in 30 columns; that it failed is never cut off.
pub fn change(release: &Release) -> String {
    let mark = match &release.status {
        Status::Succeeded => "",
        Status::Failed(_) => " (failed)",
        Status::Pending => " (pending)",
    };
    format!(
        "{}{mark}",
        cut(&release.change.to_string(), 30 - mark.len())
    )
}

/// What `releases:info` prints.
pub fn info(inspected: &Inspected, when: &When) -> Vec<String> {
    let Inspected { release, state, .. } = inspected;
    let line = |label: &str, text: &str| format!("{:<12} {text}", format!("{label}:"));
    let mut lines = vec![
        format!("=== Release {}", release.version),
        line("Change", &release.change.to_string()),
        line("By", release.actor.as_str()),
        line("When", &when.say(release.created_at)),
    ];
    match &release.status {
        Status::Succeeded => {}
        Status::Failed(why) => lines.push(line("Status", &format!("failed ({why})"))),
        Status::Pending => lines.push(line("Status", "pending")),
    }
    if let Some(verdict) = &inspected.verdict {
        lines.push(line("Went bad", verdict));
    }
    if release.pinned {
        lines.push(line("Pinned", "yes, no tier prunes it"));
    }
    if !state.addons.is_empty() {
        let plans: Vec<_> = state
            .addons
            .values()
            .map(|addon| addon.plan.to_string())
            .collect();
        lines.push(line("Addons", &plans.join(", ")));
    }
    for (index, var) in arrows(&pairs(&state.config)).iter().enumerate() {
        lines.push(if index == 0 {
            line("Config", var)
        } else {
            format!("{:13}{var}", "")
        });
    }
    lines
}

/// Keys and values, sorted by key.
pub fn pairs(config: &ConfigVars) -> Vec<(String, String)> {
    let pair = |(key, var): (
        &slugline_core::config::ConfigKey,
        &slugline_core::config::ConfigVar,
    )| { (key.to_string(), var.value.reveal().to_owned()) };
    config.iter().map(pair).collect()
}

/// A release for programs.
#[derive(Serialize)]
pub struct ReleaseJson {
    name: String,
    version: u64,
    change: String,
    by: String,
    created_at: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    commit: Option<String>,
    slug: Option<String>,
    pinned: bool,
    #[serde(flatten)]
    eligibility: Option<Eligibility>,
}

#[derive(Serialize)]
struct Eligibility {
    eligible_for_rollback: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_eligible_because: Option<String>,
}

impl From<&Release> for ReleaseJson {
    fn from(release: &Release) -> Self {
        let failure = match &release.status {
            Status::Failed(why) => Some(why.clone()),
            _ => None,
        };
        Self {
            name: release.version.to_string(),
            version: release.version.number(),
            change: release.change.to_string(),
            by: release.actor.to_string(),
            created_at: rfc3339(release.created_at),
            status: release.status.word(),
            failure,
            commit: release.slug.as_ref().map(|slug| slug.commit.to_string()),
            slug: release.slug.as_ref().map(|slug| slug.id.to_string()),
            pinned: release.pinned,
            eligibility: None,
        }
    }
}

impl From<&Listed> for ReleaseJson {
    fn from(listed: &Listed) -> Self {
        let not_eligible_because = listed.ineligible.clone();
        let eligible_for_rollback = not_eligible_because.is_none();
        let eligibility = Some(Eligibility {
            eligible_for_rollback,
            not_eligible_because,
        });
        Self {
            eligibility,
            ..Self::from(&listed.release)
        }
    }
}

#[cfg(test)]
mod tests {
    use slugline_core::actor::Actor;
    use slugline_core::change::Change;
    use slugline_core::config::ConfigKey;
    use slugline_core::release::Version;
    use slugline_core::time::Timestamp;

    use super::*;

    fn release(keys: &[&str], status: Status) -> Release {
        let keys = keys
            .iter()
            .map(|key| ConfigKey::new(key).unwrap())
            .collect();
        Release {
            version: Version::new(52),
            change: Change::ConfigAdd { keys },
            actor: Actor::new("a-long-name@example.com").unwrap(),
            created_at: Timestamp(0),
            status,
            slug: None,
            pinned: false,
        }
    }

    #[test]
    fn rows_are_padded_and_cut_to_their_columns() {
        let check = |keys: &[&str], status, expected: &str| {
            let row = row(
                &release(keys, status),
                &When::new(Timestamp(300_000), false),
            );
            assert_eq!(row, expected);
        };
        check(
            &["AWS_S3_KEY"],
            Status::Succeeded,
            "v52   Config add AWS_S3_KEY           a-long-name@exampl..  5 minutes ago            ",
        );
        check(
            &["AWS_S3_KEY"],
            Status::Failed(String::new()),
            "v52   Config add AWS_S3_KEY (failed)  a-long-name@exampl..  5 minutes ago            ",
        );
        check(
            &["AWS_S3_KEY", "AWS_S3_SECRET"],
            Status::Succeeded,
            "v52   Config add AWS_S3_KEY, AWS_S..  a-long-name@exampl..  5 minutes ago            ",
        );
    }
}
