//! The operator's plugins, the add-ons that they provide, and the programs that those need. No
//! plugin is run.

use std::collections::BTreeMap;
use std::path::Path;

use slugline_core::addon::ServiceName;
use slugline_core::port::{Ledger as _, LedgerError, Providers as _};
use slugline_ledger::SqliteLedger;
use slugline_plugin_host::install::{self, InstallError, Lock};
use slugline_plugin_host::{PluginHost, is_on_path};

use super::Looked;
use super::finding::{Check, Report, counted, quoted};

pub fn check(looked: &Looked<'_>, report: &mut Report) {
    let home = &looked.context.home;
    let count = match folders(home) {
        Ok(names) => {
            approved(home, &names, report);
            names.len()
        }
        Err(error) => {
            report.cannot(Check::Plugins, &error);
            0
        }
    };
    match looked.context.plugin_host() {
        Ok(host) => provided(looked, &host, report),
        // The same was told above of each plugin, in most cases.
        Err(error) if report.is_silent(Check::Plugins) => {
            report.problem(Check::Plugins, error.text, None);
        }
        Err(_) => {}
    }
    let text = match count {
        0 => "none but those that ship with Slugline".to_owned(),
        count => format!(
            "{} of yours, approved as they are",
            counted(count, "plugin")
        ),
    };
    report.ok_unless_found(Check::Plugins, text);
    programs(looked, report);
}

/// The names of the folders in which plugins are.
fn folders(home: &Path) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(home.join("plugins")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn approved(home: &Path, names: &[String], report: &mut Report) {
    let lock = match Lock::read(home) {
        Ok(lock) => lock,
        Err(error) => {
            let mend = format!("rm {}", quoted(&home.join("plugins.lock")));
            let what = format!("{error}; without it every plugin is to be approved anew");
            report.problem(Check::Plugins, what, Some(mend));
            return;
        }
    };
    for name in names {
        let digest = match install::installed(home, name) {
            Ok((_, digest)) => digest,
            Err(error) => {
                let what = format!("{name} cannot be used: {}", said(&error));
                let mend = Some(format!("slugline plugins:remove {name}"));
                report.problem(Check::Plugins, what, mend);
                continue;
            }
        };
        let what = match lock.plugins.get(name) {
            Some(approval) if approval.covers(&digest) => continue,
            Some(_) => format!("{name} has changed since it was approved"),
            None => format!("{name} has not been approved"),
        };
        let mend = Some(format!("slugline plugins:update {name}"));
        report.problem(Check::Plugins, what, mend);
    }
}

/// A manifest's error without the line that it shows.
fn said(error: &InstallError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether there is a plugin for each add-on of an app.
fn provided(looked: &Looked<'_>, host: &PluginHost, report: &mut Report) {
    let Some(ledger) = &looked.ledger else { return };
    for app in &looked.apps {
        // What cannot be read is told of by other checks.
        let Ok(outline) = ledger.outline(app) else {
            continue;
        };
        let services = outline.addons.into_values().map(|addon| addon.plan);
        let known = |service: &ServiceName| host.catalogue().0.contains_key(service);
        for plan in services.filter(|plan| !known(plan.service())) {
            let what = format!("no plugin provides {plan}, which {app} has");
            let mend = Some("slugline plugins:install DIR".to_owned());
            report.problem(Check::Plugins, what, mend);
        }
    }
}

/// Whether the programs of the add-ons' servers are there.
fn programs(looked: &Looked<'_>, report: &mut Report) {
    let path = looked.context.env.get("PATH").unwrap_or_default();
    let needed = looked.ledger.as_ref().map(|ledger| needed(looked, ledger));
    let needed = match needed {
        Some(Ok(needed)) => needed,
        Some(Err(LedgerError::Key(_))) => {
            let what = "cannot be checked without the ledger's key";
            return report.problem(Check::Programs, what, None);
        }
        Some(Err(error)) => return report.cannot(Check::Programs, &error),
        None => {
            let what = "cannot be checked without the ledger";
            return report.problem(Check::Programs, what, None);
        }
    };
    for (program, users) in &needed {
        if !is_on_path(program, &path) {
            let what = format!(
                "{program} is not installed or not on the PATH; {} need it",
                users.join(", ")
            );
            let mend = Some(format!("apt-get install {program}"));
            report.problem(Check::Programs, what, mend);
        }
    }
    if !is_on_path("git", &path) {
        let what = "git is not installed or not on the PATH; pushes need it";
        report.problem(
            Check::Programs,
            what,
            Some("apt-get install git".to_owned()),
        );
    }
    let names: Vec<_> = needed.into_keys().chain(["git".to_owned()]).collect();
    let text = format!("{} on the PATH", names.join(", "));
    report.ok_unless_found(Check::Programs, text);
}

/// Programs with the add-ons whose servers they are.
fn needed(
    looked: &Looked<'_>,
    ledger: &SqliteLedger,
) -> Result<BTreeMap<String, Vec<String>>, LedgerError> {
    let mut needed = BTreeMap::<String, Vec<String>>::new();
    for app in &looked.apps {
        for resource in ledger.resources(app)? {
            let program = resource.process.and_then(|words| words.into_iter().next());
            if let Some(program) = program {
                let user = format!("{} of {app}", resource.plan);
                needed.entry(program).or_default().push(user);
            }
        }
    }
    Ok(needed)
}
