//! What must be so once the command after a fault has been given (S1, S3, S19, S28, S31). It must not
//! know what the fault was.

use std::collections::BTreeMap;

use slugline_core::port::{Ledger, LedgerError, Moment};
use slugline_core::release::{Status, Version};
use slugline_core::time::Timestamp;

use super::operations::APP;
use crate::values::name;
use crate::world::World;

/// Everything of an app that there is.
pub(super) fn legal(world: &World, found: &mut Vec<String>) {
    let looked = look(world, found);
    found.extend(looked.err().map(|error| format!("the ledger: {error}")));
}

/// Everything of an app that is gone.
pub(super) fn gone(world: &World, found: &mut Vec<String>) {
    let resources = world.resources.borrow();
    if !resources.is_empty() {
        found.push(format!("nobody has {resources:?}"));
    }
    if let Some(running) = world.running(&name(APP)) {
        found.push(format!("{running:?} runs without an app"));
    }
    let used = world.ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX));
    let used = used.into_iter().flatten().filter(|it| it.to.is_none());
    found.extend(used.map(|it| format!("{} is still paid for", it.plan)));
}

fn look(world: &World, found: &mut Vec<String>) -> Result<(), LedgerError> {
    let (app, ledger) = (name(APP), world.ledger.as_ref());
    let moment = ledger.moment(&app)?;
    numbers(world, &moment, found)?;
    let (journal, outbox) = (ledger.journal(&app)?, ledger.outbox(&app)?);
    if !journal.is_empty() {
        found.push(format!("in the journal: {journal:?}"));
    }
    if !outbox.is_empty() {
        found.push(format!("in the outbox: {outbox:?}"));
    }
    let has = moment.state.addons.values();
    let has: BTreeMap<_, _> = has
        .filter_map(|addon| Some((addon.resource.clone()?, addon.plan.clone())))
        .collect();
    let listed = ledger.resources(&app)?.into_iter();
    let listed: BTreeMap<_, _> = listed.map(|it| (it.id, it.plan)).collect();
    let exist = world.resources.borrow().clone();
    if has != listed || has != exist {
        found.push(format!(
            "it has {has:?}, lists {listed:?}, and there are {exist:?}"
        ));
    }
    for var in moment.state.config.iter().map(|(_, var)| var) {
        let lent = |(id, plan)| var.value.reveal() == format!("{plan}@{id}");
        if matches!(var.owner, slugline_core::config::Owner::Addon(_)) && !exist.iter().any(lent) {
            found.push("a config var is of no resource that there is".to_owned());
        }
    }
    let current = moment.current.as_ref().map(|it| (it.version, true));
    let runs = moment.state.slug.is_some() || has.values().any(|it| it.service().as_str() == "db");
    let running = world.running(&app);
    if running != current.filter(|_| runs) {
        found.push(format!("{running:?} runs and {current:?} is current"));
    }
    paid(ledger, &moment, found)
}

/// Numbers have no gaps, nothing is pending, the current release is the newest that succeeded, and
/// hooks were told of nothing else.
fn numbers(world: &World, moment: &Moment, found: &mut Vec<String>) -> Result<(), LedgerError> {
    let history = world.ledger.history(&moment.app.name, None, usize::MAX)?;
    let status = |status: &Status| status.word();
    let all: Vec<_> = history
        .iter()
        .map(|it| (it.version, status(&it.status)))
        .collect();
    let newest = all.first().map_or(Version::NONE, |it| it.0);
    if newest != moment.last || all.iter().any(|it| it.1 == "pending") || moment.pending.is_some() {
        found.push(format!("the newest is {} of {all:?}", moment.last));
    }
    let good = all.iter().find(|it| it.1 == "succeeded").map(|it| it.0);
    if moment.current.as_ref().map(|it| it.version) != good {
        found.push(format!("current is {:?} of {all:?}", moment.current));
    }
    // A tier that keeps all leaves no gap.
    let kept_all = moment
        .state
        .tier()
        .is_some_and(|tier| tier.plan() == "advanced");
    if kept_all && all.len() as u64 != newest.number() {
        found.push(format!("numbers are missing: {all:?}"));
    }
    let told = world.told.borrow();
    for (version, status) in all {
        let heard = told.contains(&format!("created {version}"));
        if heard != (status == "succeeded") {
            found.push(format!("{version} {status}, and hooks were told {told:?}"));
        }
    }
    Ok(())
}

/// What is paid for is what the app has (S28).
fn paid(ledger: &dyn Ledger, moment: &Moment, found: &mut Vec<String>) -> Result<(), LedgerError> {
    let used = ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX))?;
    let open = used.into_iter().filter(|it| it.to.is_none());
    let mut open: Vec<_> = open.map(|it| it.plan).collect();
    open.sort();
    let mut has: Vec<_> = moment
        .state
        .addons
        .values()
        .map(|it| it.plan.clone())
        .collect();
    has.sort();
    if open != has {
        found.push(format!("it has {has:?} and pays for {open:?}"));
    }
    Ok(())
}
