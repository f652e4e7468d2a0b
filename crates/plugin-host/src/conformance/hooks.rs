//! Every hook and every tier of a plugin, on samples. It must not know how a plugin is called.

use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::message::{HistoryEntry, InstalledAddon, Reply, Request};

use super::Report;
use super::sample::{self, ID};
use super::session::Session;

pub(super) fn run(session: &Session, report: &mut Report<'_>) {
    for hook in &session.manifest().hooks {
        for (whose, addon) in addons(session, *hook) {
            let answered = session.ask(&sample::event(*hook, addon)).map(|_| ());
            report.check(format!("{hook}{whose}: answers a sample"), answered);
        }
    }
    for tier in session.manifest().tiers.keys() {
        let at = |what: &str| format!("releases:{tier}: {what}");
        report.check(
            at("keeps releases that there are"),
            keeps(session, tier, 200),
        );
        report.check(at("takes an empty history"), keeps(session, tier, 0));
        let Request::Rollback(mut rollback) = session.sample(Hook::TierRollback) else {
            continue;
        };
        rollback.tier.clone_from(tier);
        let answered = session.ask(&Request::Rollback(rollback)).map(|_| ());
        report.check(at("answers a rollback"), answered);
    }
}

/// The add-ons that a hook may be told of: none, where the plugin has none.
fn addons(session: &Session, hook: Hook) -> Vec<(String, Option<InstalledAddon>)> {
    let told = matches!(
        hook,
        Hook::ReleaseCreated | Hook::ReleaseFailed | Hook::AddonChanged | Hook::ReleaseWatch
    );
    let services = &session.manifest().addons;
    if !told || services.is_empty() {
        return vec![(String::new(), None)];
    }
    let mut all = Vec::new();
    for (name, service) in services {
        for plan in service.plans.keys() {
            let addon = InstalledAddon {
                service: name.clone(),
                plan: plan.clone(),
                id: Some(ID.to_owned()),
                options: session.samples.of(name, plan),
            };
            all.push((format!(" for {name}:{plan}"), Some(addon)));
        }
    }
    all
}

/// Whether a tier keeps only what it was shown, of a history of this length.
fn keeps(session: &Session, tier: &str, length: u64) -> Result<(), String> {
    let entry = |version: u64| HistoryEntry {
        version,
        age_days: length - version,
        change: if version.is_multiple_of(3) {
            "Deploy 575bfa8"
        } else {
            "Config add A"
        }
        .to_owned(),
        actor: "jim@example.com".to_owned(),
        status: if version.is_multiple_of(7) {
            "failed"
        } else {
            "succeeded"
        }
        .to_owned(),
        deploy: version.is_multiple_of(3),
    };
    let Request::Keep(mut keep) = session.sample(Hook::TierKeep) else {
        return Err("there is no sample".to_owned());
    };
    tier.clone_into(&mut keep.tier);
    keep.history = (1..=length).rev().map(entry).collect();
    match session.ask(&Request::Keep(keep))? {
        Reply::Kept(kept) => match kept.versions.iter().find(|it| !(1..=length).contains(it)) {
            Some(stranger) => Err(format!("it keeps v{stranger}, which there is not")),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
