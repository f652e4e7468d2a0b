//! Step 7, announce: what a settle left in the outbox is delivered, at least once and in order. It
//! never fails the release: what cannot be delivered stays in the outbox.

use super::Engine;
use crate::app::AppName;
use crate::event::Event;
use crate::journal::retry_at;
use crate::port::{Announcement, InstalledAddon, LedgerError, Lock, Outline, Waiting};
use crate::resource::Resource;
use crate::retention::{self, NotPruned};

impl Engine<'_> {
    /// Delivers what is in an app's outbox, and answers a line for each event that could not be
    /// delivered and stays there. Hooks are told in order: once one of them fails, those events
    /// that come after wait as well, so that a hook that hangs is waited for once and not once an
    /// event. Pruning and deprovisioning go on.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn announce(&self, app: &AppName) -> Result<Vec<String>, LedgerError> {
        if self.ledger.outbox(app)?.is_empty() {
            return Ok(Vec::new());
        }
        let holder = self.holder("announce");
        let _lock = self
            .ledger
            .lock(app, Lock::Outbox, &holder, &mut |_| true)?;
        self.deliver_all(app, self.ledger.outbox(app)?)
    }

    /// As [`Engine::announce`], for what is late, unless somebody else is at it.
    pub(super) fn announce_late(&self, app: &AppName) -> Result<Vec<String>, LedgerError> {
        let holder = self.holder("announce");
        let lock = self.ledger.lock(app, Lock::Outbox, &holder, &mut |_| false);
        let _lock = match lock {
            Err(LedgerError::Held(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let waiting = self.ledger.outbox(app)?;
        let now = self.late();
        // One that is not due holds up the hooks behind it.
        let held_up = waiting
            .iter()
            .position(|entry| entry.event.is_for_hooks() && entry.due > now);
        let is_due = |(place, entry): &(usize, Waiting)| {
            let behind = held_up.is_some_and(|held_up| *place >= held_up);
            entry.due <= now && !(behind && entry.event.is_for_hooks())
        };
        let due = waiting.into_iter().enumerate().filter(is_due);
        self.deliver_all(app, due.map(|(_, entry)| entry).collect())
    }

    fn deliver_all(&self, app: &AppName, all: Vec<Waiting>) -> Result<Vec<String>, LedgerError> {
        let mut undelivered = Vec::new();
        let mut hooks_wait = false;
        for entry in all {
            if entry.event.is_for_hooks() && hooks_wait {
                continue;
            }
            match self.deliver(app, &entry.event)? {
                Ok(()) => self.ledger.delivered(entry.place)?,
                Err(why) => {
                    hooks_wait |= entry.event.is_for_hooks();
                    let due = retry_at(self.clock.now(), entry.attempts);
                    self.ledger.undelivered(entry.place, &why, due)?;
                    undelivered.push(why);
                }
            }
        }
        Ok(undelivered)
    }

    /// The inner error says why it could not be delivered.
    fn deliver(&self, app: &AppName, event: &Event) -> Result<Result<(), String>, LedgerError> {
        match event {
            Event::Prune => match retention::prune_where_due(self, app) {
                Ok(()) => Ok(Ok(())),
                Err(NotPruned::Ledger(error)) => Err(error),
                Err(NotPruned::Policy(error)) => Ok(Err(error.to_string())),
            },
            Event::Deprovision { resource } => {
                let resources = self.ledger.resources(app)?;
                match resources.iter().find(|known| known.id == *resource) {
                    Some(known) => self.deprovision(app, known),
                    None => Ok(Ok(())),
                }
            }
            _ => {
                let outline = self.ledger.outline(app)?;
                let addons = installed(&outline, &self.ledger.resources(app)?);
                let told = self.policies.announce(&Announcement {
                    app,
                    event,
                    addons: &addons,
                });
                Ok(told.map_err(|error| error.to_string()))
            }
        }
    }

    pub(super) fn deprovision(
        &self,
        app: &AppName,
        resource: &Resource,
    ) -> Result<Result<(), String>, LedgerError> {
        match self.providers.deprovision(app, resource) {
            Ok(()) => self.ledger.remove_resource(&resource.id).map(Ok),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}

/// The add-ons that an app has now.
pub(super) fn installed(outline: &Outline, resources: &[Resource]) -> Vec<InstalledAddon> {
    let options = |id: &Option<_>| {
        let found = resources
            .iter()
            .find(|resource| Some(&resource.id) == id.as_ref());
        found
            .map(|resource| resource.options.clone())
            .unwrap_or_default()
    };
    let addons = outline.addons.values();
    addons
        .map(|addon| InstalledAddon {
            plan: addon.plan.clone(),
            resource: addon.resource.clone(),
            options: options(&addon.resource),
        })
        .collect()
}
