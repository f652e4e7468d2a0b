//! Before an operation begins: what an operation that died left behind is finished or undone
//! (S31). Whoever holds the app's lock knows that the one before is gone, since the kernel frees it
//! then; so there is nothing to unlock, and nobody has to do anything.

use super::{Engine, Failure, Progress, Request};
use crate::app::AppName;
use crate::journal::{self, Stage};
use crate::port::{AppLock, Holder, LedgerError, Lock, Moment, Outcome, Settlement};
use crate::release::Version;
use crate::time::Timestamp;

/// How long what is left to do is left to the command that caused it, in milliseconds.
const GRACE: i64 = 10_000;

/// What became of recovering an app.
struct Recovered {
    /// The app as it is now; `None` where its destruction has been finished.
    moment: Option<Moment>,
    /// What was done, in one line; `None` where there was nothing to do.
    said: Option<String>,
}

impl Engine<'_> {
    /// Takes the app's lock, tells whom it waits for (S33), and finishes or undoes what was left.
    pub(super) fn enter(
        &self,
        request: &Request<'_>,
        what: &str,
        progress: &mut dyn Progress,
    ) -> Result<(Box<dyn AppLock>, Moment), Failure> {
        let lock = self.lock(request, what, progress)?;
        let recovered = self.recover(request.app)?;
        if let Some(said) = &recovered.said {
            progress.recovered(said);
        }
        match recovered.moment {
            Some(moment) => Ok((lock, moment)),
            None => Err(LedgerError::NoApp(request.app.clone()).into()),
        }
    }

    /// Finishes or undoes what operations that died have left, and delivers what is due in the
    /// outboxes: of the apps that nobody is changing just now. Answers what was done, a line each.
    ///
    /// # Errors
    /// Those of the ledger; what has been done by then stays done.
    pub fn tidy(&self) -> Result<Vec<String>, LedgerError> {
        let mut said = Vec::new();
        for app in self.ledger.unfinished(self.late())? {
            said.extend(self.tidy_app(&app)?);
        }
        Ok(said)
    }

    /// Destroys what apps that are gone have left, since their providers could not do it then.
    /// Answers what was done, a line each.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn tidy_ownerless(&self) -> Result<Vec<String>, LedgerError> {
        let mut said = Vec::new();
        for (app, resource) in self.ledger.ownerless()? {
            if self.deprovision(&app, &resource)?.is_ok() {
                let service = resource.plan.service();
                said.push(format!(
                    "{app}: {service}, which was left over, was removed"
                ));
            }
        }
        Ok(said)
    }

    /// What is due at this instant is late: whoever caused it is at it.
    pub(super) fn late(&self) -> Timestamp {
        Timestamp(self.clock.now().0.saturating_sub(GRACE))
    }

    fn tidy_app(&self, app: &AppName) -> Result<Option<String>, LedgerError> {
        let recovered = self.recover_unless_held(app)?;
        if recovered.as_ref().is_some_and(|it| it.moment.is_some()) {
            self.announce_late(app)?;
        }
        let said = recovered.and_then(|it| it.said);
        Ok(said.map(|said| format!("{app}: {said}")))
    }

    /// Finishes or undoes what was left of an app, unless somebody is changing it: whoever does has
    /// done that. Answers what was done, in one line.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn recover_now(&self, app: &AppName) -> Result<Option<String>, LedgerError> {
        Ok(self.recover_unless_held(app)?.and_then(|it| it.said))
    }

    fn recover_unless_held(&self, app: &AppName) -> Result<Option<Recovered>, LedgerError> {
        let holder = self.holder("slugline: recover");
        let lock = self.ledger.lock(app, Lock::Change, &holder, &mut |_| false);
        let recovered = match lock {
            Ok(_lock) => self.recover(app),
            Err(error) => Err(error),
        };
        match recovered {
            // Somebody is at it, or has destroyed it meanwhile.
            Err(LedgerError::Held(_) | LedgerError::NoApp(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Finishes or undoes what was left of an app, whose lock is held.
    fn recover(&self, app: &AppName) -> Result<Recovered, LedgerError> {
        let moment = self.ledger.moment(app)?;
        let entries = self.ledger.journal(app)?;
        if moment.pending.is_none() && entries.is_empty() {
            return Ok(Recovered {
                moment: Some(moment),
                said: None,
            });
        }
        let destroyed = |entry: &journal::Entry| entry.effect == journal::Effect::Destroy;
        if entries.iter().any(destroyed) {
            return self.finish_destroying(app);
        }
        let now = self.clock.now();
        let mut did = Vec::new();
        if let Some(version) = moment.pending {
            self.fail_interrupted(app, version)?;
            did.push(format!("{version} is marked as failed"));
        }
        // What has just been interrupted is undone at once, what failed before when it is due.
        let is_due = |entry: &journal::Entry| entry.stage != Stage::Undo || entry.due <= now;
        if entries.iter().any(is_due) {
            did.extend(self.take_back(app)?);
        }
        let said =
            (!did.is_empty()).then(|| format!("An operation was interrupted: {}.", did.join(", ")));
        Ok(Recovered {
            moment: Some(self.ledger.moment(app)?),
            said,
        })
    }

    fn fail_interrupted(&self, app: &AppName, version: Version) -> Result<(), LedgerError> {
        let outcome = Outcome::Failed("interrupted before it was finished".to_owned());
        let settlement = Settlement {
            outcome,
            at: self.clock.now(),
            events: Vec::new(),
        };
        self.ledger.settle(app, version, &settlement)
    }

    fn finish_destroying(&self, app: &AppName) -> Result<Recovered, LedgerError> {
        // Where the supervisor does not answer its processes end with it: the ledger has no such
        // app any more.
        let _ = self.launcher.stop(app);
        let left = self.destroy_all(app)?;
        let mut said = format!("An operation was interrupted: {app} has been destroyed");
        for why in left {
            said.push_str(", ");
            said.push_str(&why);
        }
        said.push('.');
        Ok(Recovered {
            moment: None,
            said: Some(said),
        })
    }

    /// Destroys an app's resources and forgets it. Answers a line for each that could not be
    /// destroyed: they stay in the ledger, and [`Engine::tidy`] tries again.
    pub(super) fn destroy_all(&self, app: &AppName) -> Result<Vec<String>, LedgerError> {
        let mut left = Vec::new();
        for resource in self.ledger.resources(app)? {
            left.extend(self.deprovision(app, &resource)?.err());
        }
        self.ledger.destroy_app(app, self.clock.now())?;
        Ok(left)
    }

    /// Takes the app's lock, and tells whom it waits for (S33).
    fn lock(
        &self,
        request: &Request<'_>,
        what: &str,
        progress: &mut dyn Progress,
    ) -> Result<Box<dyn AppLock>, LedgerError> {
        let holder = self.holder(&format!("{}: {what}", request.actor));
        let (now, mut seen) = (self.clock.now(), String::new());
        let lock = self
            .ledger
            .lock(request.app, Lock::Change, &holder, &mut |other| {
                seen = other.seen_at(now);
                if request.wait {
                    progress.waiting(&seen);
                }
                request.wait
            });
        match lock {
            Err(LedgerError::Held(_)) => Err(LedgerError::Held(seen)),
            other => other,
        }
    }

    pub(super) fn holder(&self, what: &str) -> Holder {
        Holder {
            what: what.to_owned(),
            since: Some(self.clock.now()),
        }
    }
}
