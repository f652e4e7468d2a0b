//! Resources and the add-ons that they are for, and their folders. It must not know what a resource
//! is.

use std::collections::BTreeSet;

use slugline_core::app::AppName;
use slugline_core::event::Event;
use slugline_core::journal::Effect;
use slugline_core::port::{Ledger as _, LedgerError, Outline};
use slugline_core::resource::{Resource, ResourceId};
use slugline_ledger::SqliteLedger;

use super::Looked;
use super::finding::{Check, Report, counted};
use crate::garbage;

pub fn check(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let mut count = 0;
    for app in &looked.apps {
        match of_app(ledger, app, report) {
            Ok(resources) => count += resources,
            Err(LedgerError::NoApp(_)) => {}
            Err(error) => return Err(error),
        }
    }
    for (app, resource) in ledger.ownerless()? {
        let what = format!("{} of {app}, which is gone, is left over", resource.plan);
        report.warning(Check::Resources, what, Some("slugline serve".to_owned()));
    }
    // What an operation has made that is not over is its own to take back.
    if !ledger.is_unfinished()? {
        match garbage::unowned(&looked.context.home, ledger) {
            Err(error) => {
                let what = format!("folders cannot be checked: {}", error.text);
                report.problem(Check::Resources, what, None);
            }
            Ok(folders) if folders.is_empty() => {}
            Ok(folders) => {
                let folders = counted(folders.len(), "folder");
                let what = format!("{folders} of resources that there are none of");
                report.warning(Check::Resources, what, Some("slugline gc".to_owned()));
            }
        }
    }
    let text = format!("{}, each of an add-on", counted(count, "resource"));
    report.ok_unless_found(Check::Resources, text);
    Ok(())
}

/// How many resources the app has.
fn of_app(ledger: &SqliteLedger, app: &AppName, report: &mut Report) -> Result<usize, LedgerError> {
    let resources = ledger.resources(app)?;
    // What somebody is at is neither there nor gone.
    if ledger.is_changing(app)? {
        return Ok(resources.len());
    }
    let outline = ledger.outline(app)?;
    let referred = referred(ledger, &outline)?;
    for addon in outline.addons.values() {
        let Some(id) = &addon.resource else { continue };
        if resources.iter().all(|resource| resource.id != *id) {
            let what = format!("{} of {app} has lost its resource", addon.plan);
            let (service, plan) = (addon.plan.service(), &addon.plan);
            let mend = format!(
                "slugline addons:remove {service} --app {app} && \
                 slugline addons:add {plan} --app {app}"
            );
            report.problem(Check::Resources, what, Some(mend));
        }
    }
    let unreferred = |resource: &&Resource| !referred.contains(&resource.id);
    for resource in resources.iter().filter(unreferred) {
        let what = format!(
            "a resource of {app} ({}) is of none of its add-ons, and goes with the app",
            resource.plan
        );
        report.warning(Check::Resources, what, None);
    }
    Ok(resources.len())
}

/// The resources that are used, or about to be made or destroyed.
fn referred(ledger: &SqliteLedger, outline: &Outline) -> Result<BTreeSet<ResourceId>, LedgerError> {
    let app = &outline.app.name;
    let mut addons: Vec<_> = outline.addons.values().cloned().collect();
    if let Some(pending) = outline.pending {
        addons.extend(ledger.addons_at(app, pending)?.into_values());
    }
    let mut referred: BTreeSet<_> = addons.into_iter().filter_map(|it| it.resource).collect();
    for entry in ledger.journal(app)? {
        match entry.effect {
            Effect::Provision { id, .. } | Effect::ChangePlan { id, .. } => {
                referred.insert(id);
            }
            Effect::Destroy => referred.extend(ledger.resources(app)?.into_iter().map(|it| it.id)),
        }
    }
    for waiting in ledger.outbox(app)? {
        if let Event::Deprovision { resource } = waiting.event {
            referred.insert(resource);
        }
    }
    Ok(referred)
}
