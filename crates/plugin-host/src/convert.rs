//! The engine's words as messages to plugins. It must not decide who gets a message.

use std::collections::BTreeMap;

use slugline_core::event::{Event, Subject};
use slugline_core::port;
use slugline_core::resource::Resource;
use slugline_plugin_api::message::{
    AddonChanged, BillingCheck, ChangePlanRequest, DeprovisionRequest, HistoryEntry,
    InstalledAddon, OwnerBill, ProvisionRequest, Release, ReleaseCheck, ReleaseCreated,
    ReleaseFailed, ReleaseWatch, Request, RollbackCheck, Secret,
};

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn secrets(resource: &Resource) -> BTreeMap<String, Secret> {
    let vars = resource.config.iter();
    vars.map(|(key, value)| (key.to_string(), Secret(value.reveal().to_owned())))
        .collect()
}

pub(crate) fn provision(request: &port::ProvisionRequest<'_>) -> Request {
    Request::Provision(ProvisionRequest {
        app: request.app.to_string(),
        id: request.id.to_string(),
        service: request.plan.service().to_string(),
        plan: request.plan.plan().to_owned(),
        options: request.options.clone(),
        key: request.id.to_string(),
        port: None,
        taken_ports: request.taken_ports.to_vec(),
    })
}

pub(crate) fn change_plan(request: &port::ChangePlanRequest<'_>) -> Request {
    let resource = request.resource;
    Request::ChangePlan(ChangePlanRequest {
        app: request.app.to_string(),
        id: resource.id.to_string(),
        service: request.plan.service().to_string(),
        plan: request.plan.plan().to_owned(),
        before: resource.plan.plan().to_owned(),
        options: resource.options.clone(),
        key: format!("{}:{}", resource.id, request.plan.plan()),
        config: secrets(resource),
        port: resource.port,
        taken_ports: request.taken_ports.to_vec(),
    })
}

pub(crate) fn deprovision(app: &str, resource: &Resource) -> Request {
    Request::Deprovision(DeprovisionRequest {
        app: app.to_owned(),
        id: resource.id.to_string(),
        service: resource.plan.service().to_string(),
        plan: resource.plan.plan().to_owned(),
        options: resource.options.clone(),
        key: resource.id.to_string(),
        config: secrets(resource),
        port: resource.port,
    })
}

pub(crate) fn entry(entry: &port::HistoryEntry) -> HistoryEntry {
    HistoryEntry {
        version: entry.version.number(),
        age_days: entry.age_days,
        change: entry.change.clone(),
        actor: entry.actor.clone(),
        status: entry.status.to_owned(),
        deploy: entry.deploy,
    }
}

/// The checks that are due for a proposal, in the order in which they are asked.
pub(crate) fn checks(proposal: &port::Proposal<'_>) -> Vec<Request> {
    let (app, actor) = (proposal.app.to_string(), proposal.actor.to_string());
    let change = proposal.change.to_string();
    let addons = texts(&proposal.addons);
    let mut due = vec![Request::ReleaseCheck(ReleaseCheck {
        app: app.clone(),
        actor: actor.clone(),
        change: change.clone(),
        deploy: proposal.change.is_deploy(),
        current: proposal.current.number(),
        config_keys: texts(&proposal.config_keys),
        addons: addons.clone(),
    })];
    if let Some(bill) = &proposal.bill {
        let owner = proposal.owner_bill.unwrap_or(*bill);
        due.push(Request::BillingCheck(BillingCheck {
            app: app.clone(),
            actor: actor.clone(),
            change: change.clone(),
            before: bill.before,
            after: bill.after,
            delta: bill.delta(),
            addons,
            owner: OwnerBill {
                name: proposal.owner.to_string(),
                before: owner.before,
                after: owner.after,
            },
        }));
    }
    if let Some(rollback) = &proposal.rollback {
        due.push(Request::RollbackCheck(RollbackCheck {
            app,
            actor,
            change,
            target: entry(&rollback.target),
            current: entry(&rollback.current),
            steps: rollback.steps,
        }));
    }
    due
}

fn release(subject: &Subject) -> Release {
    let commit = |commit: &Option<slugline_core::slug::Commit>| {
        commit.as_ref().map(|commit| commit.as_str().to_owned())
    };
    Release {
        version: subject.version.number(),
        change: subject.change.clone(),
        actor: subject.actor.clone(),
        at: subject.at.0,
        url: subject.url.clone(),
        commit: commit(&subject.commit),
        previous_commit: commit(&subject.previous_commit),
        git_log: subject.git_log.clone(),
        deploy: subject.deploy,
    }
}

pub(crate) fn addon(addon: &port::InstalledAddon) -> InstalledAddon {
    InstalledAddon {
        service: addon.plan.service().to_string(),
        plan: addon.plan.plan().to_owned(),
        id: addon.resource.as_ref().map(ToString::to_string),
        options: addon.options.clone(),
    }
}

/// What a plugin is asked about a release that is watched.
pub(crate) fn watch(watching: &port::Watching<'_>, addon: Option<InstalledAddon>) -> Request {
    let seen = watching.seen;
    Request::ReleaseWatch(ReleaseWatch {
        app: watching.app.to_string(),
        release: release(watching.release),
        seconds: seen.seconds,
        window: seen.window,
        last: seen.last,
        restarts: seen.restarts,
        requests: seen.requests,
        failed: seen.failed,
        addon,
    })
}

/// What a hook is told of an event; `None` where no hook is told of it.
pub(crate) fn event(app: &str, event: &Event, addon: Option<InstalledAddon>) -> Option<Request> {
    let app = app.to_owned();
    match event {
        Event::ReleaseCreated(subject) => Some(Request::ReleaseCreated(ReleaseCreated {
            app,
            release: release(subject),
            addon,
        })),
        Event::ReleaseFailed { subject, reason } => Some(Request::ReleaseFailed(ReleaseFailed {
            app,
            release: release(subject),
            reason: reason.clone(),
            addon,
        })),
        Event::AddonChanged {
            subject,
            before,
            after,
        } => Some(Request::AddonChanged(AddonChanged {
            app,
            release: release(subject),
            before: before.as_ref().map(ToString::to_string),
            after: after.as_ref().map(ToString::to_string),
            addon,
        })),
        Event::Deprovision { .. } | Event::Prune => None,
    }
}
